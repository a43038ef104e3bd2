// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/inventory"
)

func slot(uid string) spawnv1.Slot { return spawnv1.Slot{UID: uid} }

func TestWhatOfAnAccountWakesItsBots(t *testing.T) {
	type states = map[string]spawnv1.Slot
	for name, test := range map[string]struct {
		edit         func(*spawnv1.Account)
		all, waiting bool
	}{
		"nothing":              {edit: func(*spawnv1.Account) {}},
		"a count":              {edit: func(a *spawnv1.Account) { a.Status.Bots.Admitted++ }},
		"its spec or deletion": {edit: func(a *spawnv1.Account) { a.Generation++ }, all: true},
		"another of its name":  {edit: func(a *spawnv1.Account) { a.UID = "other" }, all: true},
		"a slot more": {edit: func(a *spawnv1.Account) {
			a.Status.Slots = states{"n/a": slot("1"), "n/b": slot(""), "n/c": slot("")}
		}},
		"a slot that is bound": {edit: func(a *spawnv1.Account) {
			a.Status.Slots = states{"n/a": slot("1"), "n/b": slot("2")}
		}},
		"a slot less": {edit: func(a *spawnv1.Account) { a.Status.Slots = states{"n/b": slot("")} }, waiting: true},
		"a slot for another": {edit: func(a *spawnv1.Account) {
			a.Status.Slots = states{"n/b": slot(""), "n/c": slot("3")}
		}, waiting: true},
		"a slot of another uid": {edit: func(a *spawnv1.Account) {
			a.Status.Slots = states{"n/a": slot("9"), "n/b": slot("")}
		}, waiting: true},
		"no status any more": {edit: func(a *spawnv1.Account) { a.Status = spawnv1.AccountStatus{} }, waiting: true},
		"a status that is complete again": {
			edit: func(a *spawnv1.Account) { a.Status.InitializedFor = "acme-uid" }, waiting: true,
		},
	} {
		before := &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme", UID: "acme-uid", Generation: 1}}
		before.Status.Slots = states{"n/a": slot("1"), "n/b": slot("")}
		after := before.DeepCopy()
		test.edit(after)
		change := event.UpdateEvent{ObjectOld: before, ObjectNew: after}
		if all, waiting := accountChanged().Update(change), slotsFreed().Update(change); all != test.all ||
			waiting != test.waiting {
			t.Errorf("%s: wakes all bots: %v, those that wait: %v, want %v and %v", name, all, waiting, test.all, test.waiting)
		}
	}
	account := &spawnv1.Account{}
	if !accountChanged().Create(event.CreateEvent{Object: account}) ||
		!accountChanged().Delete(event.DeleteEvent{Object: account}) {
		t.Error("an Account that comes or goes wakes nobody")
	}
}

func TestOnlyBotsWithoutASlotAreWokenForOne(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := spawnv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	bot := func(name, account string) *spawnv1.Bot {
		b := &spawnv1.Bot{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: name, UID: types.UID("uid-" + name)}}
		b.Spec.AccountRef.Name = account
		return b
	}
	reader := fake.NewClientBuilder().WithScheme(scheme).
		WithObjects(bot("holder", "acme"), bot("waiter", "acme"), bot("reserved", "acme"), bot("stranger", "other")).
		WithIndex(&spawnv1.Bot{}, index.BotAccount, func(obj client.Object) []string {
			b, _ := obj.(*spawnv1.Bot)
			return []string{b.Spec.AccountRef.Name}
		}).Build()
	account := &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	account.Status.Slots = map[string]spawnv1.Slot{"n/holder": slot("uid-holder"), "n/reserved": slot("")}
	var woken []string
	for _, request := range waitingBotsOf(reader)(t.Context(), account) {
		woken = append(woken, request.Name)
	}
	slices.Sort(woken)
	if want := []string{"reserved", "waiter"}; !slices.Equal(woken, want) {
		t.Errorf("woken are %v, want %v", woken, want)
	}
	if all := botsOfAccount(reader)(t.Context(), account); len(all) != 3 {
		t.Errorf("all are %v, want 3", all)
	}
}

// passes is an inventory with one pass.
type passes struct{ last *inventory.Pass }

func (p passes) Latest() (inventory.Pass, bool) {
	if p.last == nil {
		return inventory.Pass{}, false
	}
	return *p.last, true
}
func (passes) RequestPassAfter(time.Time) {}
func (passes) Failing() error             { return nil }

func TestABotThatKnowsAllItWantedToKnowIsNotWokenByEveryPass(t *testing.T) {
	clock := clocktesting.NewFakeClock(noon)
	seen := &passes{}
	n := newNames(Options{Inventory: seen, Clock: clock, Fleet: "test-fleet"})
	bot := &spawnv1.Bot{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "scout", UID: "1"}}
	if n.instanceNamed(bot, "scout-k3v9x2m1qab7c") != nil {
		t.Error("an instance before any pass")
	}
	pass := inventory.Pass{StartedAt: noon.Add(time.Second)}
	if keys := n.waitingFor(pass); len(keys) != 1 {
		t.Errorf("the first pass wakes %v, want the bot", keys)
	}
	seen.last = &pass
	if n.instanceNamed(bot, "scout-k3v9x2m1qab7c") != nil {
		t.Error("an instance that no pass shows")
	}
	later := inventory.Pass{StartedAt: noon.Add(time.Minute)}
	if keys := n.waitingFor(later); len(keys) != 0 {
		t.Errorf("the next pass wakes %v, want nobody", keys)
	}
	if name, listed, err := n.unclaimedOf(t.Context(), bot); name != "" || !listed || err != nil {
		t.Errorf("name %q, listed %v, error %v: what it knows is forgotten", name, listed, err)
	}
}
