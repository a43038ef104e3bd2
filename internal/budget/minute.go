// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import "time"

const (
	// defaultPerMinute is what we spend of the 250 calls that DigitalOcean allows in a minute: no header tells how many
	// are left, and it counts a call when it arrives, not when we sent it.
	defaultPerMinute = 200
	// certain is the part of our minute that is surely left when we begin: the leader before us may just have spent its
	// own, 200 of the 250.
	certain = 4
	// depth is how many calls of a class may be made at once after a lull: a small fleet is made in one go.
	depth = 100
)

// Shares of the minute. A tenth is kept for what destroys. Of the rest, what reads always has as much: without passes
// over the fleet no new bot gets its name, however many creates wait.
const (
	keptForDestroy = 0.1
	keptForRead    = 0.1
)

// minute is what we may still spend in the minute.
type minute struct {
	limit int
	// presumed is what the leader before us may have spent, and the receipt for it.
	presumed int
	receipt  time.Time

	all     window
	classes [classes]window
	buckets [classes]bucket
}

func newMinute(limit int, now time.Time) minute {
	m := minute{limit: limit, all: window{span: time.Minute}}
	for c := range m.classes {
		_, own := m.caps(Class(c), false)
		deep := max(depth, float64(limit)/10) // for a limit that was raised
		m.classes[c].span = time.Minute
		m.buckets[c] = bucket{depth: deep, perSecond: float64(own) / 60, level: deep, at: now}
	}
	m.presumed = limit - limit/certain
	m.receipt = m.all.add(now, m.presumed)
	return m
}

// told takes back what the leader before us cannot have spent in the minute, because nobody has spent so much in the
// hour.
func (m *minute) told(othersInHour int) {
	if excess := m.presumed - othersInHour; excess > 0 {
		m.all.remove(m.receipt, excess)
		m.presumed = othersInHour
	}
}

// caps are how much of the minute may be spent in all, and by the class alone, for a call of that class to be made.
// Reads step back to their own share while creates wait.
func (m *minute) caps(class Class, actWaits bool) (all, own int) {
	limit := float64(m.limit)
	rest := int(limit * (1 - keptForDestroy))
	switch {
	case class == Destroy:
		return m.limit, m.limit
	case class == Act:
		return rest, rest - int(limit*keptForRead)
	case actWaits:
		return rest, max(1, int(limit*keptForRead))
	}
	return rest, rest
}

// opens is when there is room for a call of that cost, behind others. A list of more pages than the class's own share
// waits until nothing else of its class is in the minute, and then overdraws the share; never the whole.
func (m *minute) opens(now time.Time, class Class, cost, ahead int, actWaits bool) time.Time {
	all, own := m.caps(class, actWaits)
	at := opens(now, time.Minute, all, min(cost, all)+ahead,
		func(at time.Time) int { return all - m.all.count(at) })
	at = latest(at, opens(now, time.Minute, own, min(cost, own)+ahead,
		func(at time.Time) int { return own - m.classes[class].count(at) }))
	if class == Destroy {
		return at // it is not paced
	}
	return latest(at, m.buckets[class].opens(now, cost+ahead))
}

func (m *minute) add(now time.Time, class Class, n int) (all, own time.Time) {
	m.buckets[class].take(now, n)
	return m.all.add(now, n), m.classes[class].add(now, n)
}

// bucket paces a class: it fills evenly, and can go below empty by one long list.
type bucket struct {
	depth, perSecond, level float64
	at                      time.Time
}

func (b *bucket) levelAt(at time.Time) float64 {
	return min(b.depth, b.level+max(0, at.Sub(b.at).Seconds())*b.perSecond)
}

func (b *bucket) take(now time.Time, n int) {
	b.level, b.at = b.levelAt(now)-float64(n), now
}

// opens is when the bucket holds need, or is full.
func (b *bucket) opens(now time.Time, need int) time.Time {
	level := b.levelAt(now)
	if level >= min(float64(need), b.depth) {
		return now
	}
	return now.Add(time.Duration((float64(need) - level) / b.perSecond * float64(time.Second)))
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
