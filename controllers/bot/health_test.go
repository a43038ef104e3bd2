// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

const gib = 1 << 30

// says has the machine of scout say something else of itself, and the manager hear of it.
func says(t *testing.T, e *testenv.Env, m *testenv.Machines, edit func(*protocol.Heartbeat)) *spawnv1.Bot {
	t.Helper()
	m.Ails["scout"] = edit
	for range 2 { // the machine says it, and then the manager has heard it
		if _, err := e.Round(); err != nil {
			t.Fatal(err)
		}
	}
	return e.Bot("scout")
}

func works(b *protocol.Heartbeat) {
	b.OpenClaw = protocol.OpenClaw{Running: true, Healthy: true, Version: "2026.9.6"}
}

func TestARuntimeThatDoesNotWorkIsToldWithItsWords(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	bot := e.GivenReadyBot("scout")
	const about = spawnv1.RuntimeHealthyCondition
	e.WantCondition(bot, about, metav1.ConditionTrue, spawnv1.RuntimeHealthyReason, "2026.9.6")

	bot = says(t, e, m, func(b *protocol.Heartbeat) {
		b.OpenClaw = protocol.OpenClaw{Version: "2026.9.6", Restarts: 3, Message: "it has ended with 1"}
	})
	e.WantCondition(bot, about, metav1.ConditionFalse, spawnv1.RuntimeUnhealthyReason,
		"OpenClaw 2026.9.6", "3 restarts", "it has ended with 1")
	e.WantCondition(bot, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.RuntimeUnhealthyReason)
	wantOnly(t, bot, spawnv1.ReconcilingCondition)

	m.Silent["scout"] = true
	bot = untilReason(e, about, spawnv1.HeartbeatMissedReason)
	e.WantCondition(bot, about, metav1.ConditionUnknown, spawnv1.HeartbeatMissedReason)
	m.Silent["scout"] = false
	bot = says(t, e, m, works)
	e.WantCondition(bot, spawnv1.ReadyCondition, metav1.ConditionTrue, spawnv1.ReadyReason)
}

func TestARuntimeThatIsOnItsWayIsNotToldOff(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	m.Refuse["scout"] = "no such model"
	e.GivenAccount()
	e.GivenBot("scout")
	bot := untilReason(e, spawnv1.ConfigAppliedCondition, spawnv1.ConfigRejectedReason)
	e.WantCondition(bot, spawnv1.RuntimeHealthyCondition, metav1.ConditionUnknown, spawnv1.RuntimeStartingReason)
	delete(m.Refuse, "scout")
	edit(e, "claude-sonnet-4-6")
	untilReady(e, "scout")

	m.Ails["scout"] = func(b *protocol.Heartbeat) { b.OpenClaw.Healthy = false }
	bot = e.Bot("scout")
	e.Update(bot, func() { bot.Spec.DesiredState = spawnv1.BotPaused })
	e.Until("it is paused", func() bool { return e.IsReady(e.Bot("scout")) })
	e.Update(bot, func() { bot.Spec.DesiredState = spawnv1.BotRunning })
	bot = untilReason(e, spawnv1.RuntimeHealthyCondition, spawnv1.RuntimeStartingReason)
	e.WantCondition(bot, spawnv1.RuntimeHealthyCondition, metav1.ConditionUnknown, spawnv1.RuntimeStartingReason, "starts")
	started := e.Clock.Now()
	untilReason(e, spawnv1.RuntimeHealthyCondition, spawnv1.RuntimeUnhealthyReason)
	if took := e.Clock.Since(started); took < 3*time.Minute || took > 6*time.Minute {
		t.Errorf("it was told off after %s", took)
	}
	m.Ails["scout"] = works
	untilReady(e, "scout")
}

