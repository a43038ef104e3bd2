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

// line are those of one class who were refused for want of room. Accounts take turns: who waits for an account alone
// comes after one of each other account that waits, however many of those there are.
type line struct {
	tickets  []*ticket // by arrival
	byOwner  map[owner]*ticket
	accounts map[string]*queue
	swept    time.Time
}

// queue is what an account has in the line.
type queue struct{ waiting, lastTurn int }

// owner is on whose behalf a call is made.
type owner struct{ account, bot string }

type ticket struct {
	owner owner
	cost  int
	turn  int // each of an account has the next
	since time.Time
	due   time.Time
}

// ahead is the cost of all who come before the owner, and of those among them who can be about to ask.
func (l *line) ahead(who owner, now time.Time) (all, present int) {
	mine, waits := l.byOwner[who]
	turn := l.nextTurn(who.account)
	if waits {
		turn = mine.turn
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

// othersWait tells whether an account other than this one waits.
func (l *line) othersWait(account string) bool {
	for other := range l.accounts {
		if other != account && other != "" {
			return true
		}
	}
	return false
}

// anotherWaits tells whether another bot waits, be it of the same account. The pass over the fleet is nobody's.
func (l *line) anotherWaits(who owner) bool {
	for other := range l.byOwner {
		if other != who && other != (owner{}) {
			return true
		}
	}
	return false
}

// nextTurn is the turn of an account's next ticket: after its last one; or, when it has none, that of whoever is first.
// The turn that was served last would be wrong, as not all come in their turn: of a large account, hundreds can be left
// who have missed theirs.
func (l *line) nextTurn(account string) int {
	if q, ok := l.accounts[account]; ok {
		return q.lastTurn + 1
	}
	if len(l.tickets) == 0 {
		return 0
	}
	return slices.MinFunc(l.tickets, func(a, b *ticket) int { return a.turn - b.turn }).turn
}

// join gives the owner a place, or keeps it. A time that was told and has not come yet stands, so that who asks too
// early is not told something else each time.
func (l *line) join(who owner, cost int, due, now time.Time) time.Time {
	t, waits := l.byOwner[who]
	if !waits {
		t = &ticket{owner: who, turn: l.nextTurn(who.account), since: now}
		l.enter(t)
	}
	t.cost = cost
	if !t.due.After(now) {
		t.due = due
	}
	return t.due
}

func (l *line) enter(t *ticket) {
	if l.byOwner == nil {
		l.byOwner, l.accounts = map[owner]*ticket{}, map[string]*queue{}
	}
	q, ok := l.accounts[t.owner.account]
	if !ok {
		q = &queue{}
		l.accounts[t.owner.account] = q
	}
	q.waiting++
	q.lastTurn = t.turn
	l.byOwner[t.owner] = t
	l.tickets = append(l.tickets, t)
}

// leave strikes off the owner, who is served, and tells how long it has waited.
func (l *line) leave(who owner, now time.Time) time.Duration {
	mine, waits := l.byOwner[who]
	if !waits {
		return 0
	}
	l.tickets = slices.DeleteFunc(l.tickets, func(t *ticket) bool { return t == mine })
	l.forget(mine)
	return now.Sub(mine.since)
}

func (l *line) forget(t *ticket) {
	delete(l.byOwner, t.owner)
	q := l.accounts[t.owner.account]
	if q.waiting--; q.waiting == 0 {
		delete(l.accounts, t.owner.account)
	}
}

// sweep strikes off who has not come back: the object may be gone.
func (l *line) sweep(now time.Time) {
	if now.Before(l.swept.Add(sweepEvery)) {
		return
	}
	l.swept = now
	l.tickets = slices.DeleteFunc(l.tickets, func(t *ticket) bool {
		gone := now.After(t.due.Add(kept))
		if gone {
			l.forget(t)
		}
		return gone
	})
}
