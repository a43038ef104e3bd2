// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// isFresh is the status of the Bot's HeartbeatFresh.
func isFresh(e *testenv.Env, name string) metav1.ConditionStatus {
	for _, c := range e.Bot(name).Status.Conditions {
		if c.Type == spawnv1.HeartbeatFreshCondition {
			return c.Status
		}
	}
	return ""
}

// listen lets the world go on for a while, a few seconds at a time.
func listen(e *testenv.Env, d time.Duration) {
	const most = 9 * time.Second
	for d > 0 {
		step := min(d, most)
		e.Step(step)
		_, _ = e.Round()
		d -= step
	}
}

func TestHIGH001_ASilentBotIsMarkedAtItsDeadlineAndRecoversOnTheNextBeat(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	e.GivenReadyBot("other")
	bot := e.GivenReadyBot("scout")
	e.Settle()
	drained(e)
	p := m.Presence(bot.Status.DropletName)
	m.Silent["scout"] = true
	deadline := p.Renewed.Add(p.Duration)

	listen(e, deadline.Sub(e.Clock.Now())-time.Second)
	if got := isFresh(e, "scout"); got != metav1.ConditionTrue {
		t.Errorf("a second before its deadline it is %s", got)
	}
	listen(e, 2*time.Second)
	bot = e.Bot("scout")
	e.WantCondition(bot, spawnv1.HeartbeatFreshCondition, metav1.ConditionFalse, spawnv1.HeartbeatMissedReason)
	e.WantCondition(bot, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.HeartbeatMissedReason)
	wantOnly(t, bot, spawnv1.ReconcilingCondition) // never Stalled: it recovers by itself
	if heard := bot.Status.LastHeartbeatTime; heard == nil || heard.Sub(p.Renewed).Abs() > time.Second {
		t.Errorf("it was last heard at %v, want %v", heard, p.Renewed)
	}
	if told := strings.Join(drained(e), "\n"); strings.Count(told, spawnv1.HeartbeatMissedReason) != 1 {
		t.Errorf("the events are\n%s", told)
	}
	if got := isFresh(e, "other"); got != metav1.ConditionTrue {
		t.Errorf("the other is %s", got)
	}

	e.Restart() // what a manager has marked stays marked when another takes over
	listen(e, 20*time.Second)
	if got := isFresh(e, "scout"); got != metav1.ConditionFalse {
		t.Errorf("after a restart the silent bot is %s", got)
	}
	m.Silent["scout"] = false
	listen(e, time.Second) // it beats
	listen(e, time.Second) // and is heard
	e.WantCondition(e.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionTrue, spawnv1.ReadyReason)
}

func TestHIGH001_ADeafManagerMarksNobody(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		e.GivenReadyBot(name)
	}
	m.Deaf = true
	seen := map[metav1.ConditionStatus]bool{}
	for range 10 * 3 {
		listen(e, 18*time.Second)
		e.Step(2 * time.Second)
		for _, name := range names {
			seen[isFresh(e, name)] = true
		}
	}
	if seen[metav1.ConditionFalse] || !seen[metav1.ConditionUnknown] {
		t.Errorf("while no gateway received for 10 minutes they were %v", seen)
	}
	e.WantCondition(e.Bot("a"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.IngestUnavailableReason)
	m.Deaf = false
	for _, name := range names {
		untilReady(e, name)
	}
}

func TestHIGH001_ALaggingCacheMarksNobody(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	bot := e.GivenReadyBot("scout")
	e.Settle()
	m.Frozen = true // the manager's cache is told of no machine any more, and they beat on
	listen(e, 2*time.Minute)
	e.Step(3 * time.Minute)
	if _, err := e.Round(); err != nil {
		t.Fatal(err)
	}
	if got := isFresh(e, bot.Name); got != metav1.ConditionTrue {
		t.Errorf("it is %s although it beats", got)
	}
}

func TestHIGH001_AManagerThatBeginsMarksNobodyBeforeAFullGrace(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	bot := e.GivenReadyBot("scout")
	e.Settle()
	m.Silent["scout"] = true
	p := m.Presence(bot.Status.DropletName)
	e.Step(10 * time.Minute) // while no manager runs
	e.Restart()
	begun := e.Clock.Now()
	listen(e, p.Duration-5*time.Second)
	if got := isFresh(e, "scout"); got != metav1.ConditionTrue {
		t.Errorf("%s after the manager began it is %s", e.Clock.Since(begun), got)
	}
	listen(e, 45*time.Second) // it has to see a gateway renew its Lease first, and then gives everybody a full grace
	if got := isFresh(e, "scout"); got != metav1.ConditionFalse {
		t.Errorf("%s after the manager began it is %s", e.Clock.Since(begun), got)
	}
}

func TestAFleetAtRestWritesNothingButLeases(t *testing.T) {
	e := testenv.New(t)
	e.Talk()
	for i := range 3 {
		e.GivenReadyBot(fmt.Sprintf("bot-%d", i))
	}
	e.Settle()
	var written []string
	e.Manager.Before = writesOfAll(&written)
	for range 60 {
		e.Step(10 * time.Second)
		if _, err := e.Round(); err != nil {
			t.Fatal(err)
		}
	}
	if len(written) != 0 {
		t.Errorf("in 10 minutes the manager wrote %v", written)
	}
}
