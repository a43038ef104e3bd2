// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package lives

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/status"
)

// habit is what the owner of a Bot does with it, over and over: each move when the Bot is as the last one declared.
type habit struct {
	bot   string
	moves int
	move  func(w *world, n int)

	made       int
	generation int64
	seen       []string // the reasons that its conditions have had
}

func (h *habit) goOn(w *world, bot *spawnv1.Bot) (over bool) {
	if bot == nil || bot.Generation < h.generation {
		return false // not listed yet as it was changed last
	}
	for _, conditionType := range []string{spawnv1.ReadyCondition, spawnv1.DropletReadyCondition} {
		if reason := status.Reason(bot, conditionType); !slices.Contains(h.seen, reason) {
			h.seen = append(h.seen, reason)
		}
	}
	if !w.isSo(bot) {
		return false
	}
	if h.made == h.moves {
		return true
	}
	h.move(w, h.made)
	h.made++
	h.generation = bot.Generation + 1
	return false
}

// switches goes from one state to the other and back, so many times.
func switches(bot string, times int, to spawnv1.BotDesiredState) *habit {
	return &habit{bot: bot, moves: 2 * times, move: func(w *world, n int) {
		w.want(bot, []spawnv1.BotDesiredState{to, spawnv1.BotRunning}[n%2])
	}}
}

// replaces has the machine replaced, so many times.
func replaces(bot string, times int) *habit {
	return &habit{bot: bot, moves: times, move: func(w *world, _ int) { w.redeploy(bot) }}
}

// ofAnother makes a Bot one of the second account.
func (w *world) ofAnother(bot *spawnv1.Bot) { bot.Spec.AccountRef.Name = w.AccountName() + "-b" }

// reconcileAnother calls Reconcile for the second account, which Round leaves out.
func (w *world) reconcileAnother() {
	w.t.Helper()
	key := client.ObjectKey{Name: w.AccountName() + "-b"}
	for range 3 { // the first adds the finalizer
		_, err := w.Manager.Accounts.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: key})
		must(w.t, err)
	}
}

// passers creates and deletes Bots beside the others; each call is a moment in which it may do something.
type passers struct {
	born int
	here []string
}

func (p *passers) goOn(w *world, bots map[string]*spawnv1.Bot, more bool) {
	const atOnce, altogether = 1, 24
	p.here = slices.DeleteFunc(p.here, func(name string) bool {
		bot := bots[name]
		if bot == nil {
			return !w.Exists(w.NewBot(name))
		}
		if bot.DeletionTimestamp.IsZero() && w.IsReady(bot) {
			must(w.t, client.IgnoreNotFound(w.Client.Delete(w.t.Context(), bot)))
		}
		return false
	})
	for more && len(p.here) < atOnce && p.born < altogether {
		p.born++
		name := fmt.Sprintf("passer-%d", p.born)
		w.GivenBot(name, func(b *spawnv1.Bot) {
			if p.born%2 == 0 {
				w.ofAnother(b)
			}
			if p.born%3 == 0 {
				b.Spec.DeletionPolicy = spawnv1.DeletionPolicySnapshot
			}
		})
		p.here = append(p.here, name)
	}
}

// hectic is a cloud that takes its time for everything.
func hectic(o *dosim.Options) {
	o.StateDelay, o.GetLag, o.ListLag, o.TagLag = 9*time.Second, time.Second, 4*time.Second, 8*time.Second
	o.DeleteLag, o.ActionDelay = time.Second, 4*time.Second
}

