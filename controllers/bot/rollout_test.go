// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/controllers/bot"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

const older, newer = "2026.9.5", "2026.9.6"

// fleet is an Account's bots, all of which run the older version, with somebody who watches how they get the newer one.
type fleet struct {
	*testenv.Env
	t        *testing.T
	machines *testenv.Machines
	names    []string

	mu    sync.Mutex // guards what follows
	order []string   // who was given the newer version, in order
	most  int        // how many at once were not available because of it
}

func newFleet(t *testing.T, size, maxUnavailable int32) *fleet {
	t.Helper()
	f := &fleet{Env: testenv.New(t), t: t}
	f.machines = f.Talk()
	f.GivenAccount(func(a *spawnv1.Account) {
		a.Spec.MaxBots, a.Spec.MaxUnavailable, a.Spec.LiveTrading = ptr.To(size), maxUnavailable, spawnv1.PermissionAllowed
	})
	for i := range size {
		name := fmt.Sprintf("bot-%d", i)
		f.names = append(f.names, name)
		f.GivenBot(name, func(b *spawnv1.Bot) { b.Spec.OpenClaw.Version = older })
	}
	f.untilAll("all run the older version", older)
	f.watch()
	return f
}

func (f *fleet) untilAll(goal, version string) {
	f.t.Helper()
	f.Until(goal, func() bool {
		return !slices.ContainsFunc(f.names, func(name string) bool {
			bot := f.Bot(name)
			return !f.IsReady(bot) || bot.Status.OpenClawVersion != version
		})
	})
}

// ask has all of them, or some, run the newer version.
func (f *fleet) ask(names ...string) {
	f.t.Helper()
	if len(names) == 0 {
		names = f.names
	}
	for _, name := range names {
		bot := f.Bot(name)
		f.Update(bot, func() { bot.Spec.OpenClaw.Version = newer })
	}
}

// watch looks whenever the manager has written a letter.
func (f *fleet) watch() {
	f.Manager.After = func(request *http.Request) error {
		if request.Method == http.MethodPut && strings.Contains(request.URL.Path, "/secrets/") {
			f.look()
		}
		return nil
	}
}

func (f *fleet) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	down := 0
	for _, name := range f.names {
		bot := f.Bot(name)
		if bot.Status.DropletName == "" || f.given(bot) != newer {
			continue
		}
		if !slices.Contains(f.order, name) {
			f.order = append(f.order, name)
		}
		if !f.IsReady(bot) {
			down++
		}
	}
	f.most = max(f.most, down)
}

// given is the version in a bot's letter.
func (f *fleet) given(bot *spawnv1.Bot) string {
	f.t.Helper()
	_, content := f.machines.Letter(bot.Status.DropletName)
	var config protocol.BotConfig
	if err := json.Unmarshal(content.Config, &config); err != nil {
		f.t.Error(err)
	}
	return config.OpenClaw.Version
}

// together reconciles all bots at once.
func (f *fleet) together() {
	var all sync.WaitGroup
	for _, name := range f.names {
		all.Go(func() { _ = f.ReconcileBotBy(f.Manager, name) }) // one that is too late looks again
	}
	all.Wait()
}

func TestARolloutKeepsToWhatTheAccountAllows(t *testing.T) {
	for _, most := range []int32{1, 3} {
		f := newFleet(t, 10, most)
		f.ask()
		f.together()
		f.look()
		if len(f.order) != int(most) {
			t.Errorf("%v were given it at once, want %d", f.order, most)
		}
		waiting := slices.IndexFunc(f.names, func(name string) bool { return !slices.Contains(f.order, name) })
		f.WantCondition(f.Bot(f.names[waiting]), spawnv1.ConfigAppliedCondition, metav1.ConditionUnknown,
			spawnv1.RolloutWaitingReason, newer+" waits for its turn, and "+older+" runs on", "maxUnavailable", f.order[0])
		wantOnly(t, f.Bot(f.names[waiting]), spawnv1.ReconcilingCondition)
		for round := range 6 {
			f.together()
			if round == 3 { // in the middle: nothing in memory any more
				f.Restart()
				f.watch()
			}
			if _, err := f.Round(); err != nil {
				t.Fatal(err)
			}
		}
		f.untilAll("all run the newer version", newer)
		if f.most > int(most) || len(f.order) != len(f.names) {
			t.Errorf("%d were down at once of %v, want at most %d of all", f.most, f.order, most)
		}
		for _, name := range f.names {
			if given := f.machines.Configs[name]; len(given) != 2 {
				t.Errorf("%s was given %d configs, want the older version and the newer one", name, len(given))
			}
		}
		f.Settle()
	}
}

