// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package cloud

import "time"

// Answer is what the head of an answer tells about the rate limit.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Limit and Remaining are the calls that the token has, and has left, in the hour; Limit is 0 when not told.
	Limit, Remaining int
	// Reset is when the oldest call of the hour expires; zero when not told.
	Reset time.Time
	// RetryAfter is how long the cloud asks us to wait, 0 when it does not.
	RetryAfter time.Duration
}
