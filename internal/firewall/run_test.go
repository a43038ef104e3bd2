// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package firewall

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
)

var (
	_ manager.Runnable               = (*Keeper)(nil)
	_ manager.LeaderElectionRunnable = (*Keeper)(nil)
	_ prometheus.Collector           = (*Keeper)(nil)
)

// walls is a cloud with firewalls in memory: what it has and how it fails is the test's to say.
type walls struct {
	mu     sync.Mutex
	all    []cloud.Firewall
	err    error // of everything
	frozen error
	hear   func()
	calls  []string
}

func (w *walls) call(name string) (leave func(), err error) {
	w.mu.Lock()
	w.calls = append(w.calls, name)
	return w.mu.Unlock, w.err
}

func (w *walls) ListFirewalls(context.Context) ([]cloud.Firewall, error) {
	leave, err := w.call("list")
	defer leave()
	return slices.Clone(w.all), err
}

func (w *walls) CreateFirewall(_ context.Context, f cloud.Firewall) (cloud.Firewall, error) {
	leave, err := w.call("create")
	defer leave()
	if err == nil {
		f.ID = "made"
		w.all = append(w.all, f)
	}
	return f, err
}

func (w *walls) UpdateFirewall(_ context.Context, f cloud.Firewall) error {
	leave, err := w.call("update " + f.ID)
	defer leave()
	for i := range w.all {
		if err == nil && w.all[i].ID == f.ID {
			w.all[i] = f
		}
	}
	return err
}

func (w *walls) EnsureTag(context.Context, string) error {
	leave, err := w.call("tag")
	defer leave()
	return err
}

func (w *walls) Frozen() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.frozen
}

func (w *walls) OnChange(hear func()) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hear = hear
	return func() {}
}

// set changes the world.
func (w *walls) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// wantCalls compares the calls since the last time.
func (w *walls) wantCalls(t *testing.T, when string, want ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.calls, want) {
		t.Errorf("%s: calls %q, want %q", when, w.calls, want)
	}
	w.calls = nil
}

func newKeeper(w *walls) (*Keeper, *clocktesting.FakeClock, *events.FakeRecorder) {
	clock := clocktesting.NewFakeClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	recorder := events.NewFakeRecorder(100)
	return New(Options{
		Cloud: w, Freeze: w, Fleet: "x", Recorder: recorder, About: &corev1.ConfigMap{}, Clock: clock,
	}), clock, recorder
}

// running starts a Keeper; step moves its clock.
func running(t *testing.T, w *walls) (k *Keeper, step func(time.Duration)) {
	t.Helper()
	k, clock, _ := newKeeper(w)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return k, func(d time.Duration) {
		clock.Step(d)
		synctest.Wait()
	}
}

func TestItIsLookedAtEveryTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &walls{}
		k, step := running(t, w)
		w.wantCalls(t, "at the start", "list", "tag", "create")
		if err := k.Ready(); err != nil || !k.NeedLeaderElection() {
			t.Errorf("Ready is %v", err)
		}
		for range 5 {
			step(10*time.Minute - 1)
			w.wantCalls(t, "within 10 min")
			step(1)
			w.wantCalls(t, "after 10 min", "list")
		}
	})
}

func TestAFailureIsTriedAgainSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &walls{err: errors.New("torn")}
		k, step := running(t, w)
		for range 3 {
			w.wantCalls(t, "failing", "list")
			step(30*time.Second - 1)
			w.wantCalls(t, "within 30 s")
			step(1)
		}
		w.set(func() { w.err, w.calls = &cloud.Error{Kind: cloud.Throttled, RetryAfter: 5 * time.Minute}, nil })
		step(30 * time.Second)
		w.wantCalls(t, "throttled", "list")
		step(5*time.Minute - 1)
		w.wantCalls(t, "before the cloud's own time")
		w.set(func() { w.err = nil })
		step(1)
		w.wantCalls(t, "at the cloud's own time", "list", "tag", "create")
		if err := k.Ready(); err != nil {
			t.Error(err)
		}
	})
}

func TestAFrozenFleetIsNotTouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &walls{frozen: errors.New("frozen")}
		k, step := running(t, w)
		step(time.Hour)
		w.wantCalls(t, "frozen")
		if k.Ready() == nil {
			t.Error("ready although nobody has looked")
		}
		w.set(func() { w.frozen = nil })
		w.hear()
		synctest.Wait()
		w.wantCalls(t, "thawed", "list", "tag", "create")
	})
}

// TestTheVerdict: what was seen last stands while nobody can look, and a firewall that could not be put right is none.
func TestTheVerdict(t *testing.T) {
	w := &walls{}
	k, _, _ := newKeeper(w)
	heard := 0
	stop := k.OnChange(func() { heard++ })
	want := func(when string, ready bool, changes int) {
		t.Helper()
		_ = k.Check(t.Context())
		if err := k.Ready(); (err == nil) != ready || heard != changes {
			t.Errorf("%s: Ready is %v after %d changes, want %v after %d", when, err, heard, ready, changes)
		}
	}
	w.err = errors.New("torn")
	want("nobody can look", false, 0)
	w.err = nil
	want("made", true, 1)
	w.err = errors.New("torn")
	want("nobody can look any more", true, 1)
	w.err = nil
	want("seen", true, 1)
	w.all[0].Inbound = []cloud.FirewallRule{rule("tcp", "all", anywhere...)}
	unwilling := &refusing{walls: w}
	k.cloud = unwilling
	want("it is open and cannot be closed", false, 2)
	stop()
	k.cloud = w
	want("closed", true, 2)
}

// refusing lists and changes nothing.
type refusing struct{ *walls }

func (refusing) UpdateFirewall(context.Context, cloud.Firewall) error { return errors.New("no") }

func TestOthersOfItsNameAreReportedOnceAndLeftAlone(t *testing.T) {
	w := &walls{}
	k, _, recorder := newKeeper(w)
	named := func(id string) cloud.Firewall { return cloud.Firewall{ID: id, Name: "Open-Spawn-X"} }
	w.all = []cloud.Firewall{named("c"), {ID: "0", Name: "web"}, named("a"), named("b")}
	for range 3 {
		if err := k.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.wantCalls(t, "the least id is taken", "list", "tag", "update a", "list", "list")
	said := drain(recorder)
	if len(said) != 2 || !strings.HasPrefix(said[0], "Warning "+spawnv1.FirewallDuplicatedReason) ||
		!strings.HasSuffix(said[0], ": b, c") || !strings.Contains(said[1], "other name, tags, outbound rules") {
		t.Errorf("events %q", said)
	}
}

func TestARenamedFirewallIsKnownAgain(t *testing.T) {
	w := &walls{}
	k, _, _ := newKeeper(w)
	_ = k.Check(t.Context())
	w.all[0].Name = "mine"
	w.wantCalls(t, "made", "list", "tag", "create")
	if err := k.Check(t.Context()); err != nil || w.all[0].Name != "open-spawn-x" {
		t.Errorf("it is called %s: %v", w.all[0].Name, err)
	}
	w.wantCalls(t, "renamed", "list", "tag", "update made")
}

func TestMetrics(t *testing.T) {
	w := &walls{}
	k, _, _ := newKeeper(w)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(k)
	const ready, repairs = "openspawn_firewall_ready", "openspawn_firewall_repairs_total"
	want := func(when string, want map[string]float64) {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			got[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	want("in a follower", map[string]float64{repairs: 0})
	w.err = errors.New("torn")
	_ = k.Check(t.Context())
	want("failing", map[string]float64{ready: 0, repairs: 0})
	w.err = nil
	_ = k.Check(t.Context())
	want("made", map[string]float64{ready: 1, repairs: 0})
	w.all[0].Tags = nil
	_ = k.Check(t.Context())
	w.all = nil
	_ = k.Check(t.Context())
	want("edited, and deleted", map[string]float64{ready: 1, repairs: 2})
}

func drain(recorder *events.FakeRecorder) (said []string) {
	for len(recorder.Events) > 0 {
		said = append(said, <-recorder.Events)
	}
	return said
}
