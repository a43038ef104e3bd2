// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package renewal

import (
	"container/heap"
	"time"
)

// line is machines that wait, the one that was renewed the longest ago first: a line may be as long as Leases last, and
// in order of arrival some would run out in it. A machine whose beat was written meanwhile is passed over.
type line struct{ waiting byRenewal }

type entry struct {
	machine string
	renewed time.Time
}

func (l *line) add(machine string, renewed time.Time) { heap.Push(&l.waiting, entry{machine, renewed}) }

// next takes the first out of line, which is not empty.
func (l *line) next() string {
	first, _ := heap.Pop(&l.waiting).(entry)
	return first.machine
}

func (l *line) len() int { return len(l.waiting) }

// byRenewal is a heap of entries.
type byRenewal []entry

// Len implements heap.Interface.
func (b *byRenewal) Len() int { return len(*b) }

// Less implements heap.Interface.
func (b *byRenewal) Less(i, j int) bool { return (*b)[i].renewed.Before((*b)[j].renewed) }

// Swap implements heap.Interface.
func (b *byRenewal) Swap(i, j int) { (*b)[i], (*b)[j] = (*b)[j], (*b)[i] }

// Push implements heap.Interface.
func (b *byRenewal) Push(x any) {
	if e, ok := x.(entry); ok {
		*b = append(*b, e)
	}
}

// Pop implements heap.Interface.
func (b *byRenewal) Pop() any {
	last := len(*b) - 1
	e := (*b)[last]
	*b = (*b)[:last]
	return e
}
