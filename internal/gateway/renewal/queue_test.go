// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package renewal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway/renewal"
	"github.com/cedros-io/open-spawn/internal/gateway/store"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// leases are those of a fleet, in memory.
type leases struct {
	mu      sync.Mutex
	records map[string]store.Record
	extra   int           // machines that nobody speaks of
	fail    []error       // of the next writes
	hold    chan struct{} // writes wait until it is closed
	wrote   []string
}

func (l *leases) Lookup(machine string) store.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records[machine]
}

func (l *leases) Live(_ context.Context, machine string) (store.Record, error) {
	return l.Lookup(machine), nil
}

func (l *leases) Update(_ context.Context, r store.Record, p *delivery.Presence) error {
	if l.hold != nil {
		<-l.hold
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.fail) > 0 {
		err := l.fail[0]
		l.fail = l.fail[1:]
		if err != nil {
			return err
		}
	}
	for machine, known := range l.records {
		switch {
		case known.Machine == r.Machine && known.Presence != r.Presence:
			return store.ErrChanged
		case known.Machine == r.Machine:
			known.Presence, known.Renewed = p, p.Renewed
			l.records[machine] = known
			l.wrote = append(l.wrote, machine)
		}
	}
	return nil
}

func (l *leases) Machines() int             { return len(l.records) + l.extra }
func (l *leases) Share(string, int) float64 { return 1 }

func (l *leases) written() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.wrote)
}

// stepped is a clock that is moved by hand, and tells when somebody waits for that.
type stepped struct {
	*clocktesting.FakeClock
	waits chan time.Duration
}

func (s stepped) After(d time.Duration) <-chan time.Time {
	after := s.FakeClock.After(d)
	s.waits <- d
	return after
}

// world is a queue over leases.
type world struct {
	*leases
	*renewal.Queue
	clock   stepped
	results chan string
}

func newWorld(t *testing.T, machines ...string) *world {
	t.Helper()
	w := &world{leases: &leases{records: map[string]store.Record{}}, results: make(chan string, 1000)}
	w.clock = stepped{clocktesting.NewFakeClock(time.Unix(1e9, 0)), make(chan time.Duration, 1000)}
	for _, machine := range machines {
		w.records[machine] = store.Record{
			Machine:  &delivery.Machine{IntervalSeconds: 30, GraceSeconds: 150},
			Presence: &delivery.Presence{Renewed: w.clock.Now(), Facts: protocol.Heartbeat{BootID: "boot"}},
			Renewed:  w.clock.Now(),
		}
	}
	w.Queue = renewal.New(renewal.Options{
		Leases: w.leases, Gateway: "gateway", PerSecond: 50, Clock: w.clock, Logger: logr.Discard(),
		Written: func(result string) { w.results <- result },
	})
	return w
}

func (w *world) beat(machine string, applied int64) *renewal.Outcome {
	return w.Beat(machine, w.Lookup(machine), protocol.Heartbeat{BootID: "boot", AppliedConfig: applied})
}

// run writes n beats, one at a time, and gives their results.
func (w *world) run(t *testing.T, n int) []string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.Run(ctx)
	}()
	results := make([]string, 0, n)
	for range n {
		results = append(results, <-w.results)
		w.clock.Step(<-w.clock.waits)
	}
	stop()
	<-done
	return results
}

func TestAMachineThatBeatsOftenIsWrittenOnceInAWindow(t *testing.T) {
	w := newWorld(t, "one")
	for _, after := range []struct {
		wait  time.Duration
		write bool
	}{{10 * time.Second, false}, {10 * time.Second, false}, {7 * time.Second, true}} {
		w.clock.Step(after.wait)
		if got := w.beat("one", 0); (got != nil) != after.write {
			t.Errorf("after %s more it is to be written: %t, want %t", after.wait, got != nil, after.write)
		}
	}
	if n := w.Len(); n != 1 {
		t.Errorf("%d are in line", n)
	}
	w.run(t, 1)
	if p := w.Lookup("one").Presence; p.Duration != 180*time.Second || p.ReceivedBy != "gateway" {
		t.Errorf("the Lease says %+v", p)
	}
}

