// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"slices"
	"time"
)

// timeline holds what will happen. Nothing runs by itself: before anybody looks, Server.advance lets everything
// happen that is due, in order and each at its own instant. So a droplet that was created under a fake clock is active
// at exactly created + StateDelay, however late the next request comes.
type timeline struct {
	events []event // by instant, and at the same instant in the order of scheduling
}

type event struct {
	at     time.Time
	happen func()
}

// at schedules what happens at that instant; of two at the same instant, the one scheduled first happens first. Most
// events are later than all others, so this is mostly an append.
func (t *timeline) at(instant time.Time, happen func()) {
	i := len(t.events)
	for i > 0 && t.events[i-1].at.After(instant) {
		i--
	}
	t.events = slices.Insert(t.events, i, event{at: instant, happen: happen})
}

// due takes out the earliest event that is not later than now.
func (t *timeline) due(now time.Time) (event, bool) {
	if len(t.events) == 0 || t.events[0].at.After(now) {
		return event{}, false
	}
	first := t.events[0]
	t.events[0] = event{} // what it refers to may go
	t.events = t.events[1:]
	return first, true
}
