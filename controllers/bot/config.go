// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/botconfig"
	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/seal"
	"github.com/cedros-io/open-spawn/internal/status"
)

// config is the step that owns condition ConfigApplied: the bot runs the newest version of what it is to run. It comes
// last, and stores the letter.
type config struct {
	deliveries *deliveries
	sources    *sources
	readings   *readings
	rollout    *rollout
}

// Reconcile renders what the bot is to run when that may have changed, gives it a number when it has, and says whether
// it runs. A heartbeat that says something new of it wakes us.
func (c *config) Reconcile(ctx context.Context, s *scope) (reconcile.Result, error) {
	if s.droplet == nil || s.letter == nil {
		s.set(notExpected(spawnv1.ConfigAppliedCondition))
		return reconcile.Result{}, nil
	}
	c.deliveries.choose(s.bot, deliveredOpenClaw(s.letter.content))
	var err error
	if s.turn, err = c.rollout.judge(ctx, s); err != nil {
		return reconcile.Result{}, err
	}
	reading := c.readings.last(s)
	if s.turn.refused == nil && !reading.isGood(s) {
		if reading, err = c.read(ctx, s); err != nil {
			return reconcile.Result{}, err
		}
	}
	if err := c.deliveries.write(ctx, s.letter); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: c.conclude(s, reading)}, nil
}

// conclude says what there is to say, and when to look again.
func (c *config) conclude(s *scope, reading reading) time.Duration {
	again := reading.until.Sub(s.now)
	if s.turn.refused != nil { // nothing was read, and nothing is before the spec changes
		reading.wrong, reading.until, again = s.turn.refused, s.now, readEvery
	}
	if s.turn.waits != nil {
		again = min(again, turnAgain)
	}
	c.judge(s, reading)
	known := s.bot.Status.Config
	reading.lags = known.DesiredVersion != known.AppliedVersion || reading.wrong != nil
	c.readings.keep(s, reading)
	return max(again, time.Millisecond)
}

// read reads all that the Bot refers to, and puts the content into the letter if it is a new one. What is wrong with
// the sources is said, and the content that there is stays.
func (c *config) read(ctx context.Context, s *scope) (reading, error) {
	from, err := c.sources.read(ctx, s.bot)
	var rendered *botconfig.Rendered
	if err == nil {
		rendered, err = c.render(ctx, s, from)
	}
	if wrong := wrongWith(err); wrong != nil {
		return c.readings.begin(s, wrong), nil
	}
	if err != nil {
		return reading{}, err
	}
	if err := c.number(ctx, s, rendered); err != nil {
		return reading{}, err
	}
	return c.readings.begin(s, nil), nil
}

// render renders the content with the version of OpenClaw whose turn it is. The turn is taken last, by a bot that can
// make use of it.
func (c *config) render(ctx context.Context, s *scope, from botconfig.Sources) (*botconfig.Rendered, error) {
	from.OpenClawVersion = s.turn.version
	rendered, err := botconfig.Render(s.bot, from)
	if err != nil || !s.turn.paced {
		return rendered, err
	}
	if err := c.rollout.take(ctx, s); err != nil {
		return nil, err
	}
	if s.turn.version == from.OpenClawVersion {
		return rendered, nil
	}
	from.OpenClawVersion = s.turn.version
	return botconfig.Render(s.bot, from)
}

// number gives a content the next number, unless it is what the newest number is of already. Its secrets are sealed to
// the machine that registered first, as soon as there is one.
func (c *config) number(ctx context.Context, s *scope, rendered *botconfig.Rendered) error {
	l, key := s.letter, ""
	if isRegistered(s) {
		key = s.bot.Status.SealKey
	}
	hash := rendered.Hash(c.deliveries.Key)
	isNew := l.content == nil || l.content.Hash != hash
	if !isNew && (key == "" || l.content.SealedTo == key) {
		return nil
	}
	content := &delivery.Content{Version: version(s, hash), Config: rendered.JSON, Hash: hash}
	if key != "" {
		if err := sealTo(content, s.droplet.Name, key, rendered); err != nil {
			return err
		}
	}
	if isNew {
		log.FromContext(ctx).Info("a new version of the config", "version", content.Version)
	}
	l.content = content
	return nil
}

