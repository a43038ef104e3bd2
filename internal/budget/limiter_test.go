// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"fmt"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

func TestTheHourIsShedFromTheBottom(t *testing.T) {
	for left, want := range map[int]struct{ destroy, act, read Reason }{
		2500: {},
		1001: {},
		1000: {read: Hour},
		252:  {read: Hour},
		251:  {read: Hour, act: Hour},
		1:    {read: Hour, act: Hour},
		0:    {read: Hour, act: Hour, destroy: Hour},
	} {
		for _, tc := range []struct {
			r    Request
			want Reason
		}{
			{Request{Class: Destroy, Account: "a", Bot: "n/a"}, want.destroy},
			{act("a", "n/a"), want.act},
			{Request{Class: Read, Account: "a", Bot: "n/a"}, want.read},
		} {
			b := warm(t)
			b.told(left)
			b.want(fmt.Sprintf("%d left", left), tc.r, tc.want)
		}
	}
}

func TestWhatOthersSpendExpiresSlowlyUntilTheHeadersTell(t *testing.T) {
	b := warm(t)
	b.told(0)
	look := act("a", "n/a")
	b.want("drained", look, Hour)
	b.clock.Step(3 * time.Minute) // at most 5000 × 0.8 × 3/60 = 200 have expired, and 250 are not Act's
	b.want("3 min later", look, Hour)
	b.clock.Step(2 * time.Minute)
	b.want("5 min later", look, "")
	b.told(0)
	b.want("the headers know better", look, Hour)
	b.told(4000)
	b.want("and better again", look, "")
	b.told(0)
	b.clock.Step(time.Hour)
	if left := b.current().hour.left(b.clock.Now(), 0); left != 5000 {
		t.Errorf("%d left when all that was told of has expired", left)
	}
}

func TestTheHeadersCorrectTheHourWithoutCountingOurCallsTwice(t *testing.T) {
	b := warm(t)
	for range 10 {
		b.want("", Request{Class: Destroy}, "")
	}
	b.told(4990)
	if left := b.current().hour.left(b.clock.Now(), 0); left != 4990 {
		t.Errorf("%d left, want 4990", left)
	}
	b.told(3990)
	if left := b.current().hour.left(b.clock.Now(), 0); left != 3990 {
		t.Errorf("%d left, want 3990", left)
	}
	permit, _ := b.Admit(Request{Class: Destroy, Cost: 5}) // under way: the cloud has not counted it
	b.told(3990)
	if left := b.current().hour.left(b.clock.Now(), 0); left != 3985 {
		t.Errorf("%d left while 5 are under way, want 3985", left)
	}
	permit.Cancel()
	b.Observe(cloud.Answer{Status: 200, Limit: 100, Remaining: 50})
	if left := b.current().hour.left(b.clock.Now(), 0); left != 50 {
		t.Errorf("%d left of another limit, want 50", left)
	}
}

func TestAMinuteIsDividedAmongTheClasses(t *testing.T) {
	bot := func(class Class, cost int) func(int) Request {
		return func(i int) Request { return Request{Class: class, Account: "a", Bot: fmt.Sprint(i), Cost: cost} }
	}
	t.Run("what destroys has all of it", func(t *testing.T) {
		if n := warm(t).count(bot(Destroy, 1)); n != 200 {
			t.Errorf("%d, want 200", n)
		}
	})
	t.Run("what creates and reads is paced", func(t *testing.T) {
		b := warm(t)
		if n := b.count(bot(Read, 1)); n != depth {
			t.Errorf("%d reads at once, want %d", n, depth)
		}
		b = warm(t)
		if n := b.count(bot(Act, 2)); n != depth/2 {
			t.Errorf("%d creates at once, want %d", n, depth/2)
		}
		if n := b.count(bot(Read, 1)); n != 20 { // their own share, as the last create waits
			t.Errorf("%d reads at once while creates wait, want 20", n)
		}
	})
	t.Run("the first minute may have been spent by the leader before us, until the cloud tells", func(t *testing.T) {
		b := fresh(t)
		if n := b.count(bot(Destroy, 1)); n != 50 {
			t.Errorf("%d, want 50", n)
		}
		b.clock.Step(61 * time.Second)
		if n := b.count(bot(Destroy, 1)); n != 200 {
			t.Errorf("%d a minute later, want 200", n)
		}
	})
	t.Run("a list of more pages than reads may have still comes through", func(t *testing.T) {
		b := warm(t)
		b.count(bot(Act, 2)) // the last of them waits, so reads step back
		list := Request{Class: Read, Cost: 50}
		b.want("all 50 pages at once", list, "")
		b.want("again", list, Minute)
	})
}