func TestABotThatWaitsForItsTurnTakesEveryOtherEdit(t *testing.T) {
	f := newFleet(t, 2, 1)
	f.machines.Silent["bot-0"] = true
	f.ask("bot-0")
	f.Until("it was given it", func() bool { return f.given(f.Bot("bot-0")) == newer })
	f.ask("bot-1")
	bot := f.Bot("bot-1")
	f.Update(bot, func() { bot.Spec.LLM.Model = "another" })
	f.Until("it has taken the edit", func() bool { return len(f.machines.Configs["bot-1"]) == 2 })
	if last := f.machines.Configs["bot-1"][1].Config; last.LLM.Model != "another" || last.OpenClaw.Version != older {
		t.Errorf("it was given %+v", last)
	}
	bot = f.Bot("bot-1")
	f.Update(bot, func() { bot.Spec.DesiredState = spawnv1.BotPaused })
	f.Until("what is off is given it at once", func() bool { return f.given(f.Bot("bot-1")) == newer })
}

func TestBotsThatTradeWithRealMoneyComeLast(t *testing.T) {
	f := newFleet(t, 4, 4)
	for _, name := range f.names[:2] {
		bot := f.Bot(name)
		f.Update(bot, func() {
			bot.Spec.Trading.Mode = spawnv1.TradingLive
			bot.Spec.Risk = &spawnv1.Risk{
				MaxPositionSizeBps: ptr.To[int32](1), MaxDailyLossBps: ptr.To[int32](1), MaxDrawdownBps: ptr.To[int32](1),
				MaxTradesPerDay: ptr.To[int32](1),
			}
		})
	}
	f.untilAll("all are as they were", older)
	f.ask()
	f.together()
	f.WantCondition(f.Bot("bot-0"), spawnv1.ConfigAppliedCondition, metav1.ConditionUnknown, spawnv1.RolloutWaitingReason,
		"trade on paper go first", "bot-2, bot-3")
	f.untilAll("all run the newer version", newer)
	if first := slices.Sorted(slices.Values(f.order[:2])); !slices.Equal(first, []string{"bot-2", "bot-3"}) {
		t.Errorf("it was given to %v", f.order)
	}
}

func TestARolloutHaltsAtABotThatDoesNotComeThrough(t *testing.T) {
	f := newFleet(t, 4, 1)
	for _, name := range f.names {
		f.machines.Refuse[name] = "OpenClaw " + newer + " did not become healthy"
	}
	f.ask()
	f.Settle()
	if len(f.order) != 1 {
		t.Fatalf("it was given to %v, want to one", f.order)
	}
	failed := f.order[0]
	f.WantCondition(f.Bot(failed), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.ConfigRejectedReason)
	for _, name := range f.names {
		if name != failed {
			f.WantCondition(f.Bot(name), spawnv1.ConfigAppliedCondition, metav1.ConditionUnknown,
				spawnv1.RolloutWaitingReason, "halts", failed+" (ConfigRejected)")
		}
	}
	f.Restart()
	f.watch()
	f.Settle()
	if len(f.order) != 1 {
		t.Errorf("after a restart it was given to %v", f.order)
	}
	// Somebody goes back with one, which ran no more than the older version, and mends the rest.
	bot := f.Bot(failed)
	clear(f.machines.Refuse)
	f.Update(bot, func() { bot.Spec.OpenClaw.Version = older })
	f.Until("the others go on", func() bool { return len(f.order) > 1 })
	f.ask(failed)
	f.untilAll("all run the newer version", newer)
}

