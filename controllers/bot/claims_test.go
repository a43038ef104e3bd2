// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// givenDroplet creates a Droplet by hand that says it is the Bot's, like the one that the Bot has.
func givenDroplet(t *testing.T, e *testenv.Env, bot, name string) *spawnv1.Droplet {
	t.Helper()
	like := e.DropletOf(bot)
	droplet := &spawnv1.Droplet{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: name, Finalizers: like.Finalizers}, Spec: like.Spec,
	}
	if err := e.Client.Create(t.Context(), droplet); err != nil {
		t.Fatal(err)
	}
	return droplet
}

// givenStatus writes scout's status as a confused administrator might.
func givenStatus(t *testing.T, e *testenv.Env, edit func(*spawnv1.BotStatus)) {
	t.Helper()
	obj := e.Bot("scout")
	edit(&obj.Status)
	if err := e.Client.Status().Update(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
}

func TestASecondDropletOfABotGetsNoInstanceAndGoesWithTheBot(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenReadyBot("scout")
	second := givenDroplet(t, e, "scout", "scout-second")
	e.Settle()
	if err := e.Client.Get(t.Context(), keyOf(second), second); err != nil {
		t.Fatal(err)
	}
	e.WantCondition(second, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.UnclaimedReason)
	if now := e.Bot("scout"); !e.IsReady(now) || now.Status.DropletName != bot.Status.DropletName {
		t.Errorf("the bot has %+v, want it Ready on %s", now.Status, bot.Status.DropletName)
	}
	wantInstances(t, e, "scout", 1, 1)

	e.Delete(bot)
	untilGone(e, bot)
	if len(e.Droplets()) != 0 {
		t.Errorf("left behind: %v", e.Droplets())
	}
	wantInstances(t, e, "scout", 0, 1)
}

func TestABotThatLostItsStatusTakesTheDropletThatHasAnInstance(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenReadyBot("scout")
	givenDroplet(t, e, "scout", "aaa-first-in-any-list")
	givenStatus(t, e, func(s *spawnv1.BotStatus) { *s = spawnv1.BotStatus{} })

	if now := untilReady(e, "scout"); now.Status.InstanceID != bot.Status.InstanceID {
		t.Errorf("the bot has %+v, want instance %d", now.Status, bot.Status.InstanceID)
	}
	wantInstances(t, e, "scout", 1, 1)
}

func TestABotThatLostItsStatusWaitsForADropletThatIsBeingDeleted(t *testing.T) {
	e := testenv.New(t)
	first := e.GivenReadyBot("scout")
	e.Delete(e.DropletOf("scout"))
	givenStatus(t, e, func(s *spawnv1.BotStatus) { *s = spawnv1.BotStatus{} })

	second := untilReady(e, "scout")
	if second.Status.InstanceID == first.Status.InstanceID || second.Status.DropletName == first.Status.DropletName {
		t.Errorf("the bot has %+v, want another machine than %+v", second.Status, first.Status)
	}
	wantInstances(t, e, "scout", 1, 2)
}

func TestAMachineNameOfAnotherBotIsLeftToIt(t *testing.T) {
	e := testenv.New(t)
	hawk := e.GivenReadyBot("hawk")
	e.GivenBot("scout")
	if _, err := e.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	givenStatus(t, e, func(s *spawnv1.BotStatus) { s.DropletName = hawk.Status.DropletName })
	e.Settle()

	scout := e.Bot("scout")
	e.WantCondition(scout, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.NameTakenReason,
		hawk.Status.DropletName, "Bot hawk")
	e.WantCondition(scout, spawnv1.AsSpecifiedCondition, metav1.ConditionUnknown, spawnv1.WaitingForMachineReason)
	wantOnly(t, scout, spawnv1.StalledCondition)
	if scout.Status.InstanceID != 0 || scout.Status.PublicIPv4 != "" {
		t.Errorf("scout shows hawk's machine: %+v", scout.Status)
	}
	if !e.IsReady(e.Bot("hawk")) {
		t.Errorf("hawk is not Ready any more\n%s", e.Describe())
	}

	e.Delete(scout)
	untilGone(e, scout)
	wantInstances(t, e, "hawk", 1, 1)
}

func TestAClearedMachineNameGivesTheBotItsOwn(t *testing.T) {
	e := testenv.New(t)
	hawk := e.GivenReadyBot("hawk")
	e.GivenReadyBot("scout")
	e.Settle()
	own := e.Bot("scout").Status
	givenStatus(t, e, func(s *spawnv1.BotStatus) { s.DropletName = hawk.Status.DropletName })
	e.Settle()
	e.WantCondition(e.Bot("scout"), spawnv1.DropletReadyCondition, metav1.ConditionFalse, spawnv1.NameTakenReason)

	givenStatus(t, e, func(s *spawnv1.BotStatus) { s.DropletName = "" })
	if back := untilReady(e, "scout"); back.Status.DropletName != own.DropletName {
		t.Errorf("scout has %s, want its own %s", back.Status.DropletName, own.DropletName)
	}
	wantInstances(t, e, "scout", 1, 2)
}
