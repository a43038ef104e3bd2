// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"time"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// move is what the existence step does next.
type move int

const (
	// moveCreate looks for the instance by name and asks for it if there is none.
	moveCreate move = iota
	// moveResolve looks for the instance by name and asks for nothing: an earlier request may have been obeyed.
	moveResolve
	// moveObserve looks after the instance whose id is known.
	moveObserve
	// moveWait waits for the time, or the change of spec, after which a refused request may be made again.
	moveWait
)

// nextMove decides from the stored status alone, so that a fresh process decides the same.
func nextMove(droplet *spawnv1.Droplet, now time.Time) move {
	attempt := droplet.Status.Attempt
	switch {
	case droplet.Status.InstanceID != 0:
		return moveObserve
	case attempt == nil:
		return moveCreate
	case attempt.State == spawnv1.AttemptPending, attempt.State == spawnv1.AttemptDone:
		// Done without an id is a status that was restored in part: the instance may well exist.
		return moveResolve
	case attempt.State == spawnv1.AttemptRefused && attempt.Generation == droplet.Generation:
		if attempt.RetryAt == nil || now.Before(attempt.RetryAt.Time) {
			return moveWait
		}
	}
	return moveCreate
}

// nextAttempt is the intent to ask once more.
func nextAttempt(droplet *spawnv1.Droplet, now time.Time, leader string) *spawnv1.Attempt {
	number := int64(1)
	if droplet.Status.Attempt != nil {
		number = droplet.Status.Attempt.Number + 1
	}
	return &spawnv1.Attempt{
		Number: number, State: spawnv1.AttemptPending, Generation: droplet.Generation,
		StartedAt: microTime(now), Leader: leader,
	}
}

// lookSchedule says when a lost request is looked for, as parts of the settle window: with a window of 5 min after 5,
// 15, 30, 60, 120 and 300 s. The first look comes soon, because most lost replies hide an instance that is already
// there; the last comes when any request still on its way must have landed and every list has caught up.
var lookSchedule = []float64{1.0 / 60, 1.0 / 20, 1.0 / 10, 1.0 / 5, 2.0 / 5, 1}

// enoughLooks is how many complete empty answers it takes, besides the settle window, to believe that there is nothing.
const enoughLooks = 3

// lookIn is how long to wait before the next look for a lost request; 0 or less means now.
func lookIn(attempt *spawnv1.Attempt, window time.Duration, now time.Time) time.Duration {
	return nextLook(attempt.StartedAt.Time, attempt.EmptyLooks, window, now)
}

// nextLook is how long to wait before the look that follows so many empty ones.
func nextLook(startedAt time.Time, emptyLooks int32, window time.Duration, now time.Time) time.Duration {
	next := min(int(emptyLooks), len(lookSchedule)-1)
	return startedAt.Add(time.Duration(lookSchedule[next] * float64(window))).Sub(now)
}

// hasSettled tells whether a lost request can be taken to have created nothing.
func hasSettled(attempt *spawnv1.Attempt, window time.Duration, now time.Time) bool {
	return attempt.EmptyLooks >= enoughLooks && !now.Before(attempt.StartedAt.Add(window))
}
