// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package renewal_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway/renewal"
	"github.com/cedros-io/open-spawn/internal/gateway/store"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

const (
	fleetSize, fleetGateways = 10_000, 3
	fleetBudget              = 50 // writes a second
	fleetInterval            = 30 * time.Second
	fleetGrace               = 150 * time.Second
	fleetWindow              = 250 * time.Second
	// updateTakes is how long the API server takes to write a Lease.
	updateTakes = 10 * time.Millisecond
)

// fleet is the Leases of many machines, in memory, and how often they are written.
type fleet struct {
	began    time.Time
	names    map[*delivery.Machine]string
	gateways map[string]int // of each machine

	mu      sync.Mutex
	records map[string]store.Record
	writes  map[int]int   // in each second
	gap     time.Duration // the longest between two renewals of a Lease
	overdue int           // renewals that came after the Lease had run out
}

func newFleet() *fleet {
	f := &fleet{
		began: clock.RealClock{}.Now(), names: map[*delivery.Machine]string{}, gateways: map[string]int{},
		records: map[string]store.Record{}, writes: map[int]int{},
	}
	for i := range fleetSize {
		name := fmt.Sprintf("bot-%05d", i)
		machine := &delivery.Machine{
			IntervalSeconds: int32(fleetInterval.Seconds()), GraceSeconds: int32(fleetGrace.Seconds()),
		}
		f.names[machine], f.gateways[name] = name, i%fleetGateways
		renewed := f.began.Add(-time.Duration(i) * fleetWindow / fleetSize)
		f.records[name] = store.Record{
			Machine: machine, Renewed: renewed,
			Presence: &delivery.Presence{
				Renewed: renewed, Duration: fleetGrace + fleetWindow, Facts: protocol.Heartbeat{BootID: "boot"},
			},
		}
	}
	return f
}

func (f *fleet) lookup(machine string) store.Record {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.records[machine]
}

// Live is as what is known already.
func (f *fleet) Live(_ context.Context, machine string) (store.Record, error) {
	return f.lookup(machine), nil
}

// Machines is how many there are.
func (f *fleet) Machines() int { return fleetSize }

// Share is even: each machine has chosen its gateway at random.
func (f *fleet) Share(string, int) float64 { return 1.0 / fleetGateways }

func (f *fleet) Update(_ context.Context, r store.Record, p *delivery.Presence) error {
	clock.RealClock{}.Sleep(updateTakes)
	f.mu.Lock()
	defer f.mu.Unlock()
	name, now := f.names[r.Machine], clock.RealClock{}.Now()
	known := f.records[name]
	if known.Presence != r.Presence {
		return store.ErrChanged
	}
	since := now.Sub(known.Renewed)
	if f.gap = max(f.gap, since); since > known.Presence.Duration {
		f.overdue++
	}
	known.Presence, known.Renewed = p, now
	f.records[name] = known
	f.writes[int(now.Sub(f.began)/time.Second)]++
	return nil
}

// atMost is the largest number of writes in one second, and how many there were in all.
func (f *fleet) atMost() (most, all int) {
	for _, n := range f.writes {
		most, all = max(most, n), all+n
	}
	return most, all
}

// beats lets the machines beat, each at its gateway and as often as that says, give or take a tenth, and all of them
// within seconds of the edit that they apply.
func (f *fleet) beats(queues []*renewal.Queue, lasts, edited time.Duration) {
	const tick = 100 * time.Millisecond
	due, next := map[time.Duration][]string{}, map[string]time.Duration{}
	beatsAt := func(name string, at time.Duration) {
		next[name] = at.Truncate(tick)
		due[next[name]] = append(due[next[name]], name)
	}
	applies, applied := map[time.Duration][]string{}, map[string]int64{}
	for name, record := range f.records {
		beatsAt(name, max(0, fleetWindow*9/10+rand.N(fleetWindow/5)-f.began.Sub(record.Renewed)))
		at := edited + rand.N(10*time.Second).Truncate(tick)
		applies[at] = append(applies[at], name)
	}
	for at := time.Duration(0); at < lasts; at += tick {
		for _, name := range applies[at] {
			applied[name]++
			beatsAt(name, at)
		}
		for _, name := range due[at] {
			if next[name] != at {
				continue // it has beaten in between
			}
			q := queues[f.gateways[name]]
			q.Beat(name, f.lookup(name), protocol.Heartbeat{BootID: "boot", AppliedConfig: applied[name]})
			window := q.Window(fleetInterval)
			beatsAt(name, at+window*9/10+rand.N(window/5))
		}
		clock.RealClock{}.Sleep(tick)
	}
}

// TestTenThousandMachinesAreWrittenWithinTheBudget: also when all of them apply an edit at once, the Leases are written
// no more often than all gateways together may, and none runs out.
func TestTenThousandMachinesAreWrittenWithinTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lasts, edited = 40 * time.Minute, 20 * time.Minute
		f := newFleet()
		var queues []*renewal.Queue
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for i := range fleetGateways {
			q := renewal.New(renewal.Options{
				Leases: f, Gateway: fmt.Sprint("gateway-", i), PerSecond: fleetBudget, Clock: clock.RealClock{},
				Logger: logr.Discard(), Written: func(string) {},
			})
			queues = append(queues, q)
			running.Go(func() { _ = q.Run(ctx) })
		}
		f.beats(queues, lasts, edited)
		stop()
		running.Wait()
		most, all := f.atMost()
		t.Logf("%d writes in %s, %.1f a second, at most %d in one; %s between two of a Lease", all, lasts,
			float64(all)/lasts.Seconds(), most, f.gap)
		if most > fleetBudget+fleetGateways { // a second may begin with a write of each
			t.Errorf("%d writes in one second, want at most %d", most, fleetBudget)
		}
		if f.overdue > 0 {
			t.Errorf("%d Leases had run out before they were renewed, the longest after %s", f.overdue, f.gap)
		}
	})
}
