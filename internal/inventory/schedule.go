// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"time"
)

const (
	// pageSize is how many instances one call lists; the cloud gives no more.
	pageSize = 200
	// pageCost is the interval's share of one page: 3,600 s / (0.3 × 5,000 calls), so that regular passes take at
	// most 30 % of the cloud's hourly limit. 10,000 instances are 50 pages, and are listed every 2 min.
	pageCost = 2400 * time.Millisecond
	// maxDoublings bounds the backoff's shift; the interval bounds the backoff itself long before.
	maxDoublings = 10
)

// RequestPassAfter asks for a pass that starts after t, as soon as the gap allows: for those who must know what exists
// now, such as before a name is given to a new machine. It returns at once; the pass is heard of through OnPass. Any
// number of requests are met by one pass, and none if a pass that started after t is complete or under way. It does
// nothing before Start.
func (i *Inventory) RequestPassAfter(t time.Time) {
	i.mu.Lock()
	if t.After(i.schedule.wanted) {
		i.schedule.wanted = t
	}
	i.mu.Unlock()
	select {
	case i.kick <- struct{}{}:
	default: // Start has been woken and has not looked yet
	}
}

// NeedLeaderElection tells the manager to list in one replica only: the limit is the token's, not the replica's.
func (i *Inventory) NeedLeaderElection() bool { return true }

// Start makes passes until ctx is done: the first at once, then one every interval, and those that are asked for. A
// failure is not an error of Start; the next pass comes.
func (i *Inventory) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		if i.await(ctx) {
			_ = i.Refresh(ctx) // counted and logged there
		}
	}
	return nil
}

// await waits until the next pass is due; false means that it was woken early, and has to be asked again.
func (i *Inventory) await(ctx context.Context) bool {
	i.mu.Lock()
	wait := i.schedule.next().Sub(i.clock.Now())
	i.mu.Unlock()
	if wait <= 0 {
		return true
	}
	timer := i.clock.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-i.kick:
	case <-ctx.Done():
	}
	return false
}

// schedule decides when the next pass starts. It knows no clock.
type schedule struct {
	interval, minGap time.Duration

	begun     time.Time // the start of the last pass, complete or not
	regular   time.Time // when the next regular pass is due
	covered   time.Time // the start of the last complete pass
	wanted    time.Time // somebody needs a pass that starts after this
	notBefore time.Time // backoff, or the cloud's own wish
	pages     int
	failures  int
}

// next is when the next pass is due; the zero time is at once.
func (s *schedule) next() time.Time {
	due := s.regular
	if !s.covered.After(s.wanted) { // the first complete pass is wanted by everybody
		// The clock must have moved on from wanted, else the pass would not be after it.
		demanded := latest(s.begun.Add(s.gap()), s.wanted.Add(1))
		if demanded.Before(due) {
			due = demanded
		}
	}
	return latest(due, s.notBefore)
}

func (s *schedule) begin(now time.Time, jitter func(time.Duration) time.Duration) {
	s.begun = now
	s.regular = now.Add(jitter(s.period()))
}

func (s *schedule) complete(started time.Time, instances int, jitter func(time.Duration) time.Duration) {
	s.covered, s.notBefore, s.failures = started, time.Time{}, 0
	s.pages = (instances + pageSize - 1) / pageSize
	s.regular = started.Add(jitter(s.period())) // again: the fleet may have grown a page
}

// fail puts off the pass that somebody wants: twice as long after each failure, up to the interval, or for as long as
// the cloud asks.
func (s *schedule) fail(now time.Time, retryAfter time.Duration) {
	s.failures = min(s.failures+1, maxDoublings)
	backoff := min(s.gap()<<s.failures, s.period())
	s.notBefore = latest(s.begun.Add(backoff), now.Add(retryAfter))
}

// gap is the least time between two starts. It grows with the pages, so a stream of requests costs the same for a fleet
// of any size.
func (s *schedule) gap() time.Duration { return time.Duration(max(s.pages, 1)) * s.minGap }

// period is the time between regular passes, never below the gap.
func (s *schedule) period() time.Duration {
	return max(s.interval, time.Duration(s.pages)*pageCost, s.gap())
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
