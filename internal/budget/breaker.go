// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import "time"

const (
	// tolerated is how many calls in a row may fail: single failures are everyday, five are an outage.
	tolerated = 5
	// firstOpen and longestOpen bound how long a cloud that is down is left alone.
	firstOpen   = 30 * time.Second
	longestOpen = 5 * time.Minute
	// probePause is how soon to ask again while somebody else's probe is under way.
	probePause = 5 * time.Second
)

// breaker stops calls to a cloud that is down. After a while it lets one through, whose outcome decides.
type breaker struct {
	failures int
	openFor  time.Duration // 0 while closed
	until    time.Time
	probing  bool
}

// opens is when a call may be made.
func (b *breaker) opens(now time.Time) time.Time {
	switch {
	case b.openFor == 0:
		return now
	case b.probing:
		return now.Add(probePause)
	}
	return latest(now, b.until)
}

// begin notes that a call is made, and tells whether it is the probe.
func (b *breaker) begin() (probe bool) {
	b.probing = b.openFor > 0
	return b.probing
}

// abandon takes back a probe that was not made.
func (b *breaker) abandon() { b.probing = false }

// report takes in the outcome of a call. While the breaker is open only the probe's counts: the others were under way
// when it opened.
func (b *breaker) report(failed, probe bool, now time.Time) {
	switch {
	case b.openFor > 0 && !probe:
	case !failed:
		*b = breaker{}
	case probe:
		b.probing = false
		b.openFor = min(2*b.openFor, longestOpen)
		b.until = now.Add(b.openFor)
	default:
		if b.failures++; b.failures >= tolerated {
			b.openFor, b.until = firstOpen, now.Add(firstOpen)
		}
	}
}
