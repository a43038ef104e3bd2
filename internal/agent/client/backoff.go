// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package client

import "time"

const (
	firstBackoff = time.Second
	// LongestBackoff is how long a gateway that is back waits at most for the last of its machines.
	LongestBackoff = 5 * time.Minute
)

// Backoff says how long to wait after failures in a row: any time up to a bound that doubles with each, so that a fleet
// that lost its gateway at one instant does not come back at one.
type Backoff struct {
	// Random is a number from 0 to 1.
	Random func() float64

	failures int
}

// Next is how long to wait after this failure. What the gateway asked for is waited in full, and the chance comes on
// top.
func (b *Backoff) Next(err error) time.Duration {
	bound := min(firstBackoff<<min(b.failures, 10), LongestBackoff)
	b.failures++
	return RetryAfter(err) + b.upTo(bound)
}

// Reset says that there was no failure.
func (b *Backoff) Reset() { b.failures = 0 }

func (b *Backoff) upTo(bound time.Duration) time.Duration {
	return time.Duration(b.Random() * float64(bound))
}
