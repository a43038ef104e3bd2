// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget_test

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

const (
	token = "dop_v1_test"
	fleet = "open-spawn-fleet:test"
)

// world is a simulator that enforces DigitalOcean's limits, the real adapter, a Budget, and those who call, each of
// which comes back when it was told to.
type world struct {
	*testing.T
	clock  *clocktesting.FakeClock
	start  time.Time
	sim    *dosim.Server
	calls  *budget.Budget
	cloud  *budget.Instances
	actors []*actor
}

// actor does its step at its time; the step tells in how long it wants to go on, or less than 0 when it is done.
type actor struct {
	next time.Time
	step func() time.Duration
}

const done = -1

func newWorld(t *testing.T) *world {
	t.Helper()
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	c := clocktesting.NewFakeClock(start)
	options := dosim.DefaultOptions()
	options.Clock, options.Tokens = c, []string{token}
	sim := dosim.New(options)
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	calls := budget.New(budget.Options{
		Clock: c, Token: func() string { return token }, Jitter: func(time.Duration) time.Duration { return 0 },
	})
	api, err := digitalocean.Connect(digitalocean.Options{
		BaseURL: server.URL, Token: func() string { return token }, Observe: calls.Observe, Clock: c,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &world{T: t, clock: c, start: start, sim: sim, calls: calls, cloud: budget.NewInstances(calls, api)}
}

// at lets an actor begin so long after the start.
func (w *world) at(after time.Duration, step func() time.Duration) {
	w.actors = append(w.actors, &actor{w.start.Add(after), step})
}

// run lets time pass until then.
func (w *world) run(until time.Duration) {
	w.Helper()
	for len(w.actors) > 0 {
		first := slices.MinFunc(w.actors, func(a, b *actor) int { return cmp.Compare(a.next.UnixNano(), b.next.UnixNano()) })
		if first.next.Sub(w.start) > until {
			break
		}
		if first.next.After(w.clock.Now()) {
			w.clock.SetTime(first.next)
		}
		wait := first.step()
		if wait < 0 {
			w.actors = slices.DeleteFunc(w.actors, func(a *actor) bool { return a == first })
			continue
		}
		first.next = w.clock.Now().Add(max(wait, 10*time.Millisecond))
	}
	w.clock.SetTime(w.start.Add(until))
}

func (w *world) since() time.Duration { return w.clock.Since(w.start) }

// again is when to try again after a failure, as a work queue and a cloud's wish have it.
func again(err error) time.Duration { return max(cloud.RetryAfter(err), 500*time.Millisecond) }

// create makes an instance for a bot, as the droplet controller does; then it calls back.
func (w *world) create(account, bot string, then func() time.Duration) func() time.Duration {
	return func() time.Duration {
		room, err := w.cloud.ForCreate(account, bot)
		if err != nil {
			return again(err)
		}
		defer room.Release()
		if _, err := room.FindByName(w.Context(), bot); err != nil {
			return again(err)
		}
		if _, err := room.Create(w.Context(), cloud.InstanceRequest{
			Name: bot, Region: "nyc3", Size: "s-1vcpu-1gb", Image: "ubuntu-24-04-x64", Tags: []string{fleet},
		}); err != nil {
			return again(err)
		}
		return then()
	}
}

// destroy looks at an instance and destroys it; then it calls back.
func (w *world) destroy(account, bot string, id func() int64, then func() time.Duration) func() time.Duration {
	return func() time.Duration {
		urgent := w.cloud.ForDestroy(account, bot)
		if _, err := urgent.Get(w.Context(), id()); err != nil {
			return again(err)
		}
		if err := urgent.Delete(w.Context(), id()); err != nil {
			return again(err)
		}
		return then()
	}
}

// flip makes an instance for a bot and destroys it, over and over.
func (w *world) flip(account, name string) func() time.Duration {
	var create, step func() time.Duration
	create = w.create(account, name, func() time.Duration {
		id := w.sim.Live(name)[0].ID
		step = w.destroy(account, name, func() int64 { return id }, func() time.Duration {
			step = create
			return time.Second
		})
		return time.Second
	})
	step = create
	return func() time.Duration { return step() }
}

// passes lists the fleet every 30 s.
func (w *world) passes() func() time.Duration {
	return func() time.Duration {
		if _, err := w.cloud.For("", "").ListByTag(w.Context(), fleet); err != nil {
			return again(err)
		}
		return 30 * time.Second
	}
}

// refused counts the requests that the simulator has answered with 429.
func (w *world) refused() int {
	n := 0
	for _, e := range w.sim.Journal() {
		if e.Status == http.StatusTooManyRequests {
			n++
		}
	}
	return n
}

// most is the greatest number of requests within any span of that length.
func (w *world) most(span time.Duration) int {
	most, first := 0, 0
	journal := w.sim.Journal()
	for i, e := range journal {
		for !journal[first].Time.After(e.Time.Add(-span)) {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