func TestAChannelThatIsNotConnectedIsToldWithItsSecret(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	e.GivenReadyBot("scout")
	e.GivenSecret("chat", "telegram", "123:abc")
	bot := e.Bot("scout")
	e.Update(bot, func() {
		bot.Spec.Channels = []spawnv1.Channel{{
			Type: spawnv1.ChannelTelegram, AllowFrom: []string{"7"},
			TokenSecretRef: spawnv1.SecretKeyReference{Name: "chat", Key: "telegram"},
		}}
	})
	untilReady(e, "scout")
	state := []protocol.ChannelState{{Type: "Telegram", Message: "401 Unauthorized"}, {Type: "Slack", Connected: true}}
	bot = says(t, e, m, func(b *protocol.Heartbeat) { b.Channels = state })
	e.WantCondition(bot, spawnv1.RuntimeHealthyCondition, metav1.ConditionFalse, spawnv1.ChannelDegradedReason,
		"Telegram is not connected: 401 Unauthorized", `key "telegram" of Secret "chat"`)
	wantOnly(t, bot, spawnv1.ReconcilingCondition)
	state[0].Connected = true
	bot = says(t, e, m, func(b *protocol.Heartbeat) { b.Channels = state })
	e.WantCondition(bot, spawnv1.RuntimeHealthyCondition, metav1.ConditionTrue, spawnv1.RuntimeHealthyReason)
}

func TestAFullDiskIsToldOnceAndForgottenOnlyWellBelow(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	e.GivenReadyBot("scout")
	e.Settle()
	version := e.Bot("scout").ResourceVersion
	for _, step := range []struct {
		free    int64
		full    bool
		written bool
	}{
		{24 * gib, false, false}, {20 * gib, false, false}, {25 * gib * 6 / 100, false, false},
		{gib, true, true}, {gib + 4096, true, false}, {25 * gib * 55 / 1000, true, true},
		{25 * gib * 9 / 100, false, true}, {25 * gib * 6 / 100, false, false},
	} {
		bot := says(t, e, m, func(b *protocol.Heartbeat) {
			b.Disk = protocol.Space{TotalBytes: 25 * gib, FreeBytes: step.free}
		})
		want, reason := metav1.ConditionTrue, spawnv1.RuntimeHealthyReason
		if step.full {
			want, reason = metav1.ConditionFalse, spawnv1.DiskPressureReason
		}
		e.WantCondition(bot, spawnv1.RuntimeHealthyCondition, want, reason)
		if written := bot.ResourceVersion != version; written != step.written {
			t.Errorf("with %d bytes free the Bot is written: %v", step.free, written)
		}
		version = bot.ResourceVersion
	}
	bot := says(t, e, m, func(b *protocol.Heartbeat) { b.Disk.FreeBytes = gib })
	e.WantCondition(bot, spawnv1.RuntimeHealthyCondition, metav1.ConditionFalse, spawnv1.DiskPressureReason,
		"4 % of the machine's disk is free, about 1.0 of 25 GiB")
}

func TestHowFarAMachineIsSetUpIsTold(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	step := &protocol.BootstrapStep{Name: "runtime", Message: "10 %"}
	m.Ails["scout"] = func(b *protocol.Heartbeat) { b.Bootstrap = step }
	e.GivenAccount()
	e.GivenBot("scout")
	bot := untilReason(e, spawnv1.DropletReadyCondition, spawnv1.BootstrappingReason)
	e.WantCondition(bot, spawnv1.DropletReadyCondition, metav1.ConditionUnknown, spawnv1.BootstrappingReason, `"runtime"`)
	e.Settle()
	version := e.Bot("scout").ResourceVersion
	says(t, e, m, func(b *protocol.Heartbeat) { b.Bootstrap = &protocol.BootstrapStep{Name: "runtime", Message: "20 %"} })
	if now := e.Bot("scout").ResourceVersion; now != version {
		t.Error("the Bot is written for every word of a step")
	}
	bot = says(t, e, m, func(b *protocol.Heartbeat) {
		b.Bootstrap = &protocol.BootstrapStep{Name: "runtime", Failed: true, Message: "curl: (6)"}
	})
	e.WantCondition(bot, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.BootstrapFailedReason,
		`step "runtime" has failed and is tried again: curl: (6)`)
	wantOnly(t, bot, spawnv1.ReconcilingCondition)
	m.Ails["scout"] = func(b *protocol.Heartbeat) { b.Bootstrap = nil }
	untilReady(e, "scout")
}

func TestWhatOfAConfigCountsForNothingIsTold(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	e.GivenReadyBot("scout")
	bot := says(t, e, m, func(b *protocol.Heartbeat) {
		b.Result = &protocol.ConfigResult{
			Version: 1, Applied: true, Message: "spec.openclaw.config: gateway counts for nothing",
		}
	})
	e.WantCondition(bot, spawnv1.ConfigAppliedCondition, metav1.ConditionTrue, spawnv1.ConfigAppliedReason,
		"the bot runs version 1; spec.openclaw.config: gateway counts for nothing")
}
