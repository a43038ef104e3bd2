// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package freshness_test

import (
	"fmt"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/freshness"
)

const (
	grace    = 150 * time.Second
	interval = 30 * time.Second
	good     = 30 * time.Second // how long a gateway's Lease is good for
)

// fleet is machines and gateways, with a clock that is moved by hand.
type fleet struct {
	*freshness.Fleet

	t     *testing.T
	clock *clocktesting.FakePassiveClock
	// skew is how far the senders' clocks are from ours.
	skew time.Duration
	// deaf are the gateways that do not receive, and dead the machines that do not beat.
	deaf, dead map[int]bool
	gateways   int
	machines   int
}

func newFleet(t *testing.T, gateways, machines int) *fleet {
	t.Helper()
	f := &fleet{
		t: t, clock: clocktesting.NewFakePassiveClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
		deaf: map[int]bool{}, dead: map[int]bool{}, gateways: gateways, machines: machines,
	}
	f.restart()
	f.run(2 * time.Minute)
	return f
}

// restart begins to observe anew, as after a change of the leader.
func (f *fleet) restart() {
	f.Fleet = freshness.NewFleet(f.clock)
	f.look()
}

// run lets time pass, in steps of ten seconds.
func (f *fleet) run(d time.Duration) {
	const step = 10 * time.Second
	for ; d > 0; d -= step {
		f.clock.SetTime(f.clock.Now().Add(step))
		f.look()
	}
}

// look shows every object as it is now.
func (f *fleet) look() {
	receives := false
	now := f.clock.Now().Add(f.skew)
	for n := range f.gateways {
		if f.deaf[n] {
			continue
		}
		f.SeeGateway(fmt.Sprint("gateway-", n), now, good)
		receives = true
	}
	for n := range f.machines {
		if receives && !f.dead[n] && now.Unix()/10%3 == int64(n%3) { // each beats every 30 s, in turn
			f.SeeMachine(name(n), now, grace)
		}
	}
}

func name(n int) string { return fmt.Sprint("machine-", n) }

// are counts the machines of each state.
func (f *fleet) are() map[freshness.State]int {
	counts := map[freshness.State]int{}
	for n := range f.machines {
		counts[f.Judge(name(n)).State]++
	}
	return counts
}

func (f *fleet) want(when string, fresh, silent, unknown int) {
	f.t.Helper()
	got := f.are()
	if got[freshness.Fresh] != fresh || got[freshness.Silent] != silent || got[freshness.Unknown] != unknown {
		f.t.Errorf("%s: %d are fresh, %d silent and %d unknown, want %d, %d and %d", when,
			got[freshness.Fresh], got[freshness.Silent], got[freshness.Unknown], fresh, silent, unknown)
	}
}

func (f *fleet) die(from, to int) {
	for n := from; n < to; n++ {
		f.dead[n] = true
	}
}

func TestHIGH001_ASilentMachineIsKnownAtItsDeadlineAndRecovers(t *testing.T) {
	f := newFleet(t, 1, 10)
	f.die(0, 1)
	heard := f.Judge(name(0)).HeardAt
	deadline := heard.Add(grace)
	for f.clock.Now().Before(deadline.Add(-10 * time.Second)) {
		f.run(10 * time.Second)
		if v := f.Judge(name(0)); v.State != freshness.Fresh || !v.Again.Equal(deadline) {
			t.Fatalf("before its deadline %s it is %+v", deadline, v)
		}
	}
	f.clock.SetTime(deadline)
	if v := f.Judge(name(0)); v.State != freshness.Silent || !v.HeardAt.Equal(heard) {
		t.Errorf("at its deadline it is %+v", v)
	}
	f.dead[0] = false
	f.run(interval)
	f.want("it beats again", 10, 0, 0)
}

func TestHIGH001_WhileNobodyReceivesNobodyIsSilent(t *testing.T) {
	f := newFleet(t, 3, 1000)
	f.deaf = map[int]bool{0: true, 1: true, 2: true}
	f.run(time.Minute)
	f.want("a short gap", 1000, 0, 0)
	for range 10 {
		f.run(time.Minute)
		if got := f.are(); got[freshness.Silent] > 0 {
			t.Fatalf("%d are silent", got[freshness.Silent])
		}
	}
	f.want("ten minutes", 0, 0, 1000)
	f.deaf = nil
	f.run(interval)
	f.want("the gateways are back", 1000, 0, 0)
}

func TestHIGH001_AfterAGapEverybodyHasAFullGrace(t *testing.T) {
	f := newFleet(t, 1, 10)
	f.die(0, 3)
	f.run(grace - 30*time.Second)
	f.deaf[0] = true
	f.run(10 * time.Minute)
	f.deaf[0] = false
	f.run(grace - 20*time.Second)
	f.want("nearly the whole grace later", 10, 0, 0)
	f.run(40 * time.Second)
	f.want("the grace is over", 7, 3, 0)
}

func TestHIGH001_OneGatewayIsEnough(t *testing.T) {
	f := newFleet(t, 3, 100)
	f.deaf[1] = true
	f.run(time.Hour)
	f.want("one of three is down", 100, 0, 0)
}