// version is the number of a content: that which it has already, or the one after every number that was ever used.
func version(s *scope, hash string) int64 {
	l, known := s.letter, s.bot.Status.Config
	if l.content != nil && l.content.Hash == hash {
		return l.content.Version
	}
	last := known.DesiredVersion
	if l.content != nil {
		last = max(last, l.content.Version)
	}
	if l.presence != nil {
		last = max(last, l.presence.Facts.AppliedConfig)
	}
	if known.Hash == hash && known.DesiredVersion == last && last > 0 {
		return last // the same content for the next machine
	}
	return last + 1
}

func sealTo(content *delivery.Content, machine, key string, rendered *botconfig.Rendered) error {
	public, err := seal.ParsePublicKey(key)
	if err != nil {
		return fmt.Errorf("reading the key of machine %s: %w", machine, err)
	}
	secrets, err := rendered.SecretsJSON()
	if err != nil {
		return fmt.Errorf("writing the secrets for machine %s: %w", machine, err)
	}
	content.Sealed, err = public.Seal(protocol.SealContext(machine, content.Version, content.Config), secrets)
	content.SealedTo = key
	return err
}

// judge says what the bot runs, by its last heartbeat.
func (c *config) judge(s *scope, r reading) {
	known := &s.bot.Status.Config
	if content := s.letter.content; content != nil {
		known.DesiredVersion, known.Hash = content.Version, content.Hash
		known.DesiredOpenClawVersion = deliveredOpenClaw(content)
	}
	applied, message := int64(0), ""
	if isRegistered(s) {
		facts := s.letter.presence.Facts
		applied = facts.AppliedConfig
		if result := facts.Result; result != nil && !result.Applied && result.Version == known.DesiredVersion {
			message = result.Message
			if message == "" {
				message = "it does not say why"
			}
		}
	}
	if applied != known.AppliedVersion {
		known.AppliedVersion, known.AppliedAt = applied, &metav1.Time{Time: s.now}
	}
	if known.OpenClawVersion != "" && applied == known.DesiredVersion {
		known.OpenClawVersion = known.DesiredOpenClawVersion // a Bot that names none any more keeps what it has
	}
	known.Message = message
	known.Summary = fmt.Sprintf("%d/%d", known.DesiredVersion, known.AppliedVersion)
	s.set(c.condition(s, r))
}

func (c *config) condition(s *scope, r reading) condition {
	known, about := s.bot.Status.Config, spawnv1.ConfigAppliedCondition
	switch {
	case r.wrong != nil:
		return *r.wrong
	case !isRegistered(s):
		return waitingForRegistration(about, s.droplet)
	case known.Message != "":
		return status.False(about, spawnv1.ConfigRejectedReason, "version %d was not applied, and version %d runs on: %s",
			known.DesiredVersion, known.AppliedVersion, known.Message)
	case known.AppliedVersion == known.DesiredVersion && s.turn.waits != nil:
		return *s.turn.waits
	case known.AppliedVersion == known.DesiredVersion:
		return status.True(about, spawnv1.ConfigAppliedReason, "the bot runs version %d%s", known.AppliedVersion,
			remarkOn(s.letter.presence.Facts.Result, known.AppliedVersion))
	case !expects(s):
		return notExpected(about)
	}
	return status.Unknown(about, spawnv1.ApplyingConfigReason, "version %d is on its way, and version %d runs",
		known.DesiredVersion, known.AppliedVersion)
}

// remarkOn is what the bot says of the version that it runs, such as what of it counts for nothing.
func remarkOn(result *protocol.ConfigResult, version int64) string {
	if result == nil || !result.Applied || result.Version != version || result.Message == "" {
		return ""
	}
	return "; " + result.Message
}

// wrongWith is what to say of sources that cannot be rendered; nil when the error is of another kind.
func wrongWith(err error) *condition {
	const about = spawnv1.ConfigAppliedCondition
	var missing *botconfig.Missing
	var tooLarge *botconfig.TooLarge
	var closed *notOpen
	var c condition
	switch {
	case errors.As(err, &missing) && missing.HasSecret:
		c = status.False(about, spawnv1.SecretKeyNotFoundReason, "%s", missing)
	case errors.As(err, &missing):
		c = status.False(about, spawnv1.SecretNotFoundReason, "%s", missing)
	case errors.As(err, &tooLarge):
		c = status.False(about, spawnv1.ConfigTooLargeReason, "%s", tooLarge)
	case errors.As(err, &closed):
		c = status.False(about, closed.reason, "%s", closed.message)
	default:
		return nil
	}
	return &c
}

// forget is for a Bot that goes.
func (c *config) forget(key types.NamespacedName) {
	c.readings.forget(key)
	c.rollout.forget(key)
}
