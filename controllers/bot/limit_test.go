// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// limited is an Account that allows so many Bots.
func limited(most int32) func(*spawnv1.Account) {
	return func(a *spawnv1.Account) { a.Spec.MaxBots = &most }
}

// wantLimitReached fails the test unless the Bot is refused for the limit, and has no machine.
func wantLimitReached(t *testing.T, e *testenv.Env, name string, parts ...string) {
	t.Helper()
	bot := e.Bot(name)
	e.WantCondition(bot, spawnv1.AdmittedCondition, metav1.ConditionFalse, spawnv1.AccountLimitReachedReason, parts...)
	e.WantCondition(bot, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.AccountLimitReachedReason)
	e.WantCondition(bot, spawnv1.DropletReadyCondition, metav1.ConditionUnknown, spawnv1.WaitingForAdmissionReason)
	wantOnly(t, bot, spawnv1.StalledCondition)
	if bot.Status.DropletName != "" || len(e.Live(name)) != 0 {
		t.Errorf("%s was refused and has machine %q", name, bot.Status.DropletName)
	}
}

// wipeStatus takes the Account's status away, as a restore without status does.
func wipeStatus(t *testing.T, e *testenv.Env) {
	t.Helper()
	account := e.Account()
	account.Status = spawnv1.AccountStatus{}
	if err := e.Client.Status().Update(t.Context(), account); err != nil {
		t.Fatal(err)
	}
}

func TestCRIT002_TenBotsAtALimitOfOneMakeOneInstanceWithoutAnyWebhook(t *testing.T) {
	const bots = 10
	e := testenv.New(t)
	e.GivenAccount(limited(1))
	name := func(n int) string { return fmt.Sprintf("bot-%d", n) }
	for n := range bots {
		e.GivenBot(name(n))
	}
	untilReady(e, name(0))
	e.Settle()
	wantSlots(t, e, name(0))
	wantInstances(t, e, name(0), 1, 1)
	for n := 1; n < bots; n++ {
		wantLimitReached(t, e, name(n), e.AccountName(), "maxBots 1", "allows 1 bot and has 1; delete one")
	}

	// Deleting the holder admits the next oldest, without an edit.
	next := e.Bot(name(1)).Generation
	first := e.Bot(name(0))
	e.Delete(first)
	untilGone(e, first)
	untilReady(e, name(1))
	e.Settle()
	if now := e.Bot(name(1)).Generation; now != next {
		t.Errorf("generation %d, was %d: it was edited", now, next)
	}
	wantSlots(t, e, name(1))
	wantInstances(t, e, name(1), 1, 2)
	for n := 2; n < bots; n++ {
		wantLimitReached(t, e, name(n), "has 1; delete one")
	}
}

func TestCRIT002_AYoungerBotLeavesTheSlotToAnOlderOne(t *testing.T) {
	e := testenv.New(t)
	e.GivenAccount(limited(1))
	e.GivenBot("older")
	e.GivenBot("younger")
	for range 3 { // it gets its finalizer first
		if _, err := e.ReconcileBot("younger"); err != nil {
			t.Fatal(err)
		}
	}
	result, err := e.ReconcileBot("younger")
	if err != nil || result.RequeueAfter <= 0 {
		t.Errorf("result %v, error %v, want to look again", result, err)
	}
	e.WantCondition(e.Bot("younger"), spawnv1.AdmittedCondition, metav1.ConditionUnknown, spawnv1.AccountNotReadyReason)
	wantOnly(t, e.Bot("younger"), spawnv1.ReconcilingCondition)
	wantSlots(t, e)
	untilReady(e, "older")
	e.Settle()
	wantLimitReached(t, e, "younger")
	wantSlots(t, e, "older")
}

