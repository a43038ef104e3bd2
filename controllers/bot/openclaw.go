// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	utilversion "k8s.io/apimachinery/pkg/util/version"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/openclaw"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/status"
)

// choose gives a Bot that names no version of OpenClaw one, once: that which it runs already, or the default. It stays,
// so that another default changes nothing for a bot that there is.
func (d *deliveries) choose(bot *spawnv1.Bot, delivered string) {
	known := &bot.Status.Config
	if bot.Spec.OpenClaw.Version == "" && known.OpenClawVersion == "" {
		known.OpenClawVersion = cmp.Or(delivered, d.DefaultOpenClaw, openclaw.Default)
	}
}

// namedOpenClaw is the version that a Bot is to run: its spec's, or the one that was chosen for it.
func namedOpenClaw(bot *spawnv1.Bot) string {
	return cmp.Or(bot.Spec.OpenClaw.Version, bot.Status.Config.OpenClawVersion)
}

// deliveredOpenClaw is the version that a content names; empty when there is none.
func deliveredOpenClaw(content *delivery.Content) string {
	if content == nil {
		return ""
	}
	var config struct {
		OpenClaw protocol.Runtime `json:"openclaw"`
	}
	if err := json.Unmarshal(content.Config, &config); err != nil {
		return "" // somebody has spoilt it, and it is written anew
	}
	return config.OpenClaw.Version
}

// cannotRun says why a Bot is not given the version that it names, before anything is stopped for it; nil when it may
// be.
func cannotRun(s *scope, named, delivered string) *condition {
	const about = spawnv1.ConfigAppliedCondition
	if supported := openclaw.Supported(); !slices.Contains(supported, named) {
		c := status.False(about, spawnv1.OpenClawVersionUnsupportedReason,
			"spec.openclaw.version: OpenClaw %s is not supported, and nothing is changed; choose one of %s",
			named, strings.Join(supported, ", "))
		return &c
	}
	if ran := hasRun(s, delivered); isOlder(named, ran) {
		c := status.False(about, spawnv1.OpenClawDowngradeReason,
			"spec.openclaw.version: OpenClaw %s does not open what %s has written, and nothing is changed; keep %[2]s, or "+
				"replace the machine with spec.redeployAt, which begins anew without what the bot remembers", named, ran)
		return &c
	}
	return nil
}

// hasRun is the latest version that has written, or may be writing, the state on the bot's machine; empty when none
// has. One that was tried and did not work has not: the agent has put back what was there before.
func hasRun(s *scope, delivered string) string {
	isRestored := s.droplet.Spec.SnapshotID != 0
	facts := &protocol.Heartbeat{}
	if isRegistered(s) {
		facts = &s.letter.presence.Facts
	}
	if facts.AppliedConfig == 0 && !isRestored {
		return ""
	}
	ran := cmp.Or(facts.OpenClaw.Version, s.bot.Status.OpenClawVersion)
	if takesUp(s) && (ran == "" || isOlder(ran, delivered)) {
		return delivered
	}
	return ran
}

// takesUp tells whether the machine runs the content that it was given, or may be about to.
func takesUp(s *scope) bool {
	content := s.letter.content
	if content == nil || !isRegistered(s) {
		return false
	}
	return s.letter.presence.Facts.AppliedConfig >= content.Version || expects(s) && isApplying(s)
}

// isOlder compares two versions; one that is none is not older.
func isOlder(one, other string) bool {
	a, err := utilversion.ParseSemantic(one)
	if err != nil {
		return false
	}
	b, err := utilversion.ParseSemantic(other)
	return err == nil && a.LessThan(b)
}
