// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"fmt"
	"time"
)

const (
	// orphansFloor and orphansPercent: a fleet does not have more orphans than the larger of 5 and 1 % of it, unless it
	// is its objects that are missing.
	orphansFloor, orphansPercent = 5, 1
	// lostFloor and lostPercent: as many objects do not vanish by themselves, unless the API server has lost them.
	lostFloor, lostPercent = 2, 20
)

// facts are the numbers by which the breaker tells a few orphans from a fleet that has lost its objects.
type facts struct {
	orphans, instances int
	bots, droplets     int
	lost               int // Droplet objects that vanished while their instances live on
}

// alarm says what is wrong with the numbers, empty when nothing is.
func (f facts) alarm() string {
	switch {
	case f.orphans > 0 && f.bots+f.droplets == 0:
		return fmt.Sprintf("there is no Bot and no Droplet at all, and %d of %d instances are unclaimed",
			f.orphans, f.instances)
	case f.orphans > orphansFloor && f.orphans*100 > f.instances*orphansPercent:
		return fmt.Sprintf("%d of %d instances are unclaimed at once", f.orphans, f.instances)
	case f.lost > lostFloor && f.lost*100 > (f.droplets+f.lost)*lostPercent:
		return fmt.Sprintf("%d of %d Droplets have vanished without being deleted", f.lost, f.droplets+f.lost)
	}
	return ""
}

// breaker keeps everything from being destroyed while the numbers are not normal, and for a while after that.
type breaker struct {
	// why is what is wrong, empty while the breaker is closed.
	why string
	// calm counts the passes with normal numbers since.
	calm int
	// calmSince is when it last closed; zero when it was never open.
	calmSince time.Time
}

// judge takes the numbers of one pass: all that is suspected, and what earlier passes have confirmed of it. It blocks
// on a suspicion, and opens, which is told, on what is confirmed: a single pass may be older than the proper end of
// what it shows. It reports whether nothing may be destroyed now, and whether it has opened.
func (b *breaker) judge(suspected, confirmed facts, needed int, now time.Time) (blocked, opened bool) {
	if why := confirmed.alarm(); why != "" {
		opened = b.why == ""
		b.why, b.calm = why, 0
		return true, opened
	}
	if suspected.alarm() != "" {
		b.calm = 0
		return true, false
	}
	if b.why == "" {
		return false, false
	}
	if b.calm++; b.calm < needed {
		return true, false
	}
	b.why, b.calmSince = "", now
	return false, false
}

// isCalm tells whether the breaker has been closed for so long. A restore that takes its time ends with few orphans,
// and they are the machines of the objects that it has not brought back yet.
func (b *breaker) isCalm(quiet time.Duration, now time.Time) bool {
	return b.why == "" && (b.calmSince.IsZero() || now.Sub(b.calmSince) >= quiet)
}