func TestCRIT002_AfterALossOfTheStatusMachineOwnersComeFirstAndNoneIsDestroyed(t *testing.T) {
	e := testenv.New(t)
	account := e.GivenAccount(limited(3))
	early := e.GivenBot("early", liveTrading) // the oldest, and without a machine
	owners := []string{"owner-1", "owner-2", "owner-3"}
	for _, name := range owners {
		e.GivenBot(name)
		untilReady(e, name)
	}
	e.Update(account, func() { account.Spec.MaxBots = ptr.To[int32](2) })
	e.Update(early, func() { early.Spec.Trading.Mode = spawnv1.TradingPaper })
	e.Settle()
	wantSlots(t, e, owners...)

	wipeStatus(t, e)
	e.Restart()
	e.Settle()
	wantSlots(t, e, "owner-1", "owner-2")
	wantLimitReached(t, e, "early", "allows 2 bots and has 2; delete one")
	third := e.Bot("owner-3")
	e.WantCondition(third, spawnv1.AdmittedCondition, metav1.ConditionFalse, spawnv1.AccountLimitReachedReason)
	e.WantCondition(third, spawnv1.DropletReadyCondition, metav1.ConditionTrue, spawnv1.DropletReadyReason)
	for _, name := range owners {
		wantInstances(t, e, name, 1, 3)
	}

	// The next slot is that of the machine that counts already, however old the others are.
	e.Delete(e.Bot("owner-1"))
	untilReady(e, "owner-3")
	e.Settle()
	wantSlots(t, e, "owner-2", "owner-3")
	wantLimitReached(t, e, "early")
}

func TestASuspensionPowersOffAlsoWhatIsBeyondTheLimit(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	e.Settle()
	wipeStatus(t, e)
	account := e.Account()
	e.Update(account, func() {
		account.Spec.MaxBots, account.Spec.DesiredState = ptr.To[int32](0), spawnv1.AccountSuspended
	})
	e.Settle()
	e.WantCondition(e.Bot("scout"), spawnv1.AdmittedCondition, metav1.ConditionFalse, spawnv1.AccountSuspendedReason)
	if power := e.DropletOf("scout").Spec.PowerState; power != spawnv1.PowerOff {
		t.Errorf("the machine is to be %s", power)
	}
	wantSlots(t, e)
	wantInstances(t, e, "scout", 1, 1)
}

func TestCRIT002_AnAccountThatWasForcedAwayAndMadeAnewHasItsMachinesAndNoMore(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	e.GivenReadyBot("hawk")
	strip(e, e.Account())
	e.GivenBot("late")
	e.Settle()
	e.WantCondition(e.Bot("late"), spawnv1.AdmittedCondition, metav1.ConditionFalse, spawnv1.AccountNotFoundReason)

	e.GivenAccount(limited(2))
	untilReady(e, "scout")
	untilReady(e, "hawk")
	e.Settle()
	wantSlots(t, e, "scout", "hawk")
	wantLimitReached(t, e, "late")
	wantInstances(t, e, "scout", 1, 2)
	wantInstances(t, e, "hawk", 1, 2)
}

func TestCRIT002_TheSlotOfABotThatWasForcedAwayIsItsSuccessors(t *testing.T) {
	for what, forced := range map[string]func(e *testenv.Env){
		"the bot":                  func(e *testenv.Env) { strip(e, e.Bot("scout")) },
		"the bot and its droplet":  func(e *testenv.Env) { strip(e, e.Bot("scout")); strip(e, e.DropletOf("scout")) },
		"the bot, and its machine": func(e *testenv.Env) { strip(e, e.DropletOf("scout")); strip(e, e.Bot("scout")) },
	} {
		t.Run(what, func(t *testing.T) {
			e := testenv.New(t)
			e.GivenAccount(limited(1))
			first := e.GivenReadyBot("scout")
			forced(e)
			e.GivenBot("hawk")
			e.Settle()
			wantLimitReached(t, e, "hawk") // the slot is kept, and so is what the machine counts for

			e.GivenBot("scout")
			if bot := untilReady(e, "scout"); bot.Status.InstanceID != first.Status.InstanceID {
				t.Errorf("the bot has instance %d, want %d", bot.Status.InstanceID, first.Status.InstanceID)
			}
			e.MayKeepSlots = false
			e.Settle()
			wantSlots(t, e, "scout")
			wantInstances(t, e, "scout", 1, 1)
		})
	}
}

