// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"net/http"
	"time"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

const (
	// longestWait is the longest that anybody is told to wait: much can change in five minutes.
	longestWait = 5 * time.Minute
	// frontWait is the longest that those at the front of the line wait for room in the minute. What they are told is an
	// estimate as if all before them come and nobody is stopped for another reason; they profit most when it is not so.
	frontWait = 15 * time.Second
	// frontLength is how many calls the front of the line is long.
	frontLength = 20
	// longestPause is the longest pause that is granted to the cloud at its own word; it counts a call for an hour.
	longestPause = time.Hour
	// shortestDrained and longestDrained bound the pause when the hour is used up, where the cloud says when its oldest
	// call expires but not how long to stay away.
	shortestDrained, longestDrained = 5 * time.Second, 5 * time.Minute
)

// limiter decides, for one token. It knows no clock and no lock.
type limiter struct {
	hour        hour
	minute      minute
	lines       [classes]line
	shares      shares
	breaker     breaker
	pausedUntil time.Time
}

func newLimiter(perMinute int, now time.Time) *limiter {
	return &limiter{hour: newHour(), minute: newMinute(perMinute, now), shares: newShares()}
}

// receipt is what has to be known to take back a call that was not made.
type receipt struct {
	hour, minute, class, account time.Time
}

// admit spends a call's cost, or says why not, and when to ask again.
func (l *limiter) admit(r Request, now time.Time) (receipt, *Refusal) {
	for c := range l.lines {
		l.lines[c].sweep(now)
	}
	l.shares.sweep(now)
	if refusal := l.unfair(r, now); refusal != nil {
		return receipt{}, refusal
	}
	all, present := l.ahead(r, now)
	reason, at := l.opens(r, present, now)
	if !at.After(now) {
		return l.spend(r, now), nil
	}
	_, at = l.opens(r, all, now)
	if reason == Minute && all <= frontLength {
		at = earliest(at, now.Add(frontWait))
	}
	at = l.lines[r.Class].join(r.owner(), r.Cost, dueAt(at, now), now)
	return receipt{}, &Refusal{Reason: reason, Wait: at.Sub(now)}
}

// unfair refuses who has had its share. It gives no place in the line: what is missing is not room.
func (l *limiter) unfair(r Request, now time.Time) *Refusal {
	if at := l.botOpens(r, now); at.After(now) {
		return &Refusal{Reason: Bot, Wait: dueAt(at, now).Sub(now)}
	}
	othersWait := l.lines[Act].othersWait(r.Account) || l.lines[Read].othersWait(r.Account)
	if r.Class != Destroy && othersWait && l.isGreedy(r, now) {
		return &Refusal{Reason: Account, Wait: dueAt(now.Add(sharePause), now).Sub(now)}
	}
	return nil
}

// botOpens is when a bot that has had its share of operations may go on at the expense of others: of those who wait,
// who may be served soon, or of those who will come, while the hour is half gone.
func (l *limiter) botOpens(r Request, now time.Time) time.Time {
	if r.Operations == 0 {
		return now
	}
	at := l.shares.botOpens(r.Bot, r.Operations, now)
	switch {
	case l.lines[Act].anotherWaits(r.owner()), l.lines[Read].anotherWaits(r.owner()):
		return earliest(at, now.Add(sharePause))
	case float64(l.hour.left(now, 0)) < idle*float64(l.hour.limit):
		return at
	}
	return now
}

func (l *limiter) isGreedy(r Request, now time.Time) bool {
	return l.shares.isGreedy(r.Account, now, l.hour.limit)
}

// ahead is the cost of those before r in line: in its own, and for a create also in that of what destroys. Reads are
// kept back by their share of the minute instead, so that they cannot be starved.
func (l *limiter) ahead(r Request, now time.Time) (all, present int) {
	all, present = l.lines[r.Class].ahead(r.owner(), now)
	if r.Class != Act {
		return all, present
	}
	for _, t := range l.lines[Destroy].tickets {
		all += t.cost
		if t.isPresent(now) {
			present += t.cost
		}
	}
	return all, present
}

// opens is when there is room for r behind others, and what keeps it until then.
func (l *limiter) opens(r Request, ahead int, now time.Time) (Reason, time.Time) {
	floor, reasonOfFloor := l.floor(r, now)
	actWaits := len(l.lines[Act].tickets) > 0
	reason, at := Minute, l.minute.opens(now, r.Class, r.Cost, ahead, actWaits)
	if later := l.hour.opens(now, floor, r.Cost+ahead); later.After(at) {
		reason, at = reasonOfFloor, later
	}
	if stopped, later := l.stopped(now); later.After(at) {
		reason, at = stopped, later
	}
	return reason, at
}

// floor is the share of the hour that r leaves to others.
func (l *limiter) floor(r Request, now time.Time) (float64, Reason) {
	switch {
	case !l.isGreedy(r, now):
		return floors[r.Class], Hour
	case r.Class == Destroy:
		return greedyDestroyFloor, Account
	}
	return greedyFloor, Account
}

// stopped is until when nothing may be sent at all, and why.
func (l *limiter) stopped(now time.Time) (Reason, time.Time) {
	if at := l.breaker.opens(now); at.After(l.pausedUntil) {
		return Breaker, at
	}
	return Pause, l.pausedUntil
}

func (l *limiter) spend(r Request, now time.Time) receipt {
	var spent receipt
	spent.hour = l.hour.own.add(now, r.Cost)
	spent.minute, spent.class = l.minute.add(now, r.Class, r.Cost)
	spent.account = l.shares.spent(r.Account, now, r.Cost)
	l.hour.inFlight += r.Cost
	return spent
}

// takeBack undoes n calls that were not made. The pace is not given back: it only smooths.
func (l *limiter) takeBack(r Request, spent receipt, n int) {
	l.hour.own.remove(spent.hour, n)
	l.minute.all.remove(spent.minute, n)
	l.minute.classes[r.Class].remove(spent.class, n)
	l.shares.takeBack(r.Account, spent.account, n)
}

// dueAt is a time to tell people: in whole seconds, and not too far off.
func dueAt(at, now time.Time) time.Time {
	at = at.Add(time.Second - 1).Truncate(time.Second)
	if longest := now.Add(longestWait).Truncate(time.Second); at.After(longest) {
		return longest
	}
	return at
}

// observe takes in the headers of an answer. An answer that says how long to stay away speaks of a burst, or of a cloud
// in trouble: its ratelimit-remaining is 0 whatever the hour has left, so that is not read.
func (l *limiter) observe(a cloud.Answer, jitter func(time.Duration) time.Duration, now time.Time) {
	if a.RetryAfter > 0 {
		pause := min(a.RetryAfter, longestPause)
		l.pausedUntil = latest(l.pausedUntil, now.Add(pause+jitter(pause/10)))
		return
	}
	if a.Limit > 0 {
		l.hour.told(a.Limit, a.Remaining, now)
		l.minute.told(l.hour.foreign)
	}
	if a.Status == http.StatusTooManyRequests {
		pause := min(max(a.Reset.Sub(now), shortestDrained), longestDrained)
		l.pausedUntil = latest(l.pausedUntil, now.Add(pause+jitter(pause/10)))
	}
}
