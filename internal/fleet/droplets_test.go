// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/status"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// anHour lets the controllers and the passes over the fleet do what they do in an hour; failures are the cloud's doing.
func anHour(e *testenv.Env) {
	for range 60 {
		e.Pass()
		_, _ = e.Round()
		e.Step(time.Minute)
	}
}

// writes counts the requests that change something.
func writes(e *testenv.Env) int { return e.Cloud.Requests("POST", "") + e.Cloud.Requests("DELETE", "") }

func wantStalled(t *testing.T, e *testenv.Env, bot, reason string) {
	t.Helper()
	d := e.DropletOf(bot)
	e.WantCondition(d, spawnv1.ExistsCondition, metav1.ConditionUnknown, reason)
	e.WantCondition(d, spawnv1.ReadyCondition, metav1.ConditionFalse, reason)
	e.WantCondition(d, spawnv1.StalledCondition, metav1.ConditionTrue, reason)
	e.WantCondition(e.Bot(bot), spawnv1.ReadyCondition, metav1.ConditionFalse, reason)
}

// A fleet of one is the case in which nothing else can tell a lost instance from a foreign token.
func TestATokenOfAnotherTeamChangesNothingAndLosesNothing(t *testing.T) {
	e := testenv.New(t)
	e.Cloud.AddTeam(dosim.Team{}, foreign)
	e.GivenReadyBot("scout")
	before := e.DropletOf("scout")
	e.Step(2 * time.Minute) // old enough to be missed
	e.SetToken(foreign)
	e.Cloud.ResetJournal()
	anHour(e)

	wantStalled(t, e, "scout", spawnv1.AccountMismatchReason)
	after := e.DropletOf("scout")
	if after.UID != before.UID || after.Status.InstanceID != before.Status.InstanceID ||
		e.Bot("scout").Status.Incarnation != 1 {
		t.Errorf("the machine was given up\n%s", e.Describe())
	}
	for _, entry := range e.Cloud.Journal() {
		if entry.Route != account {
			t.Errorf("%s %s was sent with a token of another team", entry.Method, entry.Path)
		}
	}
	if n := len(e.Cloud.Journal()); n > 61 {
		t.Errorf("the team was asked for %d times in an hour, want at most once a minute", n)
	}

	e.SetToken("token-1")
	e.Until("the bot is Ready again", func() bool { return e.IsReady(e.Bot("scout")) })
	if writes(e) != 0 || e.Ever() != 1 || len(e.Live("scout")) != 1 {
		t.Errorf("%d writes and %d instances ever, want none and one\n%s", writes(e), e.Ever(), e.Describe())
	}
	e.Settle()
}

func TestATokenOfAnotherTeamLetsNoFinalizerGo(t *testing.T) {
	e := testenv.New(t)
	e.Cloud.AddTeam(dosim.Team{}, foreign)
	bot := e.GivenReadyBot("scout")
	e.SetToken(foreign)
	e.Delete(bot)
	anHour(e)
	d := e.DropletOf("scout")
	if !controllerutil.ContainsFinalizer(d, spawnv1.DropletFinalizer) || len(e.Live("scout")) != 1 {
		t.Errorf("the droplet was let go\n%s", e.Describe())
	}
	e.WantCondition(d, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.AccountMismatchReason)
	e.SetToken("token-1")
	e.Until("the bot is gone", func() bool { return !e.Exists(bot) })
	if len(e.Live("scout")) != 0 {
		t.Errorf("an instance is left\n%s", e.Describe())
	}
}

// A create in doubt is resolved by looks by name, and another team's empty answers would end it with a second machine.
func TestATokenOfAnotherTeamResolvesNoDoubt(t *testing.T) {
	e := testenv.New(t)
	e.Cloud.AddTeam(dosim.Team{}, foreign)
	e.Cloud.AddFault(dosim.Fault{Kind: dosim.FaultDropAfter, Method: "POST"})
	e.GivenAccount()
	e.GivenBot("scout")
	e.Until("the create is in doubt", func() bool {
		d := e.Droplets()
		return len(d) == 1 && d[0].Status.Attempt != nil && d[0].Status.Attempt.State == spawnv1.AttemptPending
	})
	e.SetToken(foreign)
	anHour(e)
	if attempt := e.DropletOf("scout").Status.Attempt; attempt.State != spawnv1.AttemptPending || attempt.EmptyLooks != 0 {
		t.Errorf("the attempt is %+v, want it as it was", attempt)
	}
	e.SetToken("token-1")
	e.Until("the bot is Ready", func() bool { return e.IsReady(e.Bot("scout")) })
	if e.Creates() != 1 || e.Ever() != 1 {
		t.Errorf("%d create requests made %d instances, want one and one", e.Creates(), e.Ever())
	}
}