func TestASlotThatSomebodyTakesAwayIsTakenAgain(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	e.LoseSlot("scout")
	e.Settle()
	wantSlots(t, e, "scout")
	wantInstances(t, e, "scout", 1, 1)
}

func TestTheSlotOfAnAbandonedMachineIsKeptWhenItsBotGoes(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenReadyBot("scout")
	droplet := e.DropletOf("scout")
	id := fmt.Sprint(droplet.Status.InstanceID)
	e.Update(droplet, func() { droplet.Annotations = map[string]string{spawnv1.AbandonInstanceAnnotation: id} })
	e.Delete(bot)
	untilGone(e, bot)
	if slot, kept := e.Account().Status.Slots[slots.KeyOf(bot)]; !kept || slot.UID != string(bot.UID) {
		t.Errorf("slots %+v, want that of the machine that may be there yet", e.Account().Status.Slots)
	}
	wantInstances(t, e, "scout", 1, 1)
}

func TestABotThatIsNotAdmittedHasTheMachineThatIsThere(t *testing.T) {
	for state, edit := range map[string]func(*spawnv1.Bot){
		"running": func(*spawnv1.Bot) {}, "of another size": func(b *spawnv1.Bot) { b.Spec.Machine.Size = "s-2vcpu-4gb" },
	} {
		t.Run(state, func(t *testing.T) {
			e := testenv.New(t)
			id := plantMachine(e, "scout")
			e.GivenBot("scout", edit)
			e.Until("the instance is known", func() bool { return e.Bot("scout").Status.InstanceID == id })
			e.Settle()
			bot := e.Bot("scout")
			e.WantCondition(bot, spawnv1.AdmittedCondition, metav1.ConditionFalse, spawnv1.AccountNotFoundReason)
			e.WantCondition(bot, spawnv1.DropletReadyCondition, metav1.ConditionTrue, spawnv1.DropletReadyReason)
			if droplet := e.DropletOf("scout"); droplet.Spec.Size != "s-1vcpu-2gb" {
				t.Errorf("the machine is to be a %s, and is a s-1vcpu-2gb", droplet.Spec.Size)
			}
			if e.Creates() != 0 {
				t.Errorf("%d create requests, want none", e.Creates())
			}
			e.Delete(bot)
			untilGone(e, bot)
			wantInstances(t, e, "scout", 0, 1)
		})
	}
}

func TestABotThatIsNotAdmittedAsksForOnePassOverTheFleet(t *testing.T) {
	e := testenv.New(t)
	e.GivenBot("scout")
	e.Settle()
	before := e.Bot("scout").ResourceVersion
	for range 3 {
		e.Pass()
		if wait, err := e.Round(); err != nil || wait != 0 {
			t.Errorf("error %v, wants to look again in %s", err, wait)
		}
	}
	if now := e.Bot("scout"); now.ResourceVersion != before {
		t.Errorf("version %s, was %s", now.ResourceVersion, before)
	}
}

// TestAMachineNameThatIsStoredIsNotUsedBeforeTheBotIsAdmitted: a restart between the name and the Droplet, and the Bot
// is refused by then. Its instance is found again, and none is created.
func TestAMachineNameThatIsStoredIsNotUsedBeforeTheBotIsAdmitted(t *testing.T) {
	e := testenv.New(t)
	e.GivenBot("scout")
	e.Settle()
	name := identity.NewName(testenv.Fleet, e.Namespace, "scout")
	givenStatus(t, e, func(s *spawnv1.BotStatus) { s.DropletName = name })
	e.Settle()
	e.WantCondition(e.Bot("scout"), spawnv1.DropletReadyCondition, metav1.ConditionUnknown,
		spawnv1.WaitingForAdmissionReason)
	if len(e.Droplets()) != 0 {
		t.Errorf("droplets %v, want none", e.Droplets())
	}
	e.GivenAccount()
	if bot := untilReady(e, "scout"); bot.Status.DropletName != name {
		t.Errorf("the machine is %s, want %s", bot.Status.DropletName, name)
	}
	wantInstances(t, e, "scout", 1, 1)
}