func TestReadsAreNotStarvedByCreates(t *testing.T) {
	b := warm(t)
	reads := 0
	for second := range 300 {
		for i := range 10 {
			b.call(act("a", fmt.Sprint(second, i)))
			if reason, _ := b.call(Request{Class: Read, Account: "a", Bot: fmt.Sprint(i)}); reason == "" {
				reads++
			}
		}
		b.clock.Step(time.Second)
	}
	if reads < 75 || reads > 225 { // 20 a minute are theirs
		t.Errorf("%d reads in five minutes of creates", reads)
	}
}

func TestWhatDestroysGoesFirst(t *testing.T) {
	b := warm(t)
	destroy := func(i int) Request { return Request{Class: Destroy, Account: "a", Bot: fmt.Sprint(i)} }
	n := b.count(destroy)
	b.want("behind one that destroys", act("b", "n/b"), Minute)
	b.clock.Step(61 * time.Second)
	b.want("the one that waited", destroy(n), "")
	b.want("then the create", act("b", "n/b"), "")
}

func TestAPauseHoldsForAll(t *testing.T) {
	for name, tc := range map[string]struct {
		answer cloud.Answer
		want   time.Duration
	}{
		"as long as the cloud says": {cloud.Answer{Status: 429, RetryAfter: 42 * time.Second}, 42 * time.Second},
		"in trouble too":            {cloud.Answer{Status: 503, RetryAfter: 20 * time.Second}, 20 * time.Second},
		"the hour is used up, until the oldest call expires": {
			cloud.Answer{Status: 429, Reset: start.Add(2*time.Minute + 90*time.Second)}, 90 * time.Second},
		"but not for an hour on a guess": {
			cloud.Answer{Status: 429, Reset: start.Add(time.Hour)}, longestDrained},
		"and never hardly at all": {cloud.Answer{Status: 429}, shortestDrained},
	} {
		t.Run(name, func(t *testing.T) {
			b := warm(t)
			b.Observe(tc.answer)
			for class := range classes {
				r := Request{Class: Class(class), Account: "a", Bot: fmt.Sprint(class)}
				if wait := b.want("at once", r, Pause); wait != tc.want {
					t.Errorf("wait %s, want %s", wait, tc.want)
				}
			}
			b.clock.Step(tc.want + 2*time.Second)
			b.want("afterwards", Request{Class: Destroy, Account: "c", Bot: "n/c"}, "")
		})
	}
	t.Run("a burst says nothing about the hour", func(t *testing.T) {
		b := warm(t)
		b.Observe(cloud.Answer{Status: 429, Limit: 5000, Remaining: 0, RetryAfter: time.Second})
		if left := b.current().hour.left(b.clock.Now(), 0); left != 5000 {
			t.Errorf("%d left, want 5000", left)
		}
	})
	t.Run("jitter only lengthens", func(t *testing.T) {
		b := warm(t)
		b.jitter = func(most time.Duration) time.Duration { return most }
		b.Observe(cloud.Answer{Status: 429, RetryAfter: 60 * time.Second})
		if wait := b.want("", Request{Class: Destroy}, Pause); wait != 66*time.Second {
			t.Errorf("wait %s, want 66 s", wait)
		}
	})
}

func TestTheBreaker(t *testing.T) {
	b := warm(t)
	look := Request{Class: Read, Account: "a", Bot: "n/a"}
	for range tolerated - 1 {
		b.callThen(look, errDown)
	}
	b.want("a success in between", look, "")
	for i := range tolerated {
		if reason, _ := b.callThen(look, errDown); reason != "" {
			t.Fatalf("failure %d is refused for %s", i, reason)
		}
	}
	for _, seconds := range []int{30, 60, 120, 240, 300, 300} {
		open := time.Duration(seconds) * time.Second
		if wait := b.want("open", look, Breaker); wait != open {
			t.Errorf("open for %s, want %s", wait, open)
		}
		b.clock.Step(open)
		probe, refusal := b.Admit(look)
		if refusal != nil {
			t.Fatalf("no probe after %s", open)
		}
		b.want("while a probe is under way", Request{Class: Destroy, Account: "b", Bot: "n/b"}, Breaker)
		probe.Report(1, errDown)
	}
	b.clock.Step(5 * time.Minute)
	b.want("a probe that succeeds", look, "")
	b.want("closes it", look, "")
}

