// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package freshness tells which machines are silent, and which only seem to be because it is we who are deaf. All time
// is the observer's: the moment at which he saw a renewal change, never what the sender's clock said. So clocks that
// differ have no effect, and an observer who has just begun gives everybody a full grace.
package freshness

import (
	"sync"
	"time"

	"k8s.io/utils/clock"
)

const (
	// disruptedPercent of the machines, and more than disruptedMin, that are silent at once are taken for a fault of ours.
	disruptedPercent, disruptedMin = 55, 2
	// silentShare of its grace is after what a machine counts as silent for that: before the first of many that fell
	// silent together has reached its deadline, all of them have.
	silentShare = 2
	// lookAgain is how often it is looked whether what is Unknown is known.
	lookAgain = 30 * time.Second
	// countAgain is how often the machines are counted while many reach their deadlines.
	countAgain = time.Second
)

// State is what is known of a machine.
type State int

// The states.
const (
	// Unknown: nobody receives, or so many are silent that it is rather us.
	Unknown State = iota
	// Fresh: it was heard, or has not been silent for its grace.
	Fresh
	// Silent: it was not heard for its grace, although somebody received.
	Silent
)

// Verdict is what is known of a machine now.
type Verdict struct {
	State State
	// HeardAt is when it was last heard, zero when it never was.
	HeardAt time.Time
	// Again is when the verdict may change by itself; zero when only news changes it.
	Again time.Time
}

// Fleet is all machines and all gateways, as one observer sees them. It is safe for concurrent use.
type Fleet struct {
	clock clock.PassiveClock

	mu       sync.Mutex
	coverage coverage
	census   census
	gateways map[string]time.Time // what a gateway's renewal was when it last changed
	machines map[string]*machine
}

// machine is one that has registered.
type machine struct {
	renewed, heard time.Time // what it said, and when that was seen
	grace          time.Duration
	changed        bool // since it was first seen
	told           bool // that it is silent
}

// NewFleet begins to observe.
func NewFleet(c clock.PassiveClock) *Fleet {
	return &Fleet{clock: c, gateways: map[string]time.Time{}, machines: map[string]*machine{}}
}

// SeeGateway notes the renewal of a gateway's own Lease, and for how long it is good. The same one again is no news.
func (f *Fleet) SeeGateway(name string, renewed time.Time, good time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, known := f.gateways[name]
	f.gateways[name] = renewed
	// What was written before we began may be of any age.
	if known && !renewed.Equal(before) {
		f.coverage.extend(f.clock.Now(), good)
	}
}

// SeeMachine notes the renewal of a machine's Lease, and for how long it may be silent.
func (f *Fleet) SeeMachine(name string, renewed time.Time, grace time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.machines[name]
	switch {
	case m == nil:
		f.machines[name] = &machine{renewed: renewed, heard: f.clock.Now(), grace: grace}
	case !renewed.Equal(m.renewed):
		m.renewed, m.heard, m.grace, m.changed, m.told = renewed, f.clock.Now(), grace, true, false
	default:
		m.grace = grace
	}
}

// Remember is for a machine of which an earlier observer said that it is silent. It stays so until it is heard.
func (f *Fleet) Remember(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.machines[name]; m != nil && !m.changed {
		m.told = true
	}
}

// IsSilent tells whether a machine was judged to be silent, and was not heard since.
func (f *Fleet) IsSilent(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.machines[name]
	return m != nil && m.told
}

// Counts are for those who watch over the fleet.
type Counts struct {
	// Machines are all that are to be heard, and Silent those of them that were judged to be silent.
	Machines, Silent int
	// Receives tells whether some gateway receives.
	Receives bool
}

// Counts are how it is now.
func (f *Fleet) Counts() Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, receives := f.coverage.at(f.clock.Now())
	c := Counts{Machines: len(f.machines), Receives: receives}
	for _, m := range f.machines {
		if m.told {
			c.Silent++
		}
	}
	return c
}

// Forget is for a machine that is not expected to be heard any more.
func (f *Fleet) Forget(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.machines, name)
}

// Judge says what is known of a machine. One that was never seen is Unknown.
func (f *Fleet) Judge(name string) Verdict {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, now := f.machines[name], f.clock.Now()
	if m == nil {
		return Verdict{}
	}
	v := Verdict{State: Fresh, HeardAt: m.heard}
	since, covered := f.coverage.at(now)
	deadline := m.silentFrom(since).Add(m.grace)
	patience := later(m.heard, f.coverage.until).Add(m.grace)
	switch {
	case !covered && !m.told && now.Before(patience): // a short gap says nothing
		v.Again = patience
	case m.told:
		v.State = Silent // it was, and was not heard since, whether or not anybody receives now
	case !covered:
		v.State, v.Again = Unknown, now.Add(lookAgain)
	case now.Before(deadline):
		v.Again = deadline
	case f.isDisrupted(now, since):
		v.State, v.Again = Unknown, now.Add(lookAgain)
	default:
		v.State, m.told = Silent, true
		f.census.silent--
		f.census.all--
	}
	return v
}

// isDisrupted tells whether so many machines have fallen silent at once that it is rather our fault. Those that were
// told to be silent before are not among them.
func (f *Fleet) isDisrupted(now, since time.Time) bool {
	if now.Sub(f.census.at) >= countAgain {
		f.census = f.count(now, since)
	}
	return f.census.silent > disruptedMin && f.census.silent*100 >= f.census.all*disruptedPercent
}

// census is how many machines there were a moment ago, and how many of them had not been heard for a good part of their
// grace.
type census struct {
	at          time.Time
	silent, all int
}

func (f *Fleet) count(now, since time.Time) census {
	c := census{at: now}
	for _, m := range f.machines {
		if m.told {
			continue
		}
		c.all++
		if now.Sub(m.silentFrom(since)) >= m.grace/silentShare {
			c.silent++
		}
	}
	return c
}

// silentFrom is from when silence counts.
func (m *machine) silentFrom(covered time.Time) time.Time { return later(m.heard, covered) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
