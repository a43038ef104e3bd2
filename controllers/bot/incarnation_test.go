// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// wantNextLife fails the test unless the Bot lives its second life, on another machine than in its first.
func wantNextLife(t *testing.T, e *testenv.Env, first *spawnv1.Bot) {
	t.Helper()
	second := untilReady(e, first.Name)
	was, is := first.Status, second.Status
	if is.DropletName == was.DropletName || is.InstanceID == was.InstanceID || is.Incarnation != 2 {
		t.Errorf("second life %+v, want another machine than in the first %+v", is, was)
	}
	if droplet := e.DropletOf(first.Name); droplet.Name != is.DropletName || droplet.Status.InstanceID != is.InstanceID {
		t.Errorf("droplet %s with instance %d is not the one in the status %+v", droplet.Name, droplet.Status.InstanceID, is)
	}
	if old, _ := e.Cloud.Instance(was.InstanceID); old.IsLive() {
		t.Errorf("the instance of the first life is still there: %+v", old)
	}
	wantInstances(t, e, first.Name, 1, 2)
}

func TestADropletDeletedByHandIsDestroyedAndReplaced(t *testing.T) {
	e := testenv.New(t)
	first := e.GivenReadyBot("scout")
	e.Delete(e.DropletOf("scout"))
	if _, err := e.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	bot := e.Bot("scout")
	e.WantCondition(bot, spawnv1.DropletReadyCondition, metav1.ConditionFalse, spawnv1.ReplacingMachineReason,
		first.Status.DropletName)
	e.WantCondition(bot, spawnv1.AsSpecifiedCondition, metav1.ConditionUnknown, spawnv1.WaitingForMachineReason)
	wantOnly(t, bot, spawnv1.ReconcilingCondition)
	wantInstances(t, e, "scout", 1, 1)

	wantNextLife(t, e, first)
}

func TestAnInstanceDestroyedInTheConsoleIsReplaced(t *testing.T) {
	e := testenv.New(t)
	first := e.GivenReadyBot("scout")
	if err := e.Cloud.DestroyInstance(first.Status.InstanceID); err != nil {
		t.Fatal(err)
	}
	e.Until("the loss is noticed", func() bool { return !e.IsReady(e.Bot("scout")) })
	wantNextLife(t, e, first)
}

func TestALostMachineIsNotReplacedWhileTheAccountIsSuspended(t *testing.T) {
	e := testenv.New(t)
	first := e.GivenReadyBot("scout")
	account := e.Account()
	e.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountSuspended })
	if err := e.Cloud.DestroyInstance(first.Status.InstanceID); err != nil {
		t.Fatal(err)
	}
	e.Until("the loss is noticed", func() bool {
		c := e.DropletOf("scout").Status.Conditions
		return len(c) > 0 && reasonOf(e.Bot("scout"), spawnv1.DropletReadyCondition) == spawnv1.InstanceLostReason
	})
	e.Settle()
	e.WantCondition(e.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.AccountSuspendedReason)
	wantInstances(t, e, "scout", 0, 1)

	e.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountActive })
	wantNextLife(t, e, first)
}

func TestAnInstanceWhoseObjectsWereForcedAwayIsAdoptedByTheBotsNextObject(t *testing.T) {
	e := testenv.New(t)
	first := e.GivenReadyBot("scout")
	strip(e, e.Bot("scout"))
	strip(e, e.DropletOf("scout"))
	wantInstances(t, e, "scout", 1, 1)

	e.GivenBot("scout")
	bot := untilReady(e, "scout")
	if bot.Status.InstanceID != first.Status.InstanceID || bot.Status.DropletName != first.Status.DropletName {
		t.Errorf("the bot has %+v, want the machine that was there: %+v", bot.Status, first.Status)
	}
	if e.Creates() != 1 {
		t.Errorf("%d create requests, want 1", e.Creates())
	}
	wantInstances(t, e, "scout", 1, 1)
}

func TestAnInstanceWhoseDropletWasForcedAwayIsAdoptedByItsBot(t *testing.T) {
	e := testenv.New(t)
	first := e.GivenReadyBot("scout")
	strip(e, e.DropletOf("scout"))
	e.Until("the bot has a droplet again", func() bool { return len(e.Droplets()) == 1 })

	bot := untilReady(e, "scout")
	if bot.Status.InstanceID != first.Status.InstanceID {
		t.Errorf("the bot has instance %d, want %d", bot.Status.InstanceID, first.Status.InstanceID)
	}
	wantInstances(t, e, "scout", 1, 1)
}

func TestADropletOutlivesABotThatWasForcedAwayAndIsItsAgain(t *testing.T) {
	e := testenv.New(t)
	first := e.GivenReadyBot("scout")
	strip(e, e.Bot("scout"))
	e.Settle()
	wantInstances(t, e, "scout", 1, 1)

	e.GivenBot("scout")
	if bot := untilReady(e, "scout"); bot.Status.InstanceID != first.Status.InstanceID {
		t.Errorf("the bot has instance %d, want %d", bot.Status.InstanceID, first.Status.InstanceID)
	}
	wantInstances(t, e, "scout", 1, 1)
}

// waitForPass lets scout wait for a pass until it says so: it gets its finalizer, waits, and has waited for long.
func waitForPass(t *testing.T, e *testenv.Env) {
	t.Helper()
	for range 3 {
		if _, err := e.ReconcileBot("scout"); err != nil {
			t.Fatal(err)
		}
		e.Step(time.Minute)
	}
}

func TestABotFindsAStrangersPassTooOldForIt(t *testing.T) {
	e := testenv.New(t)
	e.GivenAccount()
	bot := e.GivenBot("scout")
	waitForPass(t, e)
	e.WantCondition(e.Bot("scout"), spawnv1.DropletReadyCondition, metav1.ConditionUnknown,
		spawnv1.WaitingForInventoryReason)
	e.Pass()
	strip(e, bot)

	// Of the same name, but not the Bot that the pass was made for: a machine of that name has come into being since.
	id := plantMachine(e, "scout")
	e.GivenBot("scout")
	waitForPass(t, e)
	e.WantCondition(e.Bot("scout"), spawnv1.DropletReadyCondition, metav1.ConditionUnknown,
		spawnv1.WaitingForInventoryReason)
	if bot := untilReady(e, "scout"); bot.Status.InstanceID != id {
		t.Errorf("the bot has instance %d, want the one that was there, %d", bot.Status.InstanceID, id)
	}
	wantInstances(t, e, "scout", 1, 1)
}
