// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/status"
)

func TestOnlyBotsThatWaitForTheirTurnAreWokenForIt(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := spawnv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	bot := func(name, account, reason string) *spawnv1.Bot {
		b := &spawnv1.Bot{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: name}}
		b.Spec.AccountRef.Name = account
		status.Set(b, noon, status.Unknown(spawnv1.ConfigAppliedCondition, reason, "x"))
		return b
	}
	through := bot("through", "acme", spawnv1.ApplyingConfigReason)
	reader := fake.NewClientBuilder().WithScheme(scheme).
		WithObjects(through, bot("waits", "acme", spawnv1.RolloutWaitingReason),
			bot("applies", "acme", spawnv1.ApplyingConfigReason), bot("stranger", "other", spawnv1.RolloutWaitingReason)).
		WithIndex(&spawnv1.Bot{}, index.BotAccount, func(obj client.Object) []string {
			b, _ := obj.(*spawnv1.Bot)
			return []string{b.Spec.AccountRef.Name}
		}).Build()
	if woken := waitingForTurn(reader)(t.Context(), through); len(woken) != 1 || woken[0].Name != "waits" {
		t.Errorf("woken are %v, want only the one that waits", woken)
	}
}

func TestWhatOfABotWakesThoseThatWaitForIt(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*spawnv1.Bot)
		wakes  bool
	}{
		"nothing":         {func(*spawnv1.Bot) {}, false},
		"other words":     {func(b *spawnv1.Bot) { b.Status.Conditions[0].Message = "y" }, false},
		"it is well":      {func(b *spawnv1.Bot) { b.Status.Conditions[0].Status = metav1.ConditionTrue }, true},
		"it is to be off": {func(b *spawnv1.Bot) { b.Spec.DesiredState = spawnv1.BotPaused }, true},
		"it is Live":      {func(b *spawnv1.Bot) { b.Spec.Trading.Mode = spawnv1.TradingLive }, true},
		"another version": {func(b *spawnv1.Bot) { b.Spec.OpenClaw.Version = "2026.9.6" }, true},
		"it was given it": {func(b *spawnv1.Bot) { b.Status.Config.DesiredOpenClawVersion = "2026.9.6" }, true},
	} {
		before := &spawnv1.Bot{}
		before.Spec.DesiredState, before.Status.DropletName = spawnv1.BotRunning, "scout-1"
		status.Set(before, noon, status.Unknown(spawnv1.DropletReadyCondition, spawnv1.BootstrappingReason, "x"))
		after := before.DeepCopy()
		test.change(after)
		if got := paceChanged().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != test.wakes {
			t.Errorf("%s: it wakes: %v", name, got)
		}
	}
	if !paceChanged().Delete(event.DeleteEvent{}) || paceChanged().Create(event.CreateEvent{}) {
		t.Error("one that goes wakes nobody, or one that comes does")
	}
}

func TestWhichVersionHasWrittenTheStateOfAMachine(t *testing.T) {
	const older, newer = "2026.9.5", "2026.9.6"
	applied := func(version int64) *protocol.Heartbeat { return &protocol.Heartbeat{AppliedConfig: version} }
	for name, test := range map[string]struct {
		facts    *protocol.Heartbeat // of a machine that has registered
		restored bool
		known    string // in the Bot's status
		given    string
		want     string
	}{
		"a new machine":                     {known: newer},
		"a restored one":                    {known: newer, restored: true, want: newer},
		"nothing was applied":               {facts: &protocol.Heartbeat{}, given: newer},
		"it runs":                           {facts: applied(2), known: older, given: newer, want: newer},
		"it is on its way":                  {facts: applied(1), known: older, given: newer, want: newer},
		"a runtime that says nothing of it": {facts: applied(2), given: newer, want: newer},
		"it was tried, and went back": {
			facts: &protocol.Heartbeat{AppliedConfig: 1, Result: &protocol.ConfigResult{Version: 2}},
			known: older, given: newer, want: older,
		},
		"it says more than is known": {
			facts: &protocol.Heartbeat{AppliedConfig: 2, OpenClaw: protocol.OpenClaw{Version: newer}},
			known: older, given: older, want: newer,
		},
	} {
		s := &scope{bot: &spawnv1.Bot{}, droplet: &spawnv1.Droplet{}, letter: &letter{}}
		s.droplet.Spec.PowerState = spawnv1.PowerOn
		status.Set(s.droplet, noon, status.True(spawnv1.RunningCondition, spawnv1.PoweredOnReason, "on"))
		s.bot.Status.OpenClawVersion = test.known
		if test.restored {
			s.droplet.Spec.SnapshotID = 7
		}
		if test.facts != nil {
			s.letter.presence = &delivery.Presence{Facts: *test.facts}
		}
		if test.given != "" {
			s.letter.content = &delivery.Content{Version: 2}
		}
		if got := hasRun(s, test.given); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	for _, pair := range [][2]string{{older, newer}, {newer, "2026.10.1"}, {newer + "-beta.1", newer}} {
		if !isOlder(pair[0], pair[1]) || isOlder(pair[1], pair[0]) {
			t.Errorf("%s is not older than %s, or the reverse", pair[0], pair[1])
		}
	}
	if isOlder("2026.9.5", "") || isOlder("", "2026.9.5") || isOlder("2026.9.5", "2026.9.5") {
		t.Error("what is no version, or the same, is older")
	}
}
