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
	// share is how much of the cloud's hourly limit regular passes take at most. 10,000 instances are 50 pages, and at
	// 5,000 calls an hour are listed every 2 min.
	share = 0.3
	// publishedLimit is how many calls the cloud allows in an hour as long as it has not said another number.
	publishedLimit = 5000
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
	limit            func() int // of calls in an hour, as the cloud tells it; 0 when it has not, nil when nobody listens

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

// throttle puts every pass off to the time that was told, and no longer: our own budget keeps a place in the line until
// then, and who comes late stands behind everybody again.
func (s *schedule) throttle(now time.Time, retryAfter time.Duration) {
	s.notBefore = now.Add(retryAfter)
	s.regular = earliest(s.regular, s.notBefore)
}

// gap is the least time between two starts. It grows with the pages, so a stream of requests costs the same for a fleet
// of any size, and where the cloud allows fewer calls than usual; it is never above the time between regular passes.
func (s *schedule) gap() time.Duration {
	gap := time.Duration(max(s.pages, 1)) * s.minGap
	if limit := s.hourLimit(); limit < publishedLimit {
		gap = time.Duration(float64(gap) * publishedLimit / float64(limit))
	}
	return min(gap, s.period())
}

// period is the time between regular passes.
func (s *schedule) period() time.Duration {
	pages := time.Duration(float64(s.pages) / (share * float64(s.hourLimit())) * float64(time.Hour))
	return max(s.interval, pages.Round(time.Millisecond))
}

func (s *schedule) hourLimit() int {
	if s.limit != nil {
		if limit := s.limit(); limit > 0 {
			return limit
		}
	}
	return publishedLimit
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
