// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"sort"
	"time"
)

// grains is into how many steps a window is divided. Spending is forgotten at the next whole step after its time, so a
// window holds that many entries at most, and errs to the safe side by less than a third of a percent.
const grains = 360

// window counts what was spent within the last span.
type window struct {
	span  time.Duration
	spent []spending // oldest first
}

type spending struct {
	until time.Time // from then on it no longer counts
	n     int
}

// add spends n, and returns what remove wants to know to take it back.
func (w *window) add(now time.Time, n int) (until time.Time) {
	w.expire(now)
	step := w.span / grains
	until = now.Add(w.span + step - 1).Truncate(step)
	if last := len(w.spent) - 1; last >= 0 && !until.After(w.spent[last].until) {
		w.spent[last].n += n // also when the clock has been put back
		return w.spent[last].until
	}
	w.spent = append(w.spent, spending{until, n})
	return until
}

// remove takes back n of what was spent, for a call that was not made after all.
func (w *window) remove(until time.Time, n int) {
	for i := range w.spent {
		if w.spent[i].until.Equal(until) {
			w.spent[i].n -= min(n, w.spent[i].n)
		}
	}
}

// count is what still counts at an instant, if nothing is spent until then.
func (w *window) count(at time.Time) int {
	n := 0
	for i := len(w.spent) - 1; i >= 0 && w.spent[i].until.After(at); i-- {
		n += w.spent[i].n
	}
	return n
}

func (w *window) expire(now time.Time) {
	old := sort.Search(len(w.spent), func(i int) bool { return w.spent[i].until.After(now) })
	w.spent = w.spent[old:]
}

// opens is the first instant from now on at which room, which only grows, reaches need; a need above the capacity takes
// as many spans more. For those who wait in line that is an estimate, made as if all before them come in time.
func opens(now time.Time, span time.Duration, capacity, need int, room func(at time.Time) int) time.Time {
	if room(now) >= need {
		return now
	}
	capacity = max(capacity, 1)
	spans := (need - 1) / capacity
	need -= spans * capacity
	step := span / grains
	steps := sort.Search(grains+1, func(i int) bool { return room(now.Add(time.Duration(i)*step)) >= need })
	return now.Add(time.Duration(spans)*span + time.Duration(steps)*step)
}
