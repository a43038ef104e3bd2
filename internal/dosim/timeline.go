// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"container/heap"
	"time"
)

// timeline holds what will happen. Nothing runs by itself: before anybody looks, Server.advance lets everything
// happen that is due, in order and each at its own instant. So a droplet that was created under a fake clock is active
// at exactly created + StateDelay, however late the next request comes.
type timeline struct {
	events eventHeap
	serial uint64
}

type event struct {
	at     time.Time
	serial uint64
	happen func()
}

// at schedules what happens at that instant; of two at the same instant, the one scheduled first happens first.
func (t *timeline) at(instant time.Time, happen func()) {
	t.serial++
	heap.Push(&t.events, event{at: instant, serial: t.serial, happen: happen})
}

// due takes out the earliest event that is not later than now.
func (t *timeline) due(now time.Time) (event, bool) {
	if len(t.events) == 0 || t.events[0].at.After(now) {
		return event{}, false
	}
	return heap.Pop(&t.events).(event), true
}

type eventHeap []event

func (h eventHeap) Len() int      { return len(h) }
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h eventHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].serial < h[j].serial
	}
	return h[i].at.Before(h[j].at)
}

// Push and Pop are called by container/heap only.
func (h *eventHeap) Push(x any) { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
