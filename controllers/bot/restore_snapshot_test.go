// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

// loseSnapshot destroys a Bot's snapshot behind everybody's back.
func (h *hands) loseSnapshot(bot *spawnv1.Bot) {
	h.t.Helper()
	if err := h.api.DeleteSnapshot(h.t.Context(), bot.Status.SnapshotID); err != nil {
		h.t.Fatal(err)
	}
}

func TestALostSnapshotIsToldAndTheImageIsOnlyTakenWhenAskedFor(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	asleep := h.untilHibernated()
	h.loseSnapshot(asleep)
	h.want("scout", spawnv1.BotRunning)
	started := h.Clock.Now()
	h.until("the loss is told", func() bool {
		return reasonOf(h.Bot("scout"), spawnv1.DropletReadyCondition) == spawnv1.SnapshotLostReason
	})
	if after := h.Clock.Since(started); after < 30*time.Second {
		t.Errorf("the snapshot is taken for lost after %s", after)
	}
	h.settle()
	h.WantCondition(h.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.SnapshotLostReason,
		"spec.redeployAt")
	wantOnly(t, h.Bot("scout"), spawnv1.StalledCondition)
	h.Cloud.ResetJournal()
	h.Restart()
	for range 5 {
		if _, err := h.ReconcileBot("scout"); err != nil {
			t.Fatal(err)
		}
	}
	if calls := h.snapshotCalls(); calls != 0 {
		t.Errorf("at rest: %d requests for snapshots", calls)
	}
	h.want("scout", spawnv1.BotHibernated)
	h.settle()
	h.WantCondition(h.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.SnapshotLostReason)

	before := metav1.NewTime(asleep.Status.MachineCreatedAt.Add(-time.Hour))
	bot := h.Bot("scout")
	h.Update(bot, func() { bot.Spec.DesiredState, bot.Spec.RedeployAt = spawnv1.BotRunning, &before })
	h.settle()
	h.WantCondition(h.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.SnapshotLostReason)
	wantInstances(t, h.Env, "scout", 0, 1)

	now := metav1.NewTime(h.Clock.Now())
	h.Update(bot, func() { bot.Spec.RedeployAt = &now })
	h.untilReady("scout")
	if spec := h.DropletOf("scout").Spec; spec.Image == "" {
		t.Errorf("the machine is from %+v, want the image", spec)
	}
	h.settle()
	if id := h.Bot("scout").Status.SnapshotID; id != 0 {
		t.Errorf("the bot still names snapshot %d", id)
	}
}

func TestASnapshotThatVanishesBeforeItsMachineIsCreatedIsToldAsLost(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	asleep := h.untilHibernated()
	h.want("scout", spawnv1.BotRunning)
	h.Manager.Before = once(isCreate, func() error {
		h.loseSnapshot(asleep)
		return nil
	})
	h.until("the loss is told", func() bool {
		return reasonOf(h.Bot("scout"), spawnv1.DropletReadyCondition) == spawnv1.SnapshotLostReason
	})
	wantInstances(t, h.Env, "scout", 0, 1)
}

func TestABotIsRestoredPaused(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	h.untilHibernated()
	h.want("scout", spawnv1.BotPaused)
	h.until("it is paused", func() bool {
		return reasonOf(h.Bot("scout"), spawnv1.ReadyCondition) == spawnv1.PausedReason
	})
	h.settle()
	if instance := h.Live("scout")[0]; instance.State != "off" {
		t.Errorf("the machine is %s, want off", instance.State)
	}
	h.wantSnapshots()
}

func TestTheImageOfARestoredMachineIsNotCompared(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	h.untilHibernated()
	bot := h.Bot("scout")
	h.Update(bot, func() { bot.Spec.DesiredState, bot.Spec.Machine.Image = spawnv1.BotRunning, "debian-12-x64" })
	h.untilReady("scout")
	h.settle()
	h.WantCondition(h.Bot("scout"), spawnv1.AsSpecifiedCondition, metav1.ConditionTrue, spawnv1.AsSpecifiedReason)
	wantInstances(t, h.Env, "scout", 1, 2)
}

func TestARenamedSnapshotIsSomebodysWhoKeepsIt(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	asleep := h.untilHibernated()
	foreign := h.plantSnapshot("holiday-pictures")
	bot := h.Bot("scout")
	before := bot.DeepCopy()
	bot.Status.SnapshotID = foreign
	if err := h.Client.Status().Patch(t.Context(), bot, mergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	h.want("scout", spawnv1.BotRunning)
	h.untilReady("scout")
	h.settle()
	h.wantSnapshots(asleep.Status.SnapshotID, foreign)
}

func TestARestoredBotWhoseStatusIsLostStillDropsItsSnapshot(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	h.untilHibernated()
	h.want("scout", spawnv1.BotRunning)
	h.until("it has a droplet again", func() bool { return len(h.Droplets()) == 1 })
	givenStatus(t, h.Env, func(s *spawnv1.BotStatus) { *s = spawnv1.BotStatus{} })
	h.untilReady("scout")
	h.settle()
	h.wantSnapshots()
	wantInstances(t, h.Env, "scout", 1, 2)
}

func TestARestoreInARegionWithoutTheSnapshotIsToldAndPutRight(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	h.untilHibernated()
	bot := h.Bot("scout")
	h.Update(bot, func() { bot.Spec.DesiredState, bot.Spec.Machine.Region = spawnv1.BotRunning, "ams3" })
	h.until("the refusal is told", func() bool {
		return status.IsTrue(h.Bot("scout"), spawnv1.StalledCondition) &&
			reasonOf(h.Bot("scout"), spawnv1.ReadyCondition) == spawnv1.CreateRefusedReason
	})
	h.Update(bot, func() { bot.Spec.Machine.Region = "nyc3" })
	h.untilReady("scout")
	h.settle()
	h.wantSnapshots()
	if !strings.HasPrefix(h.DropletOf("scout").Spec.Region, "nyc") {
		t.Errorf("region %s", h.DropletOf("scout").Spec.Region)
	}
}
