// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// drain makes the manager believe that so much of the hour is left.
func drain(e *testenv.Env, left int) {
	e.Manager.Budget.Observe(cloud.Answer{Status: 200, Limit: 5000, Remaining: left})
}

func TestACreateWithoutRoomWaitsAndLeavesNoIntent(t *testing.T) {
	e := testenv.New(t)
	e.GivenAccount()
	name := e.GivenDroplet("scout").Name
	drain(e, 251) // one more than is kept for what destroys, and a look and a create are two
	result, err := e.ReconcileDroplet(name)
	if err != nil || result.RequeueAfter <= 0 {
		t.Fatalf("result %v, error %v, want a wait", result, err)
	}
	droplet := e.DropletOf("scout")
	next := e.Clock.Now().Add(result.RequeueAfter).UTC().Format("15:04:05 MST")
	e.WantCondition(droplet, spawnv1.ExistsCondition, metav1.ConditionUnknown, spawnv1.ThrottledReason, next)
	e.WantCondition(droplet, spawnv1.ReconcilingCondition, metav1.ConditionTrue, spawnv1.ThrottledReason, next)
	if droplet.Status.Attempt != nil || status.IsTrue(droplet, spawnv1.StalledCondition) {
		t.Errorf("status %+v", droplet.Status)
	}
	if n := e.Cloud.Requests("", ""); e.Cloud.Requests("GET", "/v2/droplets") != n { // the passes that gave it its name
		t.Errorf("%d requests were made: %v", n, e.Cloud.Journal())
	}
	requests := len(e.Cloud.Journal())

	for range 5 { // woken too early, by whatever
		e.Step(time.Second)
		drain(e, 251)
		if _, err := e.ReconcileDroplet(name); err != nil {
			t.Fatal(err)
		}
	}
	if again := e.DropletOf("scout"); again.ResourceVersion != droplet.ResourceVersion {
		t.Errorf("the status was written again: %+v, was %+v", again.Status.Conditions, droplet.Status.Conditions)
	}
	if len(e.Cloud.Journal()) != requests {
		t.Error("something was sent")
	}
	wantNoWarning(t, e)

	drain(e, 5000)
	e.Until("the bot is Ready", func() bool { return e.IsReady(e.Bot("scout")) })
	if e.Creates() != 1 {
		t.Errorf("%d creates", e.Creates())
	}
}

func wantNoWarning(t *testing.T, e *testenv.Env) {
	t.Helper()
	for {
		select {
		case event := <-e.Manager.Events.Events:
			if strings.HasPrefix(event, "Warning") {
				t.Errorf("event %q", event)
			}
		default:
			return
		}
	}
}

func TestADestructionIsLetThroughWhenNothingElseIs(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenReadyBot("scout")
	e.Delete(bot)
	e.Until("the bot is gone", func() bool {
		drain(e, 100)
		return !e.Exists(bot)
	})
	if live := e.Live("scout"); len(live) != 0 {
		t.Errorf("left behind: %v", live)
	}
}

func TestABootingInstanceIsSeenInThePassWhenItCannotBePolled(t *testing.T) {
	e := testenv.New(t)
	name := e.GivenDroplet("scout").Name
	if _, err := e.ReconcileDroplet(name); err != nil {
		t.Fatal(err)
	}
	e.Step(time.Minute)
	e.Pass()
	drain(e, 500) // too little for polls
	before := len(e.Cloud.Journal())
	if _, err := e.ReconcileDroplet(name); err != nil {
		t.Fatal(err)
	}
	if d := e.DropletOf("scout"); d.Status.State != string(cloud.StateActive) || len(e.Cloud.Journal()) != before {
		t.Errorf("state %s after %d requests", d.Status.State, len(e.Cloud.Journal())-before)
	}
}

func TestThrottledPollsWriteNothing(t *testing.T) {
	e := testenv.New(t)
	name := e.GivenDroplet("scout").Name
	if _, err := e.ReconcileDroplet(name); err != nil {
		t.Fatal(err)
	}
	before := e.DropletOf("scout")
	for range 3 {
		drain(e, 500)
		if result, err := e.ReconcileDroplet(name); err != nil || result.RequeueAfter <= 0 {
			t.Fatalf("result %v, error %v, want a wait", result, err)
		}
		e.Step(time.Second)
	}
	after := e.DropletOf("scout")
	if after.ResourceVersion != before.ResourceVersion {
		t.Errorf("the status was written: %+v, was %+v", after.Status, before.Status)
	}
}

func TestAFleetConvergesOnASmallBudget(t *testing.T) {
	e := testenv.New(t)
	e.CallsPerMinute = 30
	e.Restart()
	e.GivenAccount()
	bots := []string{"one", "two", "three", "four"}
	for _, bot := range bots {
		e.GivenBot(bot)
	}
	e.Until("all are Ready", func() bool {
		for _, bot := range bots {
			if !e.IsReady(e.Bot(bot)) {
				return false
			}
		}
		return true
	})
	if e.Creates() != len(bots) {
		t.Errorf("%d creates for %d bots", e.Creates(), len(bots))
	}
	wantNoWarning(t, e)
}