func TestTheBreakerCountsOnlyOutages(t *testing.T) {
	b := warm(t)
	r := Request{Class: Destroy}
	for range 3 * tolerated {
		if reason, _ := b.callThen(r, &cloud.Error{Kind: cloud.NotFound}); reason != "" {
			t.Fatalf("refused for %s after answers", reason)
		}
	}
	for range tolerated {
		b.callThen(r, &cloud.Error{Kind: cloud.NotSent}) // out of reach is down as well
	}
	b.want("out of reach", r, Breaker)
	b.clock.Step(firstOpen)
	probe, _ := b.Admit(r)
	probe.Cancel()
	b.want("a probe that was not made is another's", r, "")
}

func TestABotMayBeDeployedTenTimesInARowOnAnIdleFleet(t *testing.T) {
	b := warm(t)
	b.told(5000)
	for i := range int64(10) {
		b.want(fmt.Sprint("create ", i), act("a", "n/a"), "")
		b.operated("n/a", 0)
		b.want(fmt.Sprint("poll ", i), Request{Class: Read, Account: "a", Bot: "n/a"}, "")
		b.want(fmt.Sprint("destroy ", i), Request{Class: Destroy, Account: "a", Bot: "n/a"}, "")
		b.operated("n/a", i+1)
		b.clock.Step(20 * time.Second)
	}
	b.want("once more", act("a", "n/a"), "")
}

// flipped is a bench on which bot n/a of account a was made and destroyed three times.
func flipped(t *testing.T) *bench {
	t.Helper()
	b := warm(t)
	for i := range int64(3) {
		b.want("create", act("a", "n/a"), "")
		b.operated("n/a", 0)
		b.operated("n/a", i+1)
		b.operated("n/a", i+1) // asked for again
		b.clock.Step(time.Minute)
	}
	return b
}

func TestABotFlipsThreeTimesInAnHourThatIsHalfGone(t *testing.T) {
	b := flipped(t)
	b.told(2500)
	b.want("half is left", act("a", "n/a"), "")
	b.told(2499)
	b.want("less is left", act("a", "n/a"), Bot)
	b.want("destroying", Request{Class: Destroy, Account: "a", Bot: "n/a"}, "")
	b.want("polling", Request{Class: Read, Account: "a", Bot: "n/a"}, "")
	b.want("another bot", act("a", "n/b"), "")
	b.clock.Step(58 * time.Minute)
	b.told(2499)
	b.want("an hour after the first", act("a", "n/a"), "")
}

func TestABotThatFlipsStepsBackForWhoeverWaits(t *testing.T) {
	for name, waiting := range map[string]Request{
		"a create of another account":      act("b", "n/b"),
		"a create of its own account":      act("a", "n/b"),
		"a poll of another account's bot":  {Class: Read, Account: "b", Bot: "n/b", Cost: 1},
		"a poll of its own account's bots": {Class: Read, Account: "a", Bot: "n/b", Cost: 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := flipped(t)
			b.want("nobody waits", act("a", "n/a"), "")
			b.lineUp(waiting)
			if wait := b.want("somebody waits", act("a", "n/a"), Bot); wait > sharePause {
				t.Errorf("it is told to wait %s, for somebody who is served in seconds", wait)
			}
			b.want("destroying", Request{Class: Destroy, Account: "a", Bot: "n/a"}, "")
			b.want("who is served", waiting, "")
			b.want("and then", act("a", "n/a"), "")
		})
	}
	t.Run("not for itself, nor for the pass over the fleet", func(t *testing.T) {
		b := flipped(t)
		b.lineUp(act("a", "n/a"))
		b.lineUp(Request{Class: Read, Account: "a", Bot: "n/a", Cost: 1})
		b.lineUp(Request{Class: Read, Cost: 1})
		b.want("it is the only bot", act("a", "n/a"), "")
	})
}

