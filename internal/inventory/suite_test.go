// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

const fleetTag = "open-spawn-fleet:7d1c"

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fleet is a cloud in memory: what it lists and how it fails is the test's to say.
type fleet struct {
	mu        sync.Mutex
	instances []cloud.Instance
	err       error
	lists     int
	during    func() // runs in the middle of each list, unlocked
}

func (f *fleet) ListByTag(ctx context.Context, tag string) ([]cloud.Instance, error) {
	f.mu.Lock()
	f.lists++
	during := f.during
	f.mu.Unlock()
	if during != nil {
		during()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, &cloud.Error{Kind: cloud.Unavailable, Op: "listing", Message: "called off", Err: ctx.Err()}
	case tag != fleetTag:
		return nil, fmt.Errorf("tag %q", tag)
	}
	return slices.Clone(f.instances), f.err
}

// set replaces the fleet.
func (f *fleet) set(instances ...cloud.Instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.instances = instances
}

func (f *fleet) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fleet) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lists
}

func instance(id int64, name string) cloud.Instance {
	return cloud.Instance{
		ID: id, Name: name, State: cloud.StateActive, Tags: []string{fleetTag},
		CreatedAt: start.Add(time.Duration(id) * time.Second),
	}
}

// bots are n instances with names of their own.
func bots(n int) []cloud.Instance {
	all := make([]cloud.Instance, 0, n)
	for i := range n {
		all = append(all, instance(int64(i+1), fmt.Sprintf("bot-%05d-abcdefgh12345", i)))
	}
	return all
}

// newInventory is one without jitter, on a clock that only the test moves.
func newInventory(f *fleet) (*Inventory, *clocktesting.FakeClock) {
	clock := clocktesting.NewFakeClock(start)
	i := New(Options{Lister: f, Tag: fleetTag, Clock: clock})
	i.jitter = func(d time.Duration) time.Duration { return d }
	return i, clock
}

// ear keeps what a listener hears.
type ear struct {
	mu     sync.Mutex
	passes []Pass
}

func (e *ear) hear(p Pass) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.passes = append(e.passes, p)
}

func (e *ear) heard() []Pass {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.passes)
}

func refresh(t *testing.T, i *Inventory) Pass {
	t.Helper()
	if err := i.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	pass, ok := i.Latest()
	if !ok {
		t.Fatal("no pass after a refresh")
	}
	return pass
}

func names(instances []cloud.Instance) []string {
	all := []string{}
	for _, i := range instances {
		all = append(all, fmt.Sprintf("%s/%d", i.Name, i.ID))
	}
	return all
}
