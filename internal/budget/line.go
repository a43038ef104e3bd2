// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"slices"
	"time"
)

const (
	// kept is how long after its time a place in the line is held for one who does not come back.
	kept = 15 * time.Second
	// early and late bound when one who waits can be about to ask: only then others step back. Somebody who never comes
	// back holds nobody up for longer.
	early, late = time.Second, 2 * time.Second
	// sweepEvery is how often those who have not come back are struck off.
	sweepEvery = time.Second
)

// line are those of one class who were refused for want of room. Accounts take turns: the first of every account comes
// before the second of any.
type line struct {
	tickets []*ticket // by arrival
	byOwner map[owner]*ticket
	swept   time.Time
}

// owner is on whose behalf a call is made.
type owner struct{ account, bot string }

type ticket struct {
	owner owner
	cost  int
	turn  int // how many of the same account came before and still wait
	since time.Time
	due   time.Time
}

// ahead is the cost of all who come before the owner, and of those among them who can be about to ask.
func (l *line) ahead(who owner, now time.Time) (all, present int) {
	mine, waits := l.byOwner[who]
	turn := 0
	if waits {
		turn = mine.turn
	} else {
		turn = l.waiting(who.account)
	}
	arrived := false // everybody who is not in the line came before one who is not in it either
	for _, t := range l.tickets {
		if t == mine {
			arrived = true
			continue
		}
		if t.turn > turn || t.turn == turn && arrived {
			continue
		}
		all += t.cost
		if t.isPresent(now) {
			present += t.cost
		}
	}
	return all, present
}

// isPresent tells whether the owner can be about to ask. The pass over the fleet, which is nobody's, always is: all
// wait for it, and its many pages need the room that many small calls would take one by one.
func (t *ticket) isPresent(now time.Time) bool {
	return t.owner == owner{} || !now.Before(t.due.Add(-early)) && !now.After(t.due.Add(late))
}

func (l *line) waiting(account string) int {
	n := 0
	for _, t := range l.tickets {
		if t.owner.account == account {
			n++
		}
	}
	return n
}

// othersWait tells whether an account other than this one waits.
func (l *line) othersWait(account string) bool {
	return slices.ContainsFunc(l.tickets, func(t *ticket) bool {
		return t.owner.account != account && t.owner.account != ""
	})
}

// join gives the owner a place, or keeps it. A time that was told and has not come yet stands, so that who asks too
// early is not told something else each time.
func (l *line) join(who owner, cost int, due, now time.Time) time.Time {
	t, waits := l.byOwner[who]
	if !waits {
		t = &ticket{owner: who, turn: l.waiting(who.account), since: now}
		if l.byOwner == nil {
			l.byOwner = map[owner]*ticket{}
		}
		l.byOwner[who] = t
		l.tickets = append(l.tickets, t)
	}
	t.cost = cost
	if !t.due.After(now) {
		t.due = due
	}
	return t.due
}

// leave strikes the owner off, and tells how long it has waited.
func (l *line) leave(who owner, now time.Time) time.Duration {
	mine, waits := l.byOwner[who]
	if !waits {
		return 0
	}
	delete(l.byOwner, who)
	l.tickets = slices.DeleteFunc(l.tickets, func(t *ticket) bool { return t == mine })
	l.renumber()
	return now.Sub(mine.since)
}

// sweep strikes off who has not come back: the object may be gone.
func (l *line) sweep(now time.Time) {
	if now.Before(l.swept.Add(sweepEvery)) {
		return
	}
	l.swept = now
	before := len(l.tickets)
	l.tickets = slices.DeleteFunc(l.tickets, func(t *ticket) bool {
		gone := now.After(t.due.Add(kept))
		if gone {
			delete(l.byOwner, t.owner)
		}
		return gone
	})
	if len(l.tickets) != before {
		l.renumber()
	}
}

func (l *line) renumber() {
	turns := map[string]int{}
	for _, t := range l.tickets {
		t.turn = turns[t.owner.account]
		turns[t.owner.account]++
	}
}
