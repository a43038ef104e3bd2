// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package limit_test

import (
	"strconv"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/gateway/limit"
)

func take(b *limit.Buckets, key string, n int) (allowed int) {
	for range n {
		if _, ok := b.Take(key); ok {
			allowed++
		}
	}
	return allowed
}

func TestEverybodyMayAskSoOftenInAMinute(t *testing.T) {
	now := clocktesting.NewFakeClock(time.Unix(1e9, 0))
	b := limit.New(now, 30, 10)
	if n := take(b, "one", 40); n != 30 {
		t.Errorf("%d are allowed at once, want 30", n)
	}
	if n := take(b, "other", 1); n != 1 {
		t.Error("another is refused for it")
	}
	wait, ok := b.Take("one")
	if ok || wait != 2*time.Second {
		t.Errorf("the next is in %s (%t), want 2s", wait, ok)
	}
	now.Step(wait)
	if n := take(b, "one", 5); n != 1 {
		t.Errorf("after that %d are allowed, want 1", n)
	}
	now.Step(time.Hour)
	if n := take(b, "one", 100); n != 30 {
		t.Errorf("after an hour %d are allowed, want 30", n)
	}
	now.SetTime(time.Unix(9e8, 0)) // the clock was put back
	if n := take(b, "one", 1); n != 0 {
		t.Error("a clock that was put back fills the bucket")
	}
	b.Return("one")
	if n := take(b, "one", 5); n != 1 {
		t.Errorf("what was given back is %d, want 1", n)
	}
}

func TestOnlySoManyAreRemembered(t *testing.T) {
	b := limit.New(clocktesting.NewFakeClock(time.Unix(1e9, 0)), 1, 10)
	take(b, "greedy", 1)
	for i := range 1000 {
		take(b, strconv.Itoa(i), 1)
		if n := take(b, "greedy", 1); n != 0 {
			t.Fatal("who keeps asking is forgotten")
		}
	}
	if b.Len() != 10 {
		t.Errorf("%d are remembered, want 10", b.Len())
	}
}

func TestAPoolHasRoomForSoMany(t *testing.T) {
	p := limit.NewPool(2)
	for i, want := range []bool{true, true, false} {
		if got := p.Enter(); got != want {
			t.Errorf("there is room for number %d: %t", i+1, got)
		}
	}
	p.Leave()
	if p.Inside() != 1 || !p.Enter() || p.Enter() {
		t.Error("who leaves makes no room for exactly one")
	}
}
