// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

var (
	_ Lister                         = cloud.Instances(nil)
	_ manager.Runnable               = (*Inventory)(nil)
	_ manager.LeaderElectionRunnable = (*Inventory)(nil)
	_ prometheus.Collector           = (*Inventory)(nil)
)

func TestListenersHearEveryPass(t *testing.T) {
	f, e := &fleet{}, &ear{}
	i, clock := newInventory(f)
	i.OnPass(e.hear)
	if _, ok := i.Latest(); ok || len(e.heard()) != 0 {
		t.Fatal("there is a pass before the first")
	}
	f.set(instance(1, "a"), instance(2, "b"))
	refresh(t, i)
	clock.Step(time.Minute)
	refresh(t, i)
	f.set(instance(1, "a"))
	refresh(t, i)

	want := [][]string{{"a/1", "b/2"}, {"a/1", "b/2"}, {"a/1"}}
	for n, pass := range e.heard() {
		if diff := cmp.Diff(want[n], names(pass.instances)); diff != "" {
			t.Errorf("pass %d: %s", n+1, diff)
		}
		if pass.Number != int64(n+1) {
			t.Errorf("pass %d has number %d", n+1, pass.Number)
		}
	}
	if pass, _ := i.Latest(); pass.Number != 3 || !pass.StartedAt.Equal(start.Add(time.Minute)) {
		t.Errorf("latest is %d of %v", pass.Number, pass.StartedAt)
	}
}

func TestAListenerThatComesLateHasMissedNothing(t *testing.T) {
	f, e := &fleet{}, &ear{}
	i, _ := newInventory(f)
	f.set(instance(1, "a"), instance(2, "b"))
	refresh(t, i)
	refresh(t, i)
	stop := i.OnPass(e.hear)
	f.set(instance(1, "a"))
	refresh(t, i)
	stop()
	f.set()
	refresh(t, i)

	heard := e.heard()
	if len(heard) != 2 {
		t.Fatalf("%d passes heard, want the present one and the next", len(heard))
	}
	if diff := cmp.Diff([]string{"a/1", "b/2"}, names(heard[0].instances)); diff != "" {
		t.Errorf("at once: %s", diff)
	}
	if diff := cmp.Diff([]string{"a/1"}, names(heard[1].instances)); diff != "" {
		t.Errorf("afterwards: %s", diff)
	}
}

func TestAFailedPassKeepsTheLast(t *testing.T) {
	f, e := &fleet{}, &ear{}
	i, _ := newInventory(f)
	i.OnPass(e.hear)
	f.set(instance(1, "a"))
	refresh(t, i)

	torn := &cloud.Error{Kind: cloud.Unavailable, Op: "listing instances by tag", Message: "torn"}
	f.fail(torn)
	f.set()
	if err := i.Refresh(t.Context()); !errors.Is(err, torn) {
		t.Errorf("error %v", err)
	}
	if pass, ok := i.Latest(); !ok || pass.Number != 1 || pass.Len() != 1 {
		t.Errorf("the last pass is lost: %v %v", pass, ok)
	}
	if len(e.heard()) != 1 {
		t.Error("a failed pass was heard of")
	}
}

func TestTroubleIsLoggedOnceEachWay(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	logger := funcr.New(func(_, args string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, args)
	}, funcr.Options{})
	ctx := log.IntoContext(t.Context(), logger)
	f := &fleet{}
	i, _ := newInventory(f)
	logged := func(want int) {
		t.Helper()
		if len(lines) != want {
			t.Errorf("%d lines, want %d: %v", len(lines), want, lines)
		}
	}
	_ = i.Refresh(ctx)
	logged(0)
	f.fail(errors.New("torn"))
	for range 3 {
		_ = i.Refresh(ctx)
	}
	logged(1)
	f.fail(nil)
	for range 3 {
		_ = i.Refresh(ctx)
	}
	logged(2)
}

func TestAPassThatIsCalledOffIsNoFailure(t *testing.T) {
	f := &fleet{}
	i, _ := newInventory(f)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(i)
	ctx, cancel := context.WithCancel(t.Context())
	f.during = cancel
	if err := i.Refresh(ctx); err == nil {
		t.Error("no error")
	}
	if got := samples(t, registry)["openspawn_inventory_passes_total failed"]; got != 0 {
		t.Errorf("%v failures", got)
	}
	if err := i.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func samples(t *testing.T, registry prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}

func TestMetrics(t *testing.T) {
	f := &fleet{}
	i, clock := newInventory(f)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(i)
	expect := func(when string, want map[string]float64) {
		t.Helper()
		if diff := cmp.Diff(want, samples(t, registry)); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	const age, instances = "openspawn_inventory_age_seconds", "openspawn_inventory_instances"
	const complete, failed = "openspawn_inventory_passes_total complete", "openspawn_inventory_passes_total failed"
	clock.Step(time.Hour)
	expect("in a follower", map[string]float64{complete: 0, failed: 0})
	f.fail(errors.New("torn"))
	_ = i.Refresh(t.Context())
	clock.Step(20 * time.Second)
	expect("before the first complete pass", map[string]float64{complete: 0, failed: 1, age: 20})
	f.fail(nil)
	f.set(bots(3)...)
	f.during = func() { clock.Step(5 * time.Second) }
	refresh(t, i)
	expect("after a pass of 5 s", map[string]float64{complete: 1, failed: 1, age: 5, instances: 3})
}

func TestInventoryOfTheSimulator(t *testing.T) {
	sim := dosim.New(dosim.Options{})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	client, err := digitalocean.Connect(digitalocean.Options{
		BaseURL: server.URL, Token: func() string { return "dop_v1_test" },
	})
	if err != nil {
		t.Fatal(err)
	}
	i := New(Options{Lister: client, Tag: fleetTag})
	for range 210 {
		sim.Plant(dosim.Plant{Name: "filler", Tags: []string{fleetTag}})
	}
	id := sim.Plant(dosim.Plant{Name: "scout-abcdefgh12345", Tags: []string{fleetTag}})
	if pass := refresh(t, i); pass.Len() != 211 || len(pass.Matching("scout-abcdefgh", 5)) != 1 {
		t.Errorf("%d instances, %v", pass.Len(), pass.Matching("scout-abcdefgh", 5))
	}
	sim.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: 500, Skip: 1})
	if err := i.Refresh(t.Context()); cloud.KindOf(err) != cloud.Unavailable {
		t.Errorf("an incomplete pass: %v", err)
	}
	if err := sim.SetState(id, "off"); err != nil {
		t.Fatal(err)
	}
	if instance, _ := refresh(t, i).ByID(id); instance.State != cloud.StateOff {
		t.Errorf("the next complete pass shows %q", instance.State)
	}
}

func TestManyAtOnce(t *testing.T) {
	f := &fleet{}
	i, _ := newInventory(f)
	f.set(bots(500)...)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(i)
	var group sync.WaitGroup
	var last int64
	i.OnPass(func(p Pass) { // one at a time and in order, so that it needs no lock
		if p.Number != last+1 {
			t.Errorf("pass %d after %d", p.Number, last)
		}
		last = p.Number
	})
	for range 10 {
		group.Go(func() {
			for range 10 {
				refresh(t, i)
				i.RequestPassAfter(start)
				i.OnPass(func(Pass) {})()
				_, _ = registry.Gather()
			}
		})
	}
	group.Wait()
	if last != 100 {
		t.Errorf("%d passes, want 100", last)
	}
}
