// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cedros-io/open-spawn/controllers"
	"github.com/cedros-io/open-spawn/controllers/orphan"
	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/catalogue"
	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/firewall"
	guards "github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/leadership"
	"github.com/cedros-io/open-spawn/internal/localrun"
	"github.com/cedros-io/open-spawn/internal/manager"
)

const (
	// stride is how far the clock moves at a time.
	stride = time.Second
	// calm is for how long nothing must be under way before the clock moves on.
	calm = time.Millisecond
	// sleepers is how many loops there are: the inventory's, the firewall's and the guard's.
	sleepers = 3
)

// idle is the manager's controllers over a fleet at rest: everything that is shipped, on a clock that is moved by hand,
// with the objects on a shelf in place of an API server, so that a fleet of any size is there at once.
type idle struct {
	clock     *clocktesting.FakeClock
	loops     *clocktesting.FakeClock // the same time, for who has nothing but it to wake up by
	inventory *inventory.Inventory
	shelf     *shelf
	requests  *underWay
	stop      func() error

	passesBefore int64
}

// startIdle starts the controllers over the fleet that the simulator has.
func startIdle(ctx context.Context, url string) (*idle, error) {
	now := time.Now()
	m := &idle{clock: clocktesting.NewFakeClock(now), loops: clocktesting.NewFakeClock(now)}
	calls := budget.New(budget.Options{
		PerMinute: unlimited, Token: func() string { return localrun.SimulatorToken }, Clock: m.clock,
	})
	do := digitalocean.Options{BaseURL: url, Observe: calls.Observe, Clock: m.clock}
	m.requests = &underWay{next: digitalocean.NewTransport(do)}
	do.Transport = m.requests
	dial := func(token string) (guards.Cloud, error) {
		bound := do
		bound.Token = func() string { return token }
		return digitalocean.Connect(bound)
	}
	if err := m.fillShelf(ctx, dial); err != nil {
		return nil, err
	}
	mgr, err := m.newManager()
	if err != nil {
		return nil, err
	}
	if err := m.register(ctx, mgr, calls, dial); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	m.stop = func() error { cancel(); return <-ended }
	return m, nil
}

// fillShelf makes the objects that are at rest with the instances there are.
func (m *idle) fillShelf(ctx context.Context, dial func(string) (guards.Cloud, error)) error {
	do, err := dial(localrun.SimulatorToken)
	if err != nil {
		return err
	}
	team, err := do.Team(ctx)
	if err != nil {
		return err
	}
	instances, err := do.ListByTag(ctx, identity.FleetTag(restFleet))
	if err != nil {
		return err
	}
	m.shelf = newShelf(instances, team.UUID)
	return nil
}

// newManager is a manager that has a shelf instead of an API server.
func (m *idle) newManager() (ctrl.Manager, error) {
	nowhere := &rest.Config{Host: "http://127.0.0.1:1"}
	return ctrl.NewManager(nowhere, ctrl.Options{
		Scheme: manager.Scheme(), Logger: logr.Discard(), Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
		NewCache: func(*rest.Config, cache.Options) (cache.Cache, error) {
			return &silent{}, nil
		},
		NewClient: func(*rest.Config, client.Options) (client.Client, error) { return m.shelf, nil },
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) {
			return meta.NewDefaultRESTMapper(nil), nil
		},
	})
}

// silent is a cache whose objects never change. Every watch has an informer of its own, as the package's are not made
// for several at once.
type silent struct{ informertest.FakeInformers }

// GetInformer implements cache.Informers.
func (*silent) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	return controllertest.NewFakeInformer(controllertest.Synced), nil
}

// register does what internal/manager does.
func (m *idle) register(
	ctx context.Context, mgr ctrl.Manager, calls *budget.Budget, dial func(string) (guards.Cloud, error),
) error {
	who, err := guards.Identify(ctx, m.shelf, localrun.SystemNamespace, restFleet)
	if err != nil {
		return err
	}
	guard := guards.New(guards.Options{
		Token: func() string { return localrun.SimulatorToken }, Dial: dial, API: m.shelf, Identity: who,
		Namespace: localrun.SystemNamespace, Recorder: mgr.GetEventRecorder("fleet"), Clock: m.loops,
	})
	if err := mgr.Add(guard); err != nil {
		return fmt.Errorf("adding the guard: %w", err)
	}
	spends := budget.NewInstances(calls, guard)
	m.inventory = inventory.New(inventory.Options{
		Lister: spends.For("", ""), Tag: identity.FleetTag(restFleet), Limit: spends.HourLimit, Clock: m.loops,
	})
	return controllers.Register(ctx, mgr, controllers.Options{
		Cloud: spends, Freeze: guard, Inventory: m.inventory, Metrics: prometheus.NewRegistry(), Clock: m.clock,
		Firewall: firewall.New(firewall.Options{
			Cloud: spends.For("", ""), Freeze: guard, Fleet: restFleet, Recorder: mgr.GetEventRecorder("firewall"),
			About: guard.Record(), Clock: m.loops,
		}),
		Leader: leadership.Alone("bench"), Fleet: restFleet, SettleWindow: settleWindow, ShutdownGrace: 2 * time.Minute,
		Market:  catalogue.New(catalogue.Options{Cloud: spends.For("", ""), Clock: m.clock}),
		Orphans: orphan.Settings{MinAge: time.Hour, Sightings: 3, Namespace: localrun.SystemNamespace},
	})
}

// hour lets an hour pass, after what happens once at the start.
func (m *idle) hour(ctx context.Context, url string) error {
	if err := m.let(ctx, time.Minute); err != nil {
		return err
	}
	if err := forgetJournal(ctx, url); err != nil {
		return err
	}
	m.shelf.touched.Store(0)
	pass, _ := m.inventory.Latest()
	m.passesBefore = pass.Number
	return m.let(ctx, time.Hour)
}

// let lets time pass.
func (m *idle) let(ctx context.Context, d time.Duration) error {
	for end := m.clock.Now().Add(d); m.clock.Now().Before(end); {
		if err := m.settle(ctx); err != nil {
			return err
		}
		m.clock.Step(stride)
		m.loops.Step(stride)
	}
	return m.settle(ctx)
}

// pass makes one pass more, and waits for who has heard of it.
func (m *idle) pass(ctx context.Context) error {
	return errors.Join(m.inventory.Refresh(ctx), m.settle(ctx))
}

// settle waits until every loop sleeps and no request is under way, nor has been for a moment.
func (m *idle) settle(ctx context.Context) error {
	for {
		before := m.requests.ended.Load()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(calm):
		}
		if m.loops.Waiters() == sleepers && m.requests.now.Load() == 0 && m.requests.ended.Load() == before {
			return nil
		}
	}
}

// underWay counts the requests to the cloud that are under way, and those that have been.
type underWay struct {
	next       http.RoundTripper
	now, ended atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (u *underWay) RoundTrip(request *http.Request) (*http.Response, error) {
	u.now.Add(1)
	defer func() { u.ended.Add(1); u.now.Add(-1) }()
	return u.next.RoundTrip(request)
}

// forgetJournal begins the count of calls.
func forgetJournal(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, url+"/_sim/journal", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
