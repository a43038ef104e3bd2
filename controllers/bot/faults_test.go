// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// boundaries are the writes to a Bot from apply to Ready: its finalizer, and what it waits for, its machine's name, the
// instance, and Ready.
const boundaries = 5

// nthWrite is a hook that breaks the first write to the first Bot, the second to the second, and so on.
func nthWrite() testenv.Hook {
	seen := map[string]int{}
	return func(request *http.Request) error {
		if !toAPI(request) || request.Method == http.MethodGet {
			return nil
		}
		for n := range boundaries {
			name := botName(n)
			if !strings.Contains(request.URL.Path+"/", "/bots/"+name+"/") {
				continue
			}
			if seen[name]++; seen[name] == n+1 {
				return fmt.Errorf("%s %s: %w", request.Method, request.URL.Path, errLost)
			}
		}
		return nil
	}
}

func botName(n int) string { return fmt.Sprintf("bot%d", n) }

func TestEveryWriteToABotMayFailOnceAndNothingIsLostOrDoubled(t *testing.T) {
	for name, arm := range map[string]func(*testenv.Incarnation){
		"before it is made":    func(i *testenv.Incarnation) { i.Before = nthWrite() },
		"after it is answered": func(i *testenv.Incarnation) { i.After = nthWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			e := testenv.New(t)
			most := int32(boundaries)
			e.GivenAccount(func(a *spawnv1.Account) { a.Spec.MaxBots = &most })
			arm(e.Manager)
			for n := range boundaries {
				e.GivenBot(botName(n))
			}
			e.Until("all are Ready", func() bool { return allReady(e) })
			for n := range boundaries {
				if bot := e.Bot(botName(n)); bot.Status.Incarnation != 1 {
					t.Errorf("%s has had %d machine names, want 1", bot.Name, bot.Status.Incarnation)
				}
				wantInstances(t, e, botName(n), 1, boundaries)
			}
		})
	}
}

func TestTheCreationOfADropletMayFailOnce(t *testing.T) {
	for name, arm := range map[string]func(*testenv.Incarnation, testenv.Hook){
		"before it is made":    func(i *testenv.Incarnation, h testenv.Hook) { i.Before = h },
		"after it is answered": func(i *testenv.Incarnation, h testenv.Hook) { i.After = h },
	} {
		t.Run(name, func(t *testing.T) {
			e := testenv.New(t)
			e.GivenAccount()
			e.GivenBot("scout")
			arm(e.Manager, once(isDropletCreate, func() error { return errLost }))
			if bot := untilReady(e, "scout"); bot.Status.Incarnation != 1 {
				t.Errorf("the bot has had %d machine names, want 1", bot.Status.Incarnation)
			}
			e.DropletOf("scout")
			wantInstances(t, e, "scout", 1, 1)
		})
	}
}

func allReady(e *testenv.Env) bool {
	for n := range boundaries {
		if !e.IsReady(e.Bot(botName(n))) {
			return false
		}
	}
	return true
}

func TestAFailedReadChangesNothingThatIsStored(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenReadyBot("scout")
	e.Settle()
	for kind, path := range map[string]string{
		"the account": "/accounts/" + e.AccountName(), "the droplet": "/droplets/" + bot.Status.DropletName,
	} {
		stored := e.Bot("scout")
		drained(e)
		e.Manager.Before = func(request *http.Request) error {
			if strings.HasSuffix(request.URL.Path, path) {
				return errLost
			}
			return nil
		}
		if _, err := e.ReconcileBot("scout"); err == nil {
			t.Errorf("no error although %s could not be read", kind)
		}
		now, events := e.Bot("scout"), drained(e)
		if now.ResourceVersion != stored.ResourceVersion || len(events) != 0 {
			t.Errorf("%s could not be read: the bot became %+v, events %v", kind, now.Status, events)
		}
	}
	e.Manager.Before = nil
	untilReady(e, "scout")
}

func TestAConflictIsLookedAtAgainAndIsNoError(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	changed := e.DropletOf("scout")
	e.Update(changed, func() { changed.Spec.Size = "s-8vcpu-16gb" }) // by hand, so that it has to be put back
	e.Manager.Before = once(func(request *http.Request) bool {
		return toAPI(request) && request.Method == http.MethodPatch
	}, func() error {
		droplet := e.DropletOf("scout")
		e.Update(droplet, func() { droplet.Labels["people"] = "label-things" })
		return nil
	})
	result, err := e.ReconcileBot("scout")
	if err != nil || result.RequeueAfter == 0 {
		t.Errorf("result %v, error %v, want to look again soon and no error", result, err)
	}
	e.Settle()
	if now := e.DropletOf("scout"); now.Spec.Size != "s-1vcpu-2gb" || now.Labels["people"] == "" {
		t.Errorf("droplet with labels %v has size %s, want both changes", now.Labels, now.Spec.Size)
	}
}

func TestAFinalizerTakenOffABotIsPutBack(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenReadyBot("scout")
	e.Update(bot, func() { bot.Finalizers = []string{"example.com/theirs"} })
	e.Settle()
	if now := e.Bot("scout"); len(now.Finalizers) != 2 {
		t.Errorf("finalizers %v, want theirs and ours", now.Finalizers)
	}
}