func TestABotThatIsIllIsNotInItsOwnWay(t *testing.T) {
	f := newFleet(t, 3, 1)
	for _, name := range f.names[:2] {
		f.machines.Ails[name] = func(b *protocol.Heartbeat) { b.OpenClaw.Healthy = b.OpenClaw.Version == newer }
	}
	f.Until("two are ill", func() bool {
		return reasonOf(f.Bot("bot-0"), spawnv1.ReadyCondition) == spawnv1.RuntimeUnhealthyReason &&
			reasonOf(f.Bot("bot-1"), spawnv1.ReadyCondition) == spawnv1.RuntimeUnhealthyReason
	})
	f.ask()
	f.together()
	f.look()
	if len(f.order) != 1 || f.order[0] == "bot-2" {
		t.Errorf("it was given to %v, want to one of those that are ill", f.order)
	}
	f.untilAll("all run the newer version", newer)
}

func TestTwoThatLookAtOnceDoNotBothGo(t *testing.T) {
	f := newFleet(t, 2, 1)
	f.ask()
	looks, other := 0, make(chan struct{})
	f.Manager.After = func(r *http.Request) error {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/v1alpha1/bots") {
			return nil
		}
		if looks++; looks != 2 { // the first look is for nothing but the message; what the second has seen is acted on
			return nil
		}
		go func() {
			defer close(other)
			_ = f.ReconcileBotBy(f.Manager, "bot-1")
		}()
		select {
		case <-other:
			t.Error("the other has not waited")
		case <-clock.RealClock{}.After(300 * time.Millisecond):
		}
		return nil
	}
	if _, err := f.ReconcileBot("bot-0"); err != nil {
		t.Fatal(err)
	}
	<-other
	f.look()
	if !slices.Equal(f.order, []string{"bot-0"}) {
		t.Errorf("it was given to %v", f.order)
	}
}

func TestAManagerThatDiesWhileItGivesATurnGivesNoOther(t *testing.T) {
	for name, dies := range map[string]func(*http.Request) bool{
		"before it is stored":    func(r *http.Request) bool { return toAPI(r) && strings.HasSuffix(r.URL.Path, "/status") },
		"before it is delivered": func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/secrets/bot-") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, 3, 1)
			f.ask()
			f.Manager.Before = func(r *http.Request) error {
				if r.Method != http.MethodGet && dies(r) {
					f.Manager.Kill()
					return http.ErrHandlerTimeout
				}
				return nil
			}
			f.together()
			f.Restart()
			f.watch()
			f.together()
			f.look()
			f.untilAll("all run the newer version", newer)
			if f.most > 1 {
				t.Errorf("%d were down at once", f.most)
			}
		})
	}
}

func TestAnotherDefaultChangesNothingForBotsThatThereAre(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	m.Software = func(d *bot.Delivery) { d.DefaultOpenClaw = older }
	e.Restart()
	e.GivenReadyBot("scout")
	m.Software = nil
	e.Restart()
	e.Settle()
	e.GivenReadyBot("hawk")
	for name, version := range map[string]string{"scout": older, "hawk": newer} {
		given := m.Configs[name]
		if len(given) != 1 || given[0].Config.OpenClaw.Version != version {
			t.Errorf("%s was given %+v, want %s once", name, given, version)
		}
	}
}

func TestAVersionThatCannotRunIsRefusedBeforeAnythingIsStopped(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	e.GivenReadyBot("scout") // the newer one, by default
	names := func(version string) {
		bot := e.Bot("scout")
		e.Update(bot, func() { bot.Spec.OpenClaw.Version, bot.Spec.LLM.Model = version, "another" })
	}
	for version, reason := range map[string]string{
		"2026.1.1": spawnv1.OpenClawVersionUnsupportedReason, older: spawnv1.OpenClawDowngradeReason,
	} {
		names(version)
		bot := untilReason(e, spawnv1.ReadyCondition, reason)
		e.WantCondition(bot, spawnv1.ConfigAppliedCondition, metav1.ConditionFalse, reason, version, newer)
		wantOnly(t, bot, spawnv1.StalledCondition)
		e.Settle()
		if got := versionsOf(m); len(got) != 1 {
			t.Errorf("with %s it was given versions %v", version, got)
		}
	}
	names(newer)
	untilReady(e, "scout")
	names("")
	untilReady(e, "scout")
	names(older)
	bot := e.Bot("scout")
	e.Step(1e9)
	e.Update(bot, func() { bot.Spec.RedeployAt = &metav1.Time{Time: e.Clock.Now()} })
	e.Until("the next machine runs the older version", func() bool {
		return e.IsReady(e.Bot("scout")) && e.Bot("scout").Status.OpenClawVersion == older
	})
}