func TestHIGH001_ThoseThatAreDeadAndNoOthersAreSilent(t *testing.T) {
	f := newFleet(t, 3, 1000)
	f.die(0, 300)
	for range 30 {
		f.run(10 * time.Second)
		f.are() // judged all the time, as their deadlines come one after the other
	}
	f.want("30 % are dead", 700, 300, 0)
	f.die(300, 500)
	for range 30 {
		f.run(10 * time.Second)
		f.are()
	}
	f.want("and more of the rest", 500, 500, 0)
}

func TestHIGH001_SoManyAtOnceAreOurFault(t *testing.T) {
	f := newFleet(t, 3, 1000)
	f.die(0, 550)
	for range 60 {
		f.run(10 * time.Second)
		if got := f.are(); got[freshness.Silent] > 0 {
			t.Fatalf("%d are silent", got[freshness.Silent])
		}
	}
	f.want("55 % are not heard", 450, 0, 550)
	if v := f.Judge(name(0)); v.Again.IsZero() {
		t.Error("nobody looks again")
	}
	for n := range 100 {
		f.dead[n] = false
	}
	f.run(interval)
	f.want("some are heard again", 550, 450, 0)
}

func TestTwoMachinesMayFallSilentTogether(t *testing.T) {
	f := newFleet(t, 1, 2)
	f.die(0, 2)
	f.run(grace + interval)
	f.want("both", 0, 2, 0)
	f.deaf[0] = true
	f.run(time.Hour)
	f.want("that was true before nobody received", 0, 2, 0)
}

func TestHIGH001_ANewObserverBeginsAnew(t *testing.T) {
	f := newFleet(t, 1, 100)
	f.die(0, 30)
	f.run(grace - 30*time.Second)
	f.restart()
	for n := range f.machines { // what it finds in the cache
		f.SeeMachine(name(n), f.clock.Now().Add(-time.Minute), grace)
	}
	f.run(grace - 30*time.Second)
	f.want("within its own grace", 100, 0, 0)
	f.run(time.Minute)
	f.want("after it", 70, 30, 0)
}

func TestHIGH001_ClocksThatDifferHaveNoEffect(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, time.Hour} {
		f := newFleet(t, 2, 10)
		f.skew = skew
		f.run(time.Hour)
		f.want(skew.String(), 10, 0, 0)
		f.die(0, 2)
		f.run(grace + interval)
		f.want(skew.String(), 8, 2, 0)
	}
}

func TestWhatIsNotExpectedIsNotMissed(t *testing.T) {
	f := newFleet(t, 1, 10)
	f.die(0, 9)
	for n := range 9 {
		f.Forget(name(n))
	}
	f.run(time.Hour)
	if v := f.Judge(name(0)); v.State != freshness.Unknown || !v.HeardAt.IsZero() || !v.Again.IsZero() {
		t.Errorf("a machine that was forgotten is %+v", v)
	}
	if v := f.Judge(name(9)); v.State != freshness.Fresh {
		t.Errorf("the other is %+v", v)
	}
}

// A grace may be changed while a machine is silent.
func TestAShorterGraceCountsAtOnce(t *testing.T) {
	f := newFleet(t, 1, 10)
	f.die(0, 1)
	f.run(time.Minute)
	renewed := f.Judge(name(0)).HeardAt
	f.SeeMachine(name(0), renewed, interval)
	if v := f.Judge(name(0)); v.State != freshness.Silent {
		t.Errorf("it is %+v", v)
	}
}

func TestHIGH001_ASilenceIsRememberedByTheNextObserver(t *testing.T) {
	f := newFleet(t, 1, 10)
	f.die(0, 2)
	f.run(2 * grace)
	f.want("two are dead", 8, 2, 0)
	f.restart()
	f.SeeMachine(name(0), time.Time{}, grace)
	f.SeeMachine(name(1), time.Time{}, grace)
	f.Remember(name(0))
	f.Remember("nobody")
	if !f.IsSilent(name(0)) || f.Judge(name(0)).State != freshness.Silent {
		t.Error("what was said to be silent is not any more")
	}
	if f.IsSilent(name(1)) || f.Judge(name(1)).State != freshness.Fresh {
		t.Error("of the other nothing was said, and it has no full grace")
	}
	f.dead = map[int]bool{}
	f.run(2 * interval)
	f.Remember(name(0)) // it was heard since
	f.want("all beat again", 10, 0, 0)
}

func TestCountsAreWhatIsKnown(t *testing.T) {
	f := newFleet(t, 1, 10)
	f.die(0, 2)
	f.run(2 * grace)
	f.are()
	if got := f.Counts(); got != (freshness.Counts{Machines: 10, Silent: 2, Receives: true}) {
		t.Errorf("while two are dead: %+v", got)
	}
	f.deaf[0] = true
	f.run(2 * good)
	f.Forget(name(0))
	if got := f.Counts(); got != (freshness.Counts{Machines: 9, Silent: 1}) {
		t.Errorf("without a gateway: %+v", got)
	}
}
