// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package renewal

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway/limit"
	"github.com/cedros-io/open-spawn/internal/gateway/store"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

const (
	// atOnce is how many writes may be under way: enough for the budget when each takes a third of a second.
	atOnce = 16
	// urgentPerMinute is how often in a minute a machine may go first in line, and urgentMachines how many machines'
	// turns are remembered: one that has always something new is not to keep others from being renewed.
	urgentPerMinute, urgentMachines = 12, 1 << 16
	// turns is after how many that went first one of the others goes.
	turns = 4
)

// Leases is where machines' Leases are; see store.Store.
type Leases interface {
	Live(ctx context.Context, machine string) (store.Record, error)
	Update(ctx context.Context, r store.Record, p *delivery.Presence) error
	Machines() int
	Share(name string, serves int) float64
}

// Options are what a Queue needs.
type Options struct {
	// Leases are read and written.
	Leases Leases
	// Gateway is our own name.
	Gateway string
	// PerSecond is how many writes all gateways together may make.
	PerSecond float64
	// Written is told what became of each write: written, late, revoked or failed.
	Written func(result string)
	// Clock is the time.
	Clock clock.Clock
	// Logger takes what fails.
	Logger logr.Logger
}

// Queue holds what is to be written, once for each machine.
type Queue struct {
	o      Options
	urgent *limit.Buckets
	more   chan struct{}

	mu      sync.Mutex
	pending map[string]*beat
	first   line // what is new
	others  line
	turn    int
	heard   [2]map[string]bool // in this period, and in the one before
	since   time.Time
}

// New makes a Queue.
func New(o Options) *Queue {
	return &Queue{
		o: o, urgent: limit.New(o.Clock, urgentPerMinute, urgentMachines), more: make(chan struct{}, 1),
		pending: map[string]*beat{}, heard: [2]map[string]bool{{}, {}}, since: o.Clock.Now(),
	}
}

// Beat takes a heartbeat of a machine that is known by r. The Outcome is nil when nothing of it is to be written.
func (q *Queue) Beat(machine string, r store.Record, facts protocol.Heartbeat) *Outcome {
	now, interval := q.o.Clock.Now(), time.Duration(r.Machine.IntervalSeconds)*time.Second
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hear(machine, now, interval)
	b := &beat{
		machine: machine, facts: facts, received: now, record: r, interval: interval,
		grace: time.Duration(r.Machine.GraceSeconds) * time.Second,
	}
	before := r.Presence.Facts
	earlier := q.pending[machine]
	if earlier != nil {
		before, b.urgent, b.Outcome = earlier.facts, earlier.urgent, earlier.Outcome
	}
	isNew := saysSomethingNew(facts, before)
	if !isNew && earlier == nil && !q.isDue(q.age(r, now), interval, b.grace) {
		return nil
	}
	if isNew && !b.urgent {
		_, b.urgent = q.urgent.Take(machine)
	}
	q.put(b, earlier)
	return b.Outcome
}

// age is how long ago the machine beat, as far as its Lease says. A beat that was received here counts from then on: it
// may have been in line for long, and the machine's next one is not to be taken for an early one.
func (q *Queue) age(r store.Record, now time.Time) time.Duration {
	seen := now.Sub(r.Renewed)
	if r.Presence.ReceivedBy != q.o.Gateway {
		return seen
	}
	return max(seen, now.Sub(r.Presence.Renewed)) // never less: our clock may have been put back
}

// put puts a beat in line, in the place of an earlier one of its machine unless it may go before that.
func (q *Queue) put(b, earlier *beat) {
	q.pending[b.machine] = b
	if earlier == nil {
		b.Outcome = &Outcome{done: make(chan struct{})}
	}
	switch {
	case b.urgent && (earlier == nil || !earlier.urgent):
		q.first.add(b.machine, b.record.Renewed)
	case earlier == nil:
		q.others.add(b.machine, b.record.Renewed)
	}
	q.wake()
}

// wake tells who waits for a beat that one is in line.
func (q *Queue) wake() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// take takes the next beat out of line; nil when there is none.
func (q *Queue) take() *beat {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.first.len()+q.others.len() > 0 {
		line := &q.first
		if q.turn++; q.first.len() == 0 || q.turn%turns == 0 && q.others.len() > 0 {
			line = &q.others
		}
		machine := line.next()
		if b := q.pending[machine]; b != nil {
			delete(q.pending, machine)
			return b
		}
	}
	return nil
}

// Len is how many machines' beats are in line.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pending)
}

// hear notes that a machine is one of those that we serve.
func (q *Queue) hear(machine string, now time.Time, interval time.Duration) {
	if now.Sub(q.since) >= 2*q.Window(interval) {
		q.heard[0], q.heard[1], q.since = map[string]bool{}, q.heard[0], now
	}
	q.heard[0][machine] = true
}

// Serves is how many machines we hear.
func (q *Queue) Serves() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return max(len(q.heard[0]), len(q.heard[1]))
}
