// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestCRIT003_ABotWaitsForItsAccountAndGoesOnWithoutAnEdit(t *testing.T) {
	e := testenv.New(t)
	e.GivenBot("scout")
	e.Settle()

	bot := e.Bot("scout")
	generation := bot.Generation
	e.WantCondition(bot, spawnv1.AdmittedCondition, metav1.ConditionFalse, spawnv1.AccountNotFoundReason, e.AccountName())
	e.WantCondition(bot, spawnv1.DropletReadyCondition, metav1.ConditionUnknown, spawnv1.WaitingForAdmissionReason)
	e.WantCondition(bot, spawnv1.AsSpecifiedCondition, metav1.ConditionUnknown, spawnv1.WaitingForMachineReason)
	e.WantCondition(bot, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.AccountNotFoundReason)
	wantOnly(t, bot, spawnv1.ReconcilingCondition)
	if calls := otherThanPasses(e); len(calls) != 0 || len(e.Droplets()) != 0 {
		t.Errorf("without an account: calls %v, droplets %v, want none", calls, e.Droplets())
	}

	e.GivenAccount()
	bot = untilReady(e, "scout")
	if bot.Generation != generation {
		t.Errorf("the bot was edited: generation %d, was %d", bot.Generation, generation)
	}
	e.WantCondition(bot, spawnv1.AdmittedCondition, metav1.ConditionTrue, spawnv1.AdmittedReason)
	e.WantCondition(bot, spawnv1.DropletReadyCondition, metav1.ConditionTrue, spawnv1.DropletReadyReason)
	wantInstances(t, e, "scout", 1, 1)
}

func TestCRIT003_AnAccountIsWhatTheAPIServerStores(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	e.Settle()
	before := e.Account()

	e.Restart()
	e.GivenReadyBot("hawk")
	e.Settle()
	account := e.Account()
	if account.Spec.ExternalID != before.Spec.ExternalID || account.UID != before.UID {
		t.Errorf("the account is another one after a restart: %+v, was %+v", account, before)
	}
	if account.Status.Bots.Admitted != 2 || account.Status.Limit == nil || *account.Status.Limit != 4 {
		t.Errorf("status %+v, want 2 bots admitted of 4", account.Status)
	}
}

func TestASuspendedAccountGetsNoMachineUntilItIsActive(t *testing.T) {
	e := testenv.New(t)
	account := e.GivenAccount(func(a *spawnv1.Account) { a.Spec.DesiredState = spawnv1.AccountSuspended })
	e.GivenBot("scout")
	e.Settle()

	bot := e.Bot("scout")
	e.WantCondition(bot, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.AccountSuspendedReason)
	e.WantCondition(bot, spawnv1.DropletReadyCondition, metav1.ConditionUnknown, spawnv1.WaitingForAdmissionReason)
	wantOnly(t, bot, "")
	if calls := otherThanPasses(e); len(calls) != 0 || len(e.Droplets()) != 0 {
		t.Errorf("suspended: calls %v, droplets %v, want none", calls, e.Droplets())
	}

	e.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountActive })
	untilReady(e, "scout")
	wantInstances(t, e, "scout", 1, 1)
}

func TestABotLosesAMachineWhileItsAccountIsSuspendedAndGetsTheNextAfterwards(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenReadyBot("scout")
	account := e.Account()
	e.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountSuspended })
	e.Delete(e.DropletOf("scout"))
	e.Until("the droplet is gone", func() bool { return len(e.Droplets()) == 0 })
	e.Settle()
	wantInstances(t, e, "scout", 0, 1)
	if now := e.Bot("scout"); now.Status.DropletName != "" || now.Status.InstanceID != 0 || now.Status.PublicIPv4 != "" {
		t.Errorf("status still names the machine that is gone: %+v", now.Status)
	}

	e.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountActive })
	if after := untilReady(e, "scout"); after.Status.DropletName == bot.Status.DropletName {
		t.Errorf("the next machine has the name of the last, %s", bot.Status.DropletName)
	}
	wantInstances(t, e, "scout", 1, 2)
}

func TestADeletedAccountWaitsForItsBotsAndKeepsTheirMachines(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenReadyBot("scout")
	account := e.Account()
	e.Delete(account)
	e.GivenBot("late")
	e.Settle()

	e.WantCondition(e.Account(), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.BotsRemainReason,
		e.Namespace+"/late", e.Namespace+"/scout")
	wantOnly(t, e.Account(), spawnv1.StalledCondition)
	e.WantCondition(e.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.AccountDeletingReason)
	wantOnly(t, e.Bot("scout"), spawnv1.StalledCondition)
	wantInstances(t, e, "scout", 1, 1)
	wantInstances(t, e, "late", 0, 1)

	e.Delete(bot)
	e.Delete(e.Bot("late"))
	untilGone(e, account)
	wantInstances(t, e, "scout", 0, 1)
}

func TestAnAccountThatVanishesLeavesTheMachineAlone(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	strip(e, e.Account())
	e.Settle()

	bot := e.Bot("scout")
	e.WantCondition(bot, spawnv1.AdmittedCondition, metav1.ConditionFalse, spawnv1.AccountNotFoundReason)
	wantOnly(t, bot, spawnv1.ReconcilingCondition)
	wantInstances(t, e, "scout", 1, 1)

	e.GivenAccount()
	untilReady(e, "scout")
	wantInstances(t, e, "scout", 1, 1)
}

func TestABotOfNoAccountCanBeDeletedWithItsMachine(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenReadyBot("scout")
	strip(e, e.Account())
	e.Delete(bot)
	untilGone(e, bot)
	wantInstances(t, e, "scout", 0, 1)
}
