// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// admitted is a call that was let through.
type admitted struct {
	at    time.Time
	class Class
	cost  int
}

// FuzzNoWindowIsEverExceeded drives a Budget at random and checks, from the outside, what it promises.
func FuzzNoWindowIsEverExceeded(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint16(300*(seed%5)))
	}
	f.Fuzz(func(t *testing.T, seed uint64, hourLimit uint16) {
		random := rand.New(rand.NewPCG(seed, 1))
		b := fresh(t)
		limit := 5000
		if hourLimit > 0 {
			limit = int(hourLimit)
			b.Observe(cloud.Answer{Status: 200, Limit: limit, Remaining: limit})
		}
		var all []admitted
		for range 2000 {
			r := Request{
				Class: Class(random.IntN(classes)), Account: fmt.Sprint(random.IntN(4)), Bot: fmt.Sprint(random.IntN(30)),
				Cost: 1 + random.IntN(3),
			}
			if random.IntN(50) == 0 {
				r = Request{Class: Read, Cost: 1 + random.IntN(60)}
			}
			if permit, _ := b.Admit(r); permit != nil {
				all = append(all, admitted{b.clock.Now(), r.Class, r.Cost})
				permit.Report(r.Cost, nil)
			}
			b.clock.Step(time.Duration(random.ExpFloat64() * float64(random.IntN(2000)) * float64(time.Millisecond)))
		}
		check(t, all, time.Minute, defaultPerMinute)
		check(t, all, time.Hour, limit)
		for class := range classes {
			room := limit - int(floors[class]*float64(limit))
			check(t, upTo(all, Class(class)), time.Hour, room)
		}
		first := defaultPerMinute // once it is told that nobody else has spent anything
		if hourLimit == 0 {
			first = defaultPerMinute / certain
		}
		if spent := within(all, start, time.Minute); spent > first {
			t.Errorf("%d in the first minute, want at most %d", spent, first)
		}
	})
}

// upTo are the calls of a class only: they alone must leave the class's floor.
func upTo(all []admitted, class Class) []admitted {
	var some []admitted
	for _, a := range all {
		if a.class == class {
			some = append(some, a)
		}
	}
	return some
}

func check(t *testing.T, all []admitted, span time.Duration, limit int) {
	t.Helper()
	sum, first := 0, 0
	for _, a := range all {
		sum += a.cost
		for ; !all[first].at.After(a.at.Add(-span)); first++ {
			sum -= all[first].cost
		}
		if sum > limit {
			t.Fatalf("%d calls in the %s before %s, want at most %d", sum, span, a.at, limit)
		}
	}
}

func within(all []admitted, from time.Time, span time.Duration) int {
	sum := 0
	for _, a := range all {
		if !a.at.Before(from) && a.at.Before(from.Add(span)) {
			sum += a.cost
		}
	}
	return sum
}
