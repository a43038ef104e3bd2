// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package freshness

import "time"

// coverage is since when, without a gap, some gateway has been receiving: silence counts only then.
type coverage struct{ since, until time.Time }

// extend notes that a gateway receives now, and is good for a while.
func (c *coverage) extend(now time.Time, good time.Duration) {
	if now.After(c.until) { // nobody received a moment ago: what was not heard until now says nothing
		c.since = now
	}
	if until := now.Add(good); until.After(c.until) {
		c.until = until
	}
}

// at is since when it is so; false when nobody receives.
func (c *coverage) at(now time.Time) (since time.Time, covered bool) {
	return c.since, !c.until.IsZero() && !now.After(c.until)
}
