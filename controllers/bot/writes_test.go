// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// writes is a hook that notes every request that would change an object of ours.
func writes(into *[]string) testenv.Hook {
	return func(request *http.Request) error {
		if toAPI(request) && request.Method != http.MethodGet {
			*into = append(*into, request.Method+" "+request.URL.Path)
		}
		return nil
	}
}

// drained are the events recorded so far.
func drained(e *testenv.Env) []string {
	var events []string
	for {
		select {
		case event := <-e.Manager.Events.Events:
			events = append(events, event)
		default:
			return events
		}
	}
}

// mostWrites of each Bot, its share of its Account and its Droplet, from apply to Ready: one of them takes its slot.
const mostWrites = 11

func TestABotCostsFewWritesFromApplyToReady(t *testing.T) {
	for _, fleet := range []int{1, 4} {
		e := testenv.New(t)
		e.GivenAccount()
		e.Settle()
		var written []string
		e.Manager.Before = writes(&written)
		for i := range fleet {
			e.GivenBot(fmt.Sprintf("bot-%d", i))
		}
		e.Until("all are Ready", func() bool {
			for i := range fleet {
				if !e.IsReady(e.Bot(fmt.Sprintf("bot-%d", i))) {
					return false
				}
			}
			return true
		})
		e.Settle()
		if len(written) > mostWrites*fleet {
			t.Errorf("%d bots: %d writes, want at most %d each:\n%s",
				fleet, len(written), mostWrites, strings.Join(written, "\n"))
		}
	}
}

func TestAtRestNothingIsWrittenAndTheCloudIsOnlyListed(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	e.GivenReadyBot("hawk")
	paused := e.GivenReadyBot("owl")
	if err := e.Cloud.SetState(paused.Status.InstanceID, "off"); err != nil {
		t.Fatal(err)
	}
	e.Update(paused, func() { paused.Spec.DesiredState = spawnv1.BotPaused })
	untilReady(e, "owl")
	e.Settle()
	drained(e)
	e.Cloud.ResetJournal()
	var written []string
	e.Manager.Before = writes(&written)
	for range 10 {
		e.Pass()
		if wait, err := e.Round(); err != nil || wait != 0 {
			t.Errorf("at rest: error %v, wants to look again in %s", err, wait)
		}
		e.Step(30 * time.Second)
	}
	if events := drained(e); len(written) != 0 || len(events) != 0 {
		t.Errorf("at rest: writes %v, events %v", written, events)
	}
	if others := otherThanPasses(e); len(others) != 0 || e.Cloud.Requests("", "") != 10 {
		t.Errorf("at rest: %d requests to the cloud, want 10 passes; others: %v", e.Cloud.Requests("", ""), others)
	}
}

func TestAfterARestartNothingIsWrittenForAFleetAtRest(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	e.Settle()
	e.Cloud.ResetJournal()
	var written []string
	e.Restart().Before = writes(&written)
	for range 3 {
		if _, err := e.Round(); err != nil { // the first before any pass
			t.Fatal(err)
		}
		e.Pass()
	}
	if others := otherThanPasses(e); len(written) != 0 || len(others) != 0 {
		t.Errorf("after a restart: writes %v, calls %v", written, others)
	}
}

func TestEventsMarkTransitionsOnly(t *testing.T) {
	h := newHands(t)
	e := h.Env
	account := e.GivenAccount()
	e.Settle()
	drained(e)
	bot := e.GivenBot("scout")
	untilReady(e, "scout")
	e.Settle()
	reasons := func() []string {
		var found []string
		for _, event := range drained(e) {
			words := strings.Fields(event)
			found = append(found, words[0]+" "+words[1])
		}
		return found
	}
	ready := "Normal " + spawnv1.ReadyReason
	if got := reasons(); len(got) > 6 || count(got, ready) != 2 || slices.ContainsFunc(got, isWarning) {
		t.Errorf("from apply to Ready: %v, want few, Ready once of the bot and once of its droplet, and no warning", got)
	}

	e.Update(bot, func() { bot.Spec.DisplayName = "Scout" })
	e.Settle()
	if got := reasons(); len(got) != 0 {
		t.Errorf("an edit that changes nothing of the kind: %v, want none", got)
	}

	e.Update(bot, func() { bot.Spec.Machine.Region = "ams3" })
	e.Settle()
	if got := reasons(); !slices.Equal(got, []string{"Warning " + spawnv1.ReplaceRequiredReason}) {
		t.Errorf("an edit that needs a person: %v", got)
	}

	e.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountSuspended })
	if _, err := e.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	h.settle()
	if got := reasons(); count(got, "Normal "+spawnv1.AccountSuspendedReason) != 1 || slices.ContainsFunc(got, isWarning) {
		t.Errorf("a suspension: %v, want it told once and no warning", got)
	}
}

func isWarning(event string) bool { return strings.HasPrefix(event, "Warning") }

func count(list []string, item string) int {
	n := 0
	for _, other := range list {
		if other == item {
			n++
		}
	}
	return n
}
