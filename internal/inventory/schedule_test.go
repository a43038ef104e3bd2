// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// running starts an inventory and gives what moves its clock: it returns when everything due by then has been done.
// The bubble serves to know that the loop has come to rest, not for its time.
func running(t *testing.T, f *fleet) (*Inventory, func(time.Duration)) {
	t.Helper()
	i, clock := newInventory(f)
	return i, begin(t, i, clock)
}

func begin(t *testing.T, i *Inventory, clock *clocktesting.FakeClock) (step func(time.Duration)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- i.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return func(d time.Duration) {
		clock.Step(d)
		synctest.Wait()
	}
}

func wantLists(t *testing.T, f *fleet, want int, when string) {
	t.Helper()
	if got := f.count(); got != want {
		t.Fatalf("%s: %d lists, want %d", when, got, want)
	}
}

func TestStartPassesAtOnceAndThenEveryInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		i, step := running(t, f)
		wantLists(t, f, 1, "at the start")
		step(29 * time.Second)
		wantLists(t, f, 1, "before the interval")
		step(time.Second)
		wantLists(t, f, 2, "at the interval")
		step(30 * time.Second)
		wantLists(t, f, 3, "at the next")
		if pass, _ := i.Latest(); pass.Number != 3 || !i.NeedLeaderElection() {
			t.Errorf("pass %d", pass.Number)
		}
	})
}

func TestALargeFleetIsListedLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		f.set(bots(10_000)...) // 50 pages: 120 s between regular passes, 100 s between any two
		i, step := running(t, f)
		step(99 * time.Second)
		i.RequestPassAfter(start)
		synctest.Wait()
		wantLists(t, f, 1, "before the gap")
		step(time.Second)
		wantLists(t, f, 2, "after the gap, on demand")
		step(119 * time.Second)
		wantLists(t, f, 2, "before the interval")
		step(time.Second)
		wantLists(t, f, 3, "at the interval")
	})
}

func TestRequestsForAPassAreMetByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		i, step := running(t, f)
		step(10 * time.Second)
		now := start.Add(10 * time.Second)
		for n := range 100 {
			i.RequestPassAfter(now.Add(-time.Duration(n) * time.Millisecond))
		}
		synctest.Wait()
		wantLists(t, f, 1, "the clock still says what was asked for")
		step(time.Millisecond)
		wantLists(t, f, 2, "the gap is long over")
		if pass, _ := i.Latest(); !pass.StartedAt.After(now) {
			t.Errorf("the pass started at %v, not after %v", pass.StartedAt, now)
		}
		i.RequestPassAfter(now)
		step(20 * time.Second)
		wantLists(t, f, 2, "there is such a pass already")

		i.RequestPassAfter(now.Add(time.Second))
		synctest.Wait()
		wantLists(t, f, 3, "a later one is wanted, and its time has come")
		i.RequestPassAfter(now.Add(21 * time.Second))
		step(1999 * time.Millisecond)
		wantLists(t, f, 3, "within the gap")
		step(time.Millisecond)
		wantLists(t, f, 4, "after the gap")
		step(29 * time.Second)
		wantLists(t, f, 4, "the interval counts from the last pass")
		step(time.Second)
		wantLists(t, f, 5, "at the interval")
	})
}

func TestAPassUnderWayIsTooOldForWhoAsksNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		i, clock := newInventory(f)
		f.during = func() {
			if f.count() == 1 {
				clock.Step(5 * time.Second)
				i.RequestPassAfter(start.Add(time.Second)) // this pass began before
			}
		}
		begin(t, i, clock)
		wantLists(t, f, 2, "another one follows at once, for the gap is over")
	})
}

func TestARequestBeforeStartIsMetByTheFirstPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		i, clock := newInventory(f)
		i.RequestPassAfter(start.Add(-time.Second))
		step := begin(t, i, clock)
		step(20 * time.Second)
		wantLists(t, f, 1, "after the first pass")
	})
}

func TestFailuresBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		f.fail(errors.New("torn"))
		_, step := running(t, f) // nobody has seen the fleet yet, so a pass is wanted
		for n, seconds := range []int{4, 8, 16, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30} {
			wantLists(t, f, n+1, "after the pause")
			step(time.Duration(seconds)*time.Second - 1)
			wantLists(t, f, n+1, "within the pause")
			step(1)
		}
		f.fail(nil)
		step(30 * time.Second)
		n := f.count()
		step(30*time.Second - 1)
		wantLists(t, f, n, "recovered, and in step again")
	})
}

func TestThrottlingPutsOffEveryPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		f.fail(&cloud.Error{Kind: cloud.Throttled, RetryAfter: 10 * time.Minute})
		i, step := running(t, f)
		i.RequestPassAfter(start)
		step(10*time.Minute - 1)
		wantLists(t, f, 1, "before the cloud's own time")
		step(1)
		wantLists(t, f, 2, "at the cloud's own time")
	})
}

func TestAPassThatWaitsInLineComesWhenItWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		i, step := running(t, f)
		f.fail(&cloud.Error{Kind: cloud.Throttled, RetryAfter: 5 * time.Second})
		step(30 * time.Second)
		wantLists(t, f, 2, "at the interval")
		for n := range 4 { // no backoff, though nobody wants a pass: a place in the line is not kept for long
			step(5*time.Second - 1)
			wantLists(t, f, 2+n, "before the time that was told")
			step(1)
			wantLists(t, f, 3+n, "at the time that was told")
		}
		f.fail(nil)
		i.RequestPassAfter(start) // somebody wants one as well, and is served by the same
		step(5 * time.Second)
		wantLists(t, f, 7, "at last")
		step(30*time.Second - 1)
		wantLists(t, f, 7, "in step again")
		step(1)
		wantLists(t, f, 8, "at the interval")
	})
}

func TestTheIntervalFollowsTheCloudsLimit(t *testing.T) {
	for name, test := range map[string]struct {
		limit, instances int
		period, gap      time.Duration
	}{
		"not told":                {0, 10_000, 120 * time.Second, 100 * time.Second},
		"as published":            {5_000, 10_000, 120 * time.Second, 100 * time.Second},
		"half":                    {2_500, 10_000, 240 * time.Second, 200 * time.Second},
		"double":                  {10_000, 10_000, 60 * time.Second, 60 * time.Second},
		"a small fleet":           {5_000, 200, 30 * time.Second, 2 * time.Second},
		"a small fleet, and half": {2_500, 200, 30 * time.Second, 4 * time.Second},
		"a tiny limit":            {50, 200, 240 * time.Second, 200 * time.Second},
		"a thousand":              {5_000, 1_000, 30 * time.Second, 10 * time.Second},
		"three thousand":          {5_000, 3_000, 36 * time.Second, 30 * time.Second},
		"nothing":                 {5_000, 0, 30 * time.Second, 2 * time.Second},
	} {
		i := New(Options{Lister: &fleet{}, Tag: fleetTag, Limit: func() int { return test.limit }})
		s := &i.schedule
		s.complete(start, test.instances, func(d time.Duration) time.Duration { return d })
		if s.period() != test.period || s.gap() != test.gap || !s.regular.Equal(start.Add(test.period)) {
			t.Errorf("%s: every %s, and %s on demand; want %s and %s", name, s.period(), s.gap(), test.period, test.gap)
		}
	}
}

func TestTheIntervalIsThatOfTheFlagWhenItIsLonger(t *testing.T) {
	i := New(Options{Lister: &fleet{}, Tag: fleetTag, Interval: 3 * time.Minute})
	s := &i.schedule
	s.complete(start, 10_000, func(d time.Duration) time.Duration { return d })
	if s.period() != 3*time.Minute {
		t.Errorf("10,000 instances are listed every %s", s.period())
	}
}

func TestJitterOnlyLengthens(t *testing.T) {
	for range 1000 {
		if d := tenthMore(30 * time.Second); d < 30*time.Second || d > 33*time.Second {
			t.Fatalf("%v", d)
		}
	}
}

func TestTheRealClockWorksToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, e := &fleet{}, &ear{}
		i := New(Options{Lister: f, Tag: fleetTag, Interval: time.Minute})
		i.OnPass(e.hear)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := i.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if n := len(e.heard()); n < 55 || n > 61 {
			t.Errorf("%d passes in an hour", n)
		}
	})
}
