// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

const (
	// maxRounds and maxSimulated bound Until: a world that has not got there by then never will.
	maxRounds    = 400
	maxSimulated = 2 * time.Hour
	// afterError is how far the clock moves after an error, in place of the backoff of a work queue.
	afterError = 2 * time.Second
	// passEvery is how often the fleet is listed.
	passEvery = 30 * time.Second
)

// ReconcileBot calls Reconcile for a Bot once.
func (e *Env) ReconcileBot(name string) (reconcile.Result, error) {
	e.t.Helper()
	return e.reconcile(e.Manager.bots, &spawnv1.Bot{}, types.NamespacedName{Namespace: e.Namespace, Name: name})
}

// ReconcileBotBy is ReconcileBot by a manager of several that may be at it at the same time, as when two believe that
// they lead: so nothing is checked after it.
func (e *Env) ReconcileBotBy(i *Incarnation, name string) error {
	request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: e.Namespace, Name: name}}
	_, err := i.bots.Reconcile(e.quiet(), request)
	return err
}

// ReconcileDroplet calls Reconcile for a Droplet once.
func (e *Env) ReconcileDroplet(name string) (reconcile.Result, error) {
	e.t.Helper()
	return e.reconcile(e.Manager.droplets, &spawnv1.Droplet{}, types.NamespacedName{Namespace: e.Namespace, Name: name})
}

// ReconcileAccount calls Reconcile for the test's Account once.
func (e *Env) ReconcileAccount() (reconcile.Result, error) {
	e.t.Helper()
	return e.reconcile(e.Manager.Accounts, &spawnv1.Account{}, types.NamespacedName{Name: e.AccountName()})
}

// Pass makes the manager list the fleet, and moves the clock a moment before, so that the pass is a new one. The
// sweeper takes it in. In a world that is Walled it also puts up the firewall, if that is not known to be in place.
func (e *Env) Pass() {
	e.t.Helper()
	_ = e.Sweep() // a failing cloud is the test's own doing
}

// Sweep is Pass for tests that want to know what stopped the sweeper.
func (e *Env) Sweep() error {
	e.t.Helper()
	e.Step(time.Millisecond)
	err := e.Manager.Inventory.Refresh(e.quiet())
	if e.Walled && e.Manager.Firewall.Ready() != nil {
		_ = e.Manager.Firewall.Check(e.quiet())
	}
	if err != nil {
		return err
	}
	pass, _ := e.Manager.Inventory.Latest()
	return e.Manager.Orphans.Sweep(e.quiet(), pass)
}

// Round reconciles every object of the test once. It returns the soonest time at which one of them wants to be looked
// at again, and the errors.
func (e *Env) Round() (time.Duration, error) {
	e.t.Helper()
	var soonest time.Duration
	var errs []error
	add := func(result reconcile.Result, err error) {
		if err != nil {
			errs = append(errs, err)
		}
		if r := result.RequeueAfter; r > 0 && (soonest == 0 || r < soonest) {
			soonest = r
		}
	}
	add(e.ReconcileAccount())
	for _, name := range e.botNames() {
		add(e.ReconcileBot(name))
	}
	for _, name := range e.names(&spawnv1.DropletList{}) {
		add(e.ReconcileDroplet(name))
	}
	if e.Machines != nil {
		e.Machines.talk()
	}
	return soonest, errors.Join(errs...)
}

// Until reconciles everything, lists the fleet and moves the clock, over and over, until done. It fails the test when
// that does not happen in two simulated hours.
func (e *Env) Until(goal string, done func() bool) {
	e.t.Helper()
	start, lastPass := e.Clock.Now(), time.Time{}
	var last error
	for range maxRounds {
		if done() {
			return
		}
		if now := e.Clock.Now(); now.Sub(lastPass) >= passEvery || e.wantsPass() {
			e.Pass()
			lastPass = now
		}
		wait, err := e.Round()
		if last = err; err != nil {
			wait = afterError
		}
		e.Step(max(min(wait, passEvery), time.Second))
		if e.Clock.Since(start) > maxSimulated {
			break
		}
	}
	if !done() {
		e.t.Fatalf("after %s it is not so that %s; last error: %v\n%s", e.Clock.Since(start), goal, last, e.Describe())
	}
}

// Settle reconciles until nothing changes any more: two rounds without a write. Then slots and Bots agree.
func (e *Env) Settle() {
	e.t.Helper()
	before, still := e.versions(), 0
	e.Until("nothing changes any more", func() bool {
		after := e.versions()
		if after == before {
			still++
		} else {
			still = 0
		}
		before = after
		return still > 2
	})
	e.checkSlotsAtRest()
}

// wantsPass tells whether a Bot waits for the fleet to be listed; the real inventory is asked by the controller.
func (e *Env) wantsPass() bool {
	for bot := range e.bots() {
		if bot.Status.DropletName == "" {
			return true
		}
	}
	return false
}

func (e *Env) reconcile(r reconcile.Reconciler, obj client.Object, key types.NamespacedName) (reconcile.Result, error) {
	e.t.Helper()
	before := e.Manager.asked.Load()
	result, err := r.Reconcile(e.quiet(), reconcile.Request{NamespacedName: key})
	if e.Manager.asked.Load() != before { // else all is as it was when it was last checked
		e.checkInvariants(obj, key, err)
	}
	return result, err
}

// botNames are the Bots of the test, and those that do not exist and have Droplets, whose events ask for them.
func (e *Env) botNames() []string {
	e.t.Helper()
	names := e.names(&spawnv1.BotList{})
	for _, droplet := range e.Droplets() {
		if name := droplet.Spec.BotRef.Name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (e *Env) names(list client.ObjectList) []string {
	e.t.Helper()
	e.must(e.Client.List(e.t.Context(), list, client.InNamespace(e.Namespace)), "listing objects")
	var names []string
	for _, obj := range objects(list) {
		names = append(names, obj.GetName())
	}
	return names
}

// versions is a fingerprint of every object of the test.
func (e *Env) versions() string {
	e.t.Helper()
	var all string
	for _, list := range []client.ObjectList{&spawnv1.BotList{}, &spawnv1.DropletList{}, &spawnv1.AccountList{}} {
		e.must(e.Client.List(e.t.Context(), list), "listing objects")
		for _, obj := range objects(list) {
			all += fmt.Sprintf("%s/%s:%s ", obj.GetNamespace(), obj.GetName(), obj.GetResourceVersion())
		}
	}
	return all
}
