// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cedros-io/open-spawn/controllers/account"
	"github.com/cedros-io/open-spawn/controllers/bot"
	"github.com/cedros-io/open-spawn/controllers/droplet"
	"github.com/cedros-io/open-spawn/controllers/orphan"
	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/catalogue"
	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/firewall"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/freshness"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/leadership"
	"github.com/cedros-io/open-spawn/internal/manager"
)

// errFenced is what a dead process gets: nothing leaves it any more.
var errFenced = errors.New("this process is dead")

// Hook sees every request that leaves an incarnation and may keep it from being sent, by returning an error, or kill
// the incarnation, before the request or after its reply.
type Hook func(request *http.Request) error

// Incarnation is one life of the manager: its controllers, with nothing in memory at first.
type Incarnation struct {
	// Inventory is the fleet as this life has listed it.
	Inventory *inventory.Inventory
	// Guard stands between this life and the cloud.
	Guard *fleet.Guard
	// Budget is what this life may spend.
	Budget *budget.Budget
	// Firewall looks after the fleet's firewall; it is asked for only in an Env that is Walled.
	Firewall *firewall.Keeper
	// Accounts is the account controller, which has metrics.
	Accounts *account.Controller
	// Events are the events it has recorded.
	Events *events.FakeRecorder
	// Orphans is its sweeper, which Env.Pass drives.
	Orphans *orphan.Sweeper
	// Heard is who is heard, in a world in which machines talk.
	Heard *freshness.Fleet
	// Tidy is its controller of the delivery namespace, in such a world.
	Tidy reconcile.Reconciler
	// Before and After are called for every request to the API server or the cloud, when set.
	Before, After Hook

	bots     reconcile.Reconciler
	droplets reconcile.Reconciler
	dead     atomic.Bool
	// asked counts the requests, to the API server and to the cloud, that may have changed something.
	asked atomic.Int64
}

// Kill ends the incarnation the way SIGKILL does: whatever it was doing, nothing more leaves it.
func (i *Incarnation) Kill() { i.dead.Store(true) }

// eventsKept is more than any test records.
const eventsKept = 1000

func (e *Env) newIncarnation(leader leadership.Check) *Incarnation {
	e.t.Helper()
	i := &Incarnation{Events: events.NewFakeRecorder(eventsKept)}
	reached := config()
	reached.Wrap(func(next http.RoundTripper) http.RoundTripper { return &gate{i, next} })
	kube, err := client.New(reached, client.Options{Scheme: manager.Scheme()})
	e.must(err, "building a client")
	i.Budget = budget.New(budget.Options{PerMinute: e.CallsPerMinute, Token: e.Token, Clock: e.Clock, Jitter: noJitter})
	do := digitalocean.Options{
		BaseURL: e.SimulatorURL, Timeout: cloudTimeout, CreateTimeout: cloudTimeout, Observe: i.Budget.Observe,
		Clock: e.Clock,
	}
	do.Transport = &gate{i, e.conformance.Wrap(digitalocean.NewTransport(do))}
	i.Guard = e.newGuard(kube, do, i.Events)
	spends := budget.NewInstances(i.Budget, i.Guard)
	i.Inventory = inventory.New(inventory.Options{
		Lister: spends.For("", ""), Tag: identity.FleetTag(Fleet), Clock: e.Clock,
	})
	i.Firewall = e.newFirewall(i, spends)
	i.Accounts = account.NewController(account.Options{
		Client: kube, Live: kube, Inventory: i.Inventory, Fleet: Fleet, Clock: e.Clock, Recorder: i.Events,
	})
	offers := catalogue.New(catalogue.Options{Cloud: spends.For("", ""), Clock: e.Clock})
	market := e.Market
	if market == nil {
		market = bot.Offers{Catalogue: offers}
	}
	i.bots = bot.NewController(bot.Options{
		Client: kube, Live: kube, Inventory: i.Inventory, Cloud: spends, Freeze: i.Guard, Market: market,
		Clock: e.Clock, Recorder: i.Events, Fleet: Fleet, Delivery: e.newDelivery(i, kube),
	}).Requests()
	i.droplets = reconcile.AsReconciler(kube, droplet.NewController(droplet.Options{
		Client: kube, Live: kube, Cloud: spends, Freeze: i.Guard, Firewall: gateway{e, i.Firewall}, Inventory: i.Inventory,
		Clock: e.Clock, Leader: leader, Recorder: i.Events, Fleet: Fleet, SettleWindow: SettleWindow,
		Market: offers, ShutdownGrace: ShutdownGrace, SystemNamespace: e.Namespace,
	}))
	settings := e.Orphans
	settings.Namespace = e.Namespace
	i.Orphans = orphan.New(orphan.Options{
		// A cache is read without a request, so the stand-in for it has no gate.
		Settings: settings, Client: e.Client, Live: kube, Cloud: spends, Freeze: i.Guard, Passes: i.Inventory,
		Leader: leader, Recorder: i.Events, Clock: e.Clock, Fleet: Fleet,
	})
	return i
}

// cloudTimeout is short, so that a test of a hanging cloud is quick, and long enough for an answer on a busy machine.
// It is real time, like every deadline of a call.
const cloudTimeout = 2 * time.Second

// noJitter makes pauses as long as they are told.
func noJitter(time.Duration) time.Duration { return 0 }

// gate stands under an incarnation's clients.
type gate struct {
	incarnation *Incarnation
	next        http.RoundTripper
}

// note counts a request that may change something.
func (i *Incarnation) note(request *http.Request) {
	if request.Method != http.MethodGet {
		i.asked.Add(1)
	}
}

// RoundTrip lets the request through unless the incarnation is dead or a hook says otherwise.
func (g *gate) RoundTrip(request *http.Request) (*http.Response, error) {
	if g.incarnation.dead.Load() {
		return nil, errFenced
	}
	if hook := g.incarnation.Before; hook != nil {
		if err := hook(request); err != nil {
			return nil, err
		}
	}
	g.incarnation.note(request)
	response, err := g.next.RoundTrip(request)
	if hook := g.incarnation.After; hook != nil && err == nil {
		err = hook(request)
	}
	if g.incarnation.dead.Load() && err == nil {
		err = errFenced
	}
	if err != nil && response != nil {
		_ = response.Body.Close()
		return nil, err
	}
	return response, err
}