// A manager that starts while DigitalOcean is down does not know whose its token is.
func TestNothingIsDestroyedOrAskedForWhileTheTeamIsUnknown(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	gone := e.GivenReadyBot("drifter")
	e.Restart()
	e.Cloud.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Route: account, Status: 503, Count: dosim.Forever})
	e.Cloud.ResetJournal()
	e.Delete(gone)
	e.GivenBot("hawk")
	anHour(e)
	if writes(e) != 0 || len(e.Live("drifter")) != 1 || e.Bot("scout").Status.Incarnation != 1 {
		t.Errorf("%d writes with a token of an unknown team\n%s", writes(e), e.Describe())
	}
	e.Cloud.ClearFaults()
	e.Until("everything is as declared", func() bool {
		return !e.Exists(gone) && e.IsReady(e.Bot("scout")) && e.IsReady(e.Bot("hawk"))
	})
	if e.Ever() != 3 {
		t.Errorf("%d instances ever, want 3", e.Ever())
	}
}

func TestABotOfANewFleetSaysThatThereAreNeighbours(t *testing.T) {
	e := testenv.New(t)
	e.LoseFleetRecord()
	e.Cloud.Plant(dosim.Plant{Name: "theirs", Tags: []string{
		spawnv1.ProductTag, spawnv1.FleetTagPrefix + "somebody-else",
	}})
	e.GivenAccount()
	e.GivenBot("scout")
	anHour(e)
	wantStalled(t, e, "scout", spawnv1.FleetUnacknowledgedReason)
	if writes(e) != 0 {
		t.Errorf("%d writes beside a neighbour that nobody has acknowledged", writes(e))
	}
	e.NewFleet = true
	e.Restart()
	e.Until("the bot is Ready", func() bool { return e.IsReady(e.Bot("scout")) })
	if e.Creates() != 1 {
		t.Errorf("%d create requests, want 1", e.Creates())
	}
}

func TestARefusedSpecKeepsItsReasonThroughAFreeze(t *testing.T) {
	e := testenv.New(t)
	e.Cloud.AddTeam(dosim.Team{}, foreign)
	e.GivenAccount()
	e.GivenBot("scout", func(b *spawnv1.Bot) { b.Spec.Machine.Region = "mars1" })
	refused := func() bool {
		d := e.Droplets()
		return len(d) == 1 && status.Reason(&d[0], spawnv1.ExistsCondition) == spawnv1.CreateRefusedReason
	}
	e.Until("the region is refused", refused)
	e.SetToken(foreign)
	anHour(e)
	e.SetToken("token-1")
	anHour(e)
	if !refused() {
		t.Errorf("the reason that a person has to read is gone\n%s", e.Describe())
	}
}

// A manager that starts anew has no pass yet, so it keeps what is written; the first pass has to correct it.
func TestAFleetThatThawedWhileTheManagerWasDownIsReadyAgain(t *testing.T) {
	e := testenv.New(t)
	e.Cloud.AddTeam(dosim.Team{}, foreign)
	e.GivenReadyBot("scout")
	e.SetToken(foreign)
	anHour(e)
	wantStalled(t, e, "scout", spawnv1.AccountMismatchReason)
	e.SetToken("token-1")
	e.Restart()
	_, _ = e.Round()
	e.Until("the bot is Ready", func() bool { return e.IsReady(e.Bot("scout")) })
}

func TestAFreezeIsSaidOnceForEachDroplet(t *testing.T) {
	e := testenv.New(t)
	e.Cloud.AddTeam(dosim.Team{}, foreign)
	e.GivenReadyBot("scout")
	for len(e.Manager.Events.Events) > 0 {
		<-e.Manager.Events.Events
	}
	e.SetToken(foreign)
	anHour(e)
	said := 0
	for len(e.Manager.Events.Events) > 0 {
		if event := <-e.Manager.Events.Events; strings.HasPrefix(event, "Warning AccountMismatch") {
			said++
		}
	}
	if said != 3 { // of the fleet, the Droplet and the Bot
		t.Errorf("%d events in an hour, want 3", said)
	}
}
