// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// givenFleet makes so many Bots, bot-0 and on, and lets them become Ready.
func givenFleet(e *testenv.Env, size int) {
	most := int32(size)
	e.GivenAccount(func(a *spawnv1.Account) { a.Spec.MaxBots = &most })
	for n := range size {
		e.GivenBot(botName(n))
	}
	for n := range size {
		untilReady(e, botName(n))
	}
}

// live runs the world for a while, in which nothing has to come about.
func live(t *testing.T, e *testenv.Env, minutes int) {
	t.Helper()
	for range minutes {
		e.Pass()
		if _, err := e.Round(); err != nil {
			t.Fatal(err)
		}
		e.Step(time.Minute)
	}
}

func tells(e *testenv.Env, reason string) int {
	told := 0
	for _, event := range drained(e) {
		if strings.Contains(event, "Warning "+reason+" ") {
			told++
		}
	}
	return told
}

func TestTheMachineOfABotThatWasForcedAwayGoes(t *testing.T) {
	const fleet = 3
	e := testenv.New(t)
	givenFleet(e, fleet)
	strip(e, e.Bot(botName(1)))
	live(t, e, 9)
	e.Restart() // which only delays it
	live(t, e, 9)
	wantInstances(t, e, botName(1), 1, fleet)
	live(t, e, 4)
	wantInstances(t, e, botName(1), 0, fleet)
	if told := tells(e, spawnv1.BotAbsentReason); told != 1 {
		t.Errorf("it is told %d times, want once", told)
	}
	for _, n := range []int{0, 2} {
		if !e.IsReady(e.Bot(botName(n))) {
			t.Errorf("%s is not Ready any more", botName(n))
		}
	}
	if len(e.Droplets()) != fleet-1 {
		t.Errorf("%d droplets, want %d", len(e.Droplets()), fleet-1)
	}
}

func TestABotThatComesBackInTimeKeepsItsMachine(t *testing.T) {
	e := testenv.New(t)
	givenFleet(e, 2)
	first := e.Bot(botName(1))
	strip(e, first)
	live(t, e, 9)
	e.GivenBot(botName(1))
	live(t, e, 1)
	strip(e, e.Bot(botName(1))) // it counts anew
	live(t, e, 9)
	e.GivenBot(botName(1))
	if bot := untilReady(e, botName(1)); bot.Status.InstanceID != first.Status.InstanceID {
		t.Errorf("the bot has instance %d, want %d", bot.Status.InstanceID, first.Status.InstanceID)
	}
}

func TestManyAbsentBotsAreToldAndKept(t *testing.T) {
	for name, gone := range map[string]int{"two of four": 2, "all": 4} {
		t.Run(name, func(t *testing.T) {
			const fleet = 4
			e := testenv.New(t)
			givenFleet(e, fleet)
			for n := range gone {
				strip(e, e.Bot(botName(n)))
			}
			live(t, e, 60)
			if told := tells(e, spawnv1.MassAbsenceReason); told != 1 {
				t.Errorf("it is told %d times, want once", told)
			}
			if len(e.Droplets()) != fleet || e.Cloud.Requests(http.MethodDelete, "") != 0 {
				t.Errorf("%d droplets, %d destroy requests", len(e.Droplets()), e.Cloud.Requests(http.MethodDelete, ""))
			}
			for n := range gone - 1 {
				e.GivenBot(botName(n))
			}
			if gone == fleet {
				return
			}
			live(t, e, 30) // one is still absent, and by now that is one only
			wantInstances(t, e, botName(gone-1), 0, fleet)
		})
	}
}

func TestDropletsRestoredLongBeforeTheirBotsAreLeftToThem(t *testing.T) {
	const fleet = 3
	e := testenv.New(t)
	givenFleet(e, fleet)
	backup := dumpOf(e)
	before := map[string]int64{}
	for n := range fleet {
		before[botName(n)] = e.Bot(botName(n)).Status.InstanceID
	}
	backup.wipe(e)
	e.Restart()
	backup.apply(t, e, "accounts")
	backup.apply(t, e, "droplets")
	live(t, e, 60)
	if len(e.Droplets()) < fleet || e.Cloud.Requests(http.MethodDelete, "") != 0 {
		t.Errorf("%d droplets, %d destroy requests", len(e.Droplets()), e.Cloud.Requests(http.MethodDelete, ""))
	}
	backup.apply(t, e, "bots")
	for name, instance := range before {
		if bot := untilReady(e, name); bot.Status.InstanceID != instance {
			t.Errorf("%s has instance %d, want %d", name, bot.Status.InstanceID, instance)
		}
	}
}

func TestOneDropletRestoredLongBeforeItsBotIsLeftToIt(t *testing.T) {
	e := testenv.New(t)
	givenFleet(e, 3)
	instance := e.Bot(botName(1)).Status.InstanceID
	droplet := e.DropletOf(botName(1))
	strip(e, e.Bot(botName(1)))
	strip(e, droplet)
	restored := &spawnv1.Droplet{ObjectMeta: droplet.ObjectMeta, Spec: droplet.Spec}
	dump{"droplets": {restored}}.apply(t, e, "droplets")
	live(t, e, 60)
	if len(e.Droplets()) != 3 || e.Cloud.Requests(http.MethodDelete, "") != 0 {
		t.Errorf("%d droplets, %d destroy requests", len(e.Droplets()), e.Cloud.Requests(http.MethodDelete, ""))
	}
	e.GivenBot(botName(1))
	if bot := untilReady(e, botName(1)); bot.Status.InstanceID != instance {
		t.Errorf("the bot has instance %d, want %d", bot.Status.InstanceID, instance)
	}
}

func TestABotThatIsOnlyMissingFromAFailingReadIsNotAbsent(t *testing.T) {
	e := testenv.New(t)
	givenFleet(e, 2)
	strip(e, e.Bot(botName(1)))
	path := fmt.Sprintf("/namespaces/%s/bots/%s", e.Namespace, botName(1))
	reads := 0
	e.Manager.Before = func(request *http.Request) error {
		if strings.HasSuffix(request.URL.Path, path) {
			if reads++; reads > 1 { // the first is the cache's
				return errLost
			}
		}
		return nil
	}
	for range 30 {
		reads = 0
		_, _ = e.ReconcileBot(botName(1))
		e.Step(time.Minute)
	}
	wantInstances(t, e, botName(1), 1, 2)
}
