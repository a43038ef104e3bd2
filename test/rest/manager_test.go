// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cedros-io/open-spawn/controllers"
	"github.com/cedros-io/open-spawn/controllers/orphan"
	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/catalogue"
	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/firewall"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/leadership"
	spawn "github.com/cedros-io/open-spawn/internal/manager"
)

// life is one life of the manager.
type life struct {
	inventory *inventory.Inventory
	activity  *activity
	recorder  *recorder
	api       *gate
	cache     client.Reader
	stop      func()
}

// start starts a manager that knows nothing yet. It does what internal/manager does, and differs in the work
// queues, in the events, and in that it has no rival.
func (w *world) start() {
	w.Helper()
	l := &life{activity: newActivity(), recorder: &recorder{}}
	settings := plane.Config()
	settings.Wrap(func(next http.RoundTripper) http.RoundTripper {
		l.api = &gate{next: next, activity: l.activity}
		return l.api
	})
	inner, err := ctrl.NewManager(settings, ctrl.Options{
		Scheme: spawn.Scheme(), Logger: logr.Discard(),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
		Cache: cache.Options{
			DefaultTransform:  cache.TransformStripManagedFields(),
			DefaultNamespaces: map[string]cache.Config{w.namespace: {}},
		},
		Client: client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: ptr.To(true)}},
	})
	w.must(err, "building the manager")
	l.cache = inner.GetCache()
	mgr := &manual{Manager: inner, clock: w.clock, activity: l.activity, recorder: l.recorder}
	guard, calls := w.connect(mgr, l)
	l.inventory = inventory.New(inventory.Options{
		Lister: calls.For("", ""), Tag: identity.FleetTag(fleetID), Limit: calls.HourLimit, Clock: w.loops,
	})
	wall := firewall.New(firewall.Options{
		Cloud: calls.For("", ""), Freeze: guard, Fleet: fleetID, Recorder: l.recorder, About: guard.Record(), Clock: w.loops,
	})
	w.must(controllers.Register(w.Context(), mgr, controllers.Options{
		Cloud: calls, Freeze: guard, Firewall: wall, Inventory: l.inventory, Metrics: prometheus.NewRegistry(),
		Clock: w.clock, Leader: leadership.Alone("manager"), Fleet: fleetID, SettleWindow: 5 * time.Minute,
		Market:        catalogue.New(catalogue.Options{Cloud: calls.For("", ""), Clock: w.clock}),
		ShutdownGrace: 2 * time.Minute,
		Orphans:       orphan.Settings{MinAge: time.Hour, Sightings: 3, Namespace: w.namespace},
	}), "registering the controllers")
	l.stop = w.run(inner)
	w.manager = l
	for _, name := range []string{"account", "bot", "droplet"} {
		w.within("controller "+name+" has a work queue", func() bool { return l.activity.queue(name) != nil })
	}
	w.settle()
}

// connect is the budget and the guard between a manager and the simulator.
func (w *world) connect(mgr *manual, l *life) (*fleet.Guard, *budget.Instances) {
	w.Helper()
	spent := budget.New(budget.Options{
		PerMinute: w.perMinute, Token: func() string { return token }, Clock: w.clock,
	})
	who, err := fleet.Identify(w.Context(), w.api, w.namespace, fleetID)
	w.must(err, "finding out who the manager is")
	do := digitalocean.Options{BaseURL: w.url, Observe: spent.Observe, Clock: w.clock}
	do.Transport = &gate{next: digitalocean.NewTransport(do), activity: l.activity}
	live, err := client.New(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme(), HTTPClient: mgr.GetHTTPClient()})
	w.must(err, "building a client for the fleet record")
	guard := fleet.New(fleet.Options{
		Token: func() string { return token }, API: live, Namespace: w.namespace, Identity: who, NewFleet: true,
		Recorder: l.recorder, Clock: w.loops,
		Dial: func(token string) (fleet.Cloud, error) {
			bound := do
			bound.Token = func() string { return token }
			return digitalocean.Connect(bound)
		},
	})
	w.must(mgr.Add(guard), "adding the guard")
	return guard, budget.NewInstances(spent, guard)
}

// run runs a manager until it is stopped, or the test ends.
func (w *world) run(mgr ctrl.Manager) (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			w.Errorf("the manager ended with %v", err)
		}
	}
	w.Cleanup(stop)
	return stop
}