func TestManyLivesBesideEachOther(t *testing.T) {
	w := newWorld(t, hectic)
	w.MayHaveTwo = true // it is checked once, at the end: what lived at once is then known of every instant
	w.GivenAccount()
	w.GivenAccount(func(a *spawnv1.Account) { a.Name, a.Spec.ExternalID = a.Name+"-b", "customer-2" })
	habits := []*habit{
		switches("pauser", 50, spawnv1.BotPaused), switches("blinker", 10, spawnv1.BotPaused),
		switches("sleeper", 10, spawnv1.BotHibernated), replaces("phoenix", 10),
		{bot: "dormouse", moves: 1, move: func(w *world, _ int) { w.want("dormouse", spawnv1.BotHibernated) }},
	}
	for i, h := range habits {
		w.GivenBot(h.bot, func(b *spawnv1.Bot) {
			if i%2 == 1 {
				w.ofAnother(b)
			}
		})
	}
	beside := &passers{}
	q := newQueue(w)
	q.until("everybody has lived", func() bool {
		over := true
		for _, h := range habits {
			over = h.goOn(w, q.bots[h.bot]) && over
		}
		beside.goOn(w, q.bots, !over)
		w.forgetEvents()
		return over && len(beside.here) == 0
	})
	w.settle()
	t.Logf("%d bots passed, %d instances lived, %d reconciles", beside.born, w.Ever(), q.reconciles)

	incarnations := map[string]int{"pauser": 1, "blinker": 1, "sleeper": 11, "phoenix": 11, "dormouse": 1}
	for _, h := range habits {
		if n := incarnations[h.bot]; w.Bot(h.bot).Status.Incarnation != int64(n) || w.ever(h.bot) != n {
			t.Errorf("%s is incarnation %d and has had %d instances, want %d of each",
				h.bot, w.Bot(h.bot).Status.Incarnation, w.ever(h.bot), n)
		}
		if h.bot == "dormouse" {
			w.wantKept(h.bot, w.Bot(h.bot).Status.SnapshotID)
			continue
		}
		w.machine(h.bot)
		w.wantKept(h.bot)
	}
	w.wantPowers("pauser", 50)
	w.wantPowers("blinker", 10)
	w.wantCost()
	for bot, reasons := range map[string][]string{
		"pauser":  {spawnv1.PoweringOffReason, spawnv1.PausedReason, spawnv1.PoweringOnReason, spawnv1.ReadyReason},
		"sleeper": {spawnv1.HibernatingReason, spawnv1.HibernatedReason, spawnv1.WaitingForInstanceReason},
		"phoenix": {spawnv1.ReplacingMachineReason, spawnv1.WaitingForInstanceReason, spawnv1.ReadyReason},
	} {
		seen := habits[slices.IndexFunc(habits, func(h *habit) bool { return h.bot == bot })].seen
		for _, reason := range reasons {
			if !slices.Contains(seen, reason) {
				t.Errorf("%s never said %s, but %v", bot, reason, seen)
			}
		}
	}
}

// forgetEvents makes room for more: the recorder holds as many as a short test records.
func (w *world) forgetEvents() {
	for len(w.Manager.Events.Events) > 0 {
		<-w.Manager.Events.Events
	}
}

// wantPowers fails the test unless the Bot's machine was shut down and powered on so many times, and nothing else.
func (w *world) wantPowers(bot string, times int) {
	w.t.Helper()
	count := map[string]int{}
	for _, kind := range w.done(bot) {
		count[kind]++
	}
	if len(count) != 2 || count["shutdown"] != times || count["power_on"] != times {
		w.t.Errorf("done to %s was %v, want %d times down and up", bot, count, times)
	}
}

// wantCost fails the test unless each account's cost is the sum of what its instances cost at DigitalOcean.
func (w *world) wantCost() {
	w.t.Helper()
	w.reconcileAnother()
	all, err := w.api.List(w.t.Context())
	must(w.t, err)
	prices := map[int64]int64{}
	for _, instance := range all {
		prices[instance.ID] = instance.HourlyPriceMicros
	}
	for _, name := range []string{w.AccountName(), w.AccountName() + "-b"} {
		var account spawnv1.Account
		must(w.t, w.Client.Get(w.t.Context(), client.ObjectKey{Name: name}, &account))
		var bots spawnv1.BotList
		must(w.t, w.Client.List(w.t.Context(), &bots, client.InNamespace(w.Namespace)))
		var want int64
		for _, bot := range bots.Items {
			if bot.Spec.AccountRef.Name == name {
				want += prices[bot.Status.InstanceID]
			}
		}
		if got := account.Status.HourlyCostMicroUSD; got == nil || *got != want || want == 0 {
			w.t.Errorf("account %s costs %v, want %d", name, ptr.Deref(got, -1), want)
		}
	}
}
