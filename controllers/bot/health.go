// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/status"
)

// startsWithin is how long OpenClaw may take to work after its machine was switched on, before it is said not to. The
// agent itself gives a start 2 min, and needs to be told to run before.
const startsWithin = 5 * time.Minute

// health is the step that owns condition RuntimeHealthy: by the bot's last heartbeat OpenClaw works, is reached, and
// has room. A heartbeat that says something new of it wakes us.
type health struct{}

// Reconcile judges only what was heard lately: of a bot that is silent nothing is known.
func (health) Reconcile(_ context.Context, s *scope) (reconcile.Result, error) {
	const about = spawnv1.RuntimeHealthyCondition
	fresh := status.Get(s.bot, spawnv1.HeartbeatFreshCondition)
	switch {
	case !expects(s):
		s.set(notExpected(about))
		return reconcile.Result{}, nil
	case !isRegistered(s):
		s.set(waitingForRegistration(about, s.droplet))
		return reconcile.Result{}, nil
	case fresh != nil && fresh.Status != metav1.ConditionTrue:
		s.set(status.Unknown(about, fresh.Reason, "how the bot is cannot be told: %s", fresh.Message))
		return reconcile.Result{}, nil
	}
	verdict, again := judgeHealth(s)
	s.set(verdict)
	return reconcile.Result{RequeueAfter: again}, nil
}

// judgeHealth says first what may be the cause of the rest: a full disk, then the runtime, then its channels.
func judgeHealth(s *scope) (verdict condition, again time.Duration) {
	const about = spawnv1.RuntimeHealthyCondition
	facts := &s.letter.presence.Facts
	if c := pressure(s, facts.Disk); c != nil {
		return *c, 0
	}
	if facts.AppliedConfig == 0 {
		return status.Unknown(about, spawnv1.RuntimeStartingReason, "no config has run on machine %s yet",
			s.droplet.Name), 0
	}
	if !facts.OpenClaw.Running || !facts.OpenClaw.Healthy {
		return ailing(s, facts.OpenClaw)
	}
	if broken := brokenChannels(s.bot, facts.Channels); broken != "" {
		return status.False(about, spawnv1.ChannelDegradedReason, "%s", broken), 0
	}
	return status.True(about, spawnv1.RuntimeHealthyReason, "%s works", nameOf(facts.OpenClaw)), 0
}

// ailing says why a runtime does not work, or that it is merely on its way.
func ailing(s *scope, o protocol.OpenClaw) (verdict condition, again time.Duration) {
	const about = spawnv1.RuntimeHealthyCondition
	if isApplying(s) {
		return status.Unknown(about, spawnv1.ApplyingConfigReason, "version %d of the config is being applied",
			s.letter.content.Version), 0
	}
	if starting := startsFor(s); starting > 0 {
		return status.Unknown(about, spawnv1.RuntimeStartingReason, "%s starts: %s", nameOf(o), wordsOf(o.Message)), starting
	}
	return status.False(about, spawnv1.RuntimeUnhealthyReason,
		"%s does not work%s, and is started again: %s; `journalctl -u openclaw` on the machine has more",
		nameOf(o), afterRestarts(o.Restarts), wordsOf(o.Message)), 0
}

// isApplying tells whether the bot has a newer content than it runs, and has not said what became of it.
func isApplying(s *scope) bool {
	content, facts := s.letter.content, &s.letter.presence.Facts
	if content == nil || content.Version <= facts.AppliedConfig {
		return false
	}
	return facts.Result == nil || facts.Result.Version < content.Version
}

// startsFor is for how long a runtime that does not work may still be on its way since the machine was switched on; 0
// when it has worked since, or was started again.
func startsFor(s *scope) time.Duration {
	was := status.Get(s.bot, spawnv1.RuntimeHealthyCondition)
	hasWorked := was != nil && (was.Status == metav1.ConditionTrue || was.Reason == spawnv1.RuntimeUnhealthyReason)
	since := onSince(s.droplet)
	if hasWorked || since.IsZero() || s.letter.presence.Facts.OpenClaw.Restarts > 0 {
		return 0
	}
	return max(since.Add(startsWithin).Sub(s.now), 0)
}

// pressure is nil when there is room. A disk that was full has it again only well above the limit, so that the Bot does
// not say this and that in turns.
func pressure(s *scope, disk protocol.Space) *condition {
	level := delivery.LevelOf(disk)
	stands := status.Reason(s.bot, spawnv1.RuntimeHealthyCondition) == spawnv1.DiskPressureReason
	if level == delivery.DiskRoomy || level == delivery.DiskLow && !stands {
		return nil
	}
	const gib = 1 << 30
	percent, _ := delivery.FreePercent(disk)
	total := float64(disk.TotalBytes) / gib
	c := status.False(spawnv1.RuntimeHealthyCondition, spawnv1.DiskPressureReason,
		"%d %% of the machine's disk is free, about %.1f of %.0f GiB, and it needs %d %% before it is well again; "+
			"make room on the machine, or replace it with spec.redeployAt",
		percent, total*float64(percent)/100, total, delivery.DiskClearPercent) //nolint:mnd // percent
	return &c
}

// brokenChannels says which channels are not connected, why, and where to look; empty when all are.
func brokenChannels(bot *spawnv1.Bot, channels []protocol.ChannelState) string {
	var broken []string
	for _, channel := range channels {
		if !channel.Connected {
			broken = append(broken, fmt.Sprintf("%s is not connected: %s%s",
				channel.Type, wordsOf(channel.Message), tokenOf(bot, channel.Type)))
		}
	}
	return strings.Join(broken, "; ")
}

// tokenOf says which Secret has the token of a channel.
func tokenOf(bot *spawnv1.Bot, channel string) string {
	for i := range bot.Spec.Channels {
		if c := &bot.Spec.Channels[i]; string(c.Type) == channel {
			keys := fmt.Sprintf("key %q of Secret %q", c.TokenSecretRef.Key, c.TokenSecretRef.Name)
			if app := c.AppTokenSecretRef; app != nil {
				keys += fmt.Sprintf(" and key %q of Secret %q", app.Key, app.Name)
			}
			return "; check the token, " + keys
		}
	}
	return ""
}

func nameOf(o protocol.OpenClaw) string { return strings.TrimSpace("OpenClaw " + o.Version) }

func afterRestarts(count int32) string {
	switch count {
	case 0:
		return ""
	case 1:
		return " after 1 restart"
	}
	return fmt.Sprintf(" after %d restarts", count)
}

func wordsOf(message string) string {
	if message == "" {
		return "it does not say why"
	}
	return message
}