func TestTheFirstMinuteIsOursOnceTheCloudSaysThatNobodyElseHasSpentIt(t *testing.T) {
	destroy := func(i int) Request { return Request{Class: Destroy, Account: "a", Bot: fmt.Sprint(i)} }
	for foreign, want := range map[int]int{0: 200, 1: 199, 40: 160, 149: 51, 150: 50, 151: 50, 3000: 50, 4999: 1} {
		t.Run(fmt.Sprint(foreign, " calls of others"), func(t *testing.T) {
			b := fresh(t)
			b.told(5000 - foreign)
			if n := b.count(destroy); n != want {
				t.Errorf("%d calls at once, want %d", n, want)
			}
		})
	}
	t.Run("our own calls are not others'", func(t *testing.T) {
		b := fresh(t)
		for i := range 10 {
			b.want("", destroy(i), "")
		}
		b.told(4990)
		if n := b.count(destroy); n != 190 {
			t.Errorf("%d more, want 190", n)
		}
	})
	t.Run("what others spend later is not taken from our minute", func(t *testing.T) {
		b := fresh(t)
		b.told(4960)
		b.told(4000)
		if n := b.count(destroy); n != 160 {
			t.Errorf("%d calls at once, want 160", n)
		}
	})
	t.Run("an answer that tells nothing changes nothing", func(t *testing.T) {
		b := fresh(t)
		b.Observe(cloud.Answer{Status: 200})
		b.Observe(cloud.Answer{Status: 503, Limit: 5000, Remaining: 5000, RetryAfter: time.Second})
		b.clock.Step(2 * time.Second)
		if n := b.count(destroy); n != 50 {
			t.Errorf("%d calls at once, want 50", n)
		}
	})
	t.Run("nothing stays presumed after a minute", func(t *testing.T) {
		b := fresh(t)
		b.clock.Step(61 * time.Second)
		b.told(5000)
		if n := b.count(destroy); n != 200 {
			t.Errorf("%d calls at once, want 200", n)
		}
	})
}

func TestAnAccountLeavesRoomForOthers(t *testing.T) {
	b := warm(t)
	for i := 0; b.current().shares.accounts["a"] == nil || !b.current().shares.isGreedy("a", b.clock.Now(), 5000); i++ {
		b.call(act("a", fmt.Sprint("n/", i)))
		b.clock.Step(time.Second)
	}
	b.clock.Step(time.Minute)
	b.want("nobody else waits", act("a", "n/a"), "")
	b.lineUp(act("b", "n/b"))
	b.want("somebody else waits", act("a", "n/a2"), Account)
	b.want("who is served", act("b", "n/b"), "")
	b.want("and then", act("a", "n/a2"), "")
	b.want("destroying is nobody's share", Request{Class: Destroy, Account: "a", Bot: "n/a"}, "")

	b.told(1400)
	b.clock.Step(time.Minute)
	b.want("the last 30 % are for others", act("a", "n/a3"), Account)
	b.want("such as", act("b", "n/b2"), "")
}

// lineUp puts a request in the line without there being a want of room.
func (b *bench) lineUp(r Request) {
	l := &b.current().lines[r.Class]
	l.join(r.owner(), r.Cost, b.clock.Now(), b.clock.Now())
}

func TestAccountsTakeTurns(t *testing.T) {
	b := warm(t)
	b.count(func(i int) Request { return act("a", fmt.Sprint("first ", i)) })
	var last time.Duration
	for i := range 100 {
		if _, wait := b.call(act("a", fmt.Sprint("n/", i))); wait > last {
			last = wait
		}
	}
	_, first := b.call(act("b", "n/b"))
	if first > 3*time.Second || last < 60*time.Second {
		t.Errorf("behind 100 of another account it waits %s, and they up to %s", first, last)
	}
}

func TestWhoAsksTooEarlyIsToldTheSame(t *testing.T) {
	b := warm(t)
	b.told(0)
	r := act("a", "n/a")
	want := b.clock.Now().Add(b.want("", r, Hour))
	for range 5 {
		b.clock.Step(7 * time.Second)
		if got := b.clock.Now().Add(b.want("", r, Hour)); !got.Equal(want) {
			t.Fatalf("told %s, and then %s", want, got)
		}
	}
	if want.Nanosecond() != 0 || want.Sub(start) > 2*time.Minute+longestWait {
		t.Errorf("next try at %s", want)
	}
}

func TestWhoDoesNotComeBackHoldsNobodyUp(t *testing.T) {
	b := warm(t)
	b.count(func(i int) Request { return act("a", fmt.Sprint("first ", i)) })
	for i := range 50 {
		b.call(act("a", fmt.Sprint("n/", i)))
	}
	b.clock.Step(2 * time.Minute)
	b.want("long after", act("b", "n/b"), "")
	if n := len(b.current().lines[Act].tickets); n > 50 {
		t.Errorf("%d wait", n)
	}
	b.clock.Step(time.Minute)
	b.want("", act("b", "n/b"), "")
	if n := len(b.current().lines[Act].tickets); n != 0 {
		t.Errorf("%d still wait", n)
	}
}

func TestAnotherTokenHasAnotherBudget(t *testing.T) {
	b := warm(t)
	token := "one"
	b.token = func() string { return token }
	b.told(0)
	b.want("drained", Request{Class: Destroy}, Hour)
	token = "two"
	b.want("another token", Request{Class: Destroy}, "")
}