func TestALargeFleetIsWrittenLessOften(t *testing.T) {
	w := newWorld(t, "one")
	w.extra = 9999
	if got := w.Window(30 * time.Second); got != 250*time.Second {
		t.Errorf("the window of 10,000 is %s, want 250s", got)
	}
	w.clock.Step(time.Minute)
	if w.beat("one", 0) != nil {
		t.Error("it is written before its window")
	}
	if w.beat("one", 1) == nil {
		t.Error("what is new is not written")
	}
}

func TestWhatIsNewGoesFirst(t *testing.T) {
	var names []string
	for i := range 6 {
		names = append(names, fmt.Sprintf("idle-%d", i))
	}
	w := newWorld(t, append(names, "new")...)
	w.clock.Step(time.Minute)
	for _, name := range names {
		w.beat(name, 0)
	}
	w.beat("new", 0)
	outcome := w.beat("new", 3)
	w.run(t, 7)
	if wrote := w.written(); wrote[0] != "new" {
		t.Errorf("written in order %v", wrote)
	}
	<-outcome.Done()
	if !outcome.Written() || w.Lookup("new").Presence.Facts.AppliedConfig != 3 {
		t.Error("the newest facts are not written")
	}
	// Who has always something new does not keep others from being renewed.
	w.clock.Step(time.Minute)
	w.beat("idle-0", 0)
	for i := range int64(40) {
		w.beat("new", 10+i)
	}
	w.run(t, 2)
	if wrote := w.written()[7:]; len(wrote) != 2 {
		t.Errorf("written %v, want each once", wrote)
	}
}

func TestAnotherBootPutsTheOneBeforeIntoThePast(t *testing.T) {
	w := newWorld(t, "one")
	w.Beat("one", w.Lookup("one"), protocol.Heartbeat{BootID: "again"})
	w.run(t, 1)
	p := w.Lookup("one").Presence
	if p.Facts.BootID != "again" || !slices.Equal(p.PastBoots, []string{"boot"}) {
		t.Fatalf("boot %s after %v", p.Facts.BootID, p.PastBoots)
	}
	late := w.beat("one", 0)
	if got := w.run(t, 1); got[0] != "late" {
		t.Errorf("what is heard of the boot before is %v", got)
	}
	if <-late.Done(); late.Written() {
		t.Error("it is written")
	}
}

func TestWhatFailsIsTriedAgainAndWhatIsGoneIsNot(t *testing.T) {
	w := newWorld(t, "one")
	w.fail = []error{errors.New("down"), store.ErrChanged, nil}
	outcome := w.beat("one", 1)
	if got := w.run(t, 2); !slices.Equal(got, []string{"failed", "written"}) {
		t.Errorf("results %v", got)
	}
	if <-outcome.Done(); !outcome.Written() {
		t.Error("it is not written")
	}
	w.fail = []error{store.ErrRevoked}
	outcome = w.beat("one", 2)
	if got := w.run(t, 1); got[0] != "revoked" {
		t.Errorf("results %v", got)
	}
	if <-outcome.Done(); outcome.Written() || w.Len() != 0 {
		t.Error("what was revoked is still in line")
	}
}

func TestWhatFailsLateIsTriedAgainByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "one")
		w.fail, w.hold = []error{errors.New("down")}, make(chan struct{})
		w.beat("one", 1)
		go func() { _ = w.Run(t.Context()) }()
		w.clock.Step(<-w.clock.waits)
		synctest.Wait() // the write is under way, and nothing else is in line
		close(w.hold)
		synctest.Wait()
		if wrote := w.written(); !slices.Equal(wrote, []string{"one"}) {
			t.Errorf("written %v, want what failed at first", wrote)
		}
	})
}

func TestWhatAnotherGatewayHasWrittenSinceStays(t *testing.T) {
	w := newWorld(t, "one")
	w.clock.Step(time.Minute)
	w.beat("one", 1)
	r := w.Lookup("one")
	later := *r.Presence
	later.ReceivedBy, later.Facts.AppliedConfig = "other", 2
	later.Renewed = w.clock.Now().Add(-time.Hour) // its clock is behind
	r.Presence = &later
	w.records["one"] = r
	if got := w.run(t, 1); got[0] != "late" {
		t.Errorf("results %v", got)
	}
}
