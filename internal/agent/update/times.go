// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package update

import "time"

// Times are how long things take.
type Times struct {
	// Spread is within which time agents begin to fetch what was ordered, so that not all do so at once.
	Spread time.Duration
	// Trial is how long a build has until a gateway has answered it, and Guard until it is killed, because it does not go
	// back by itself.
	Trial, Guard time.Duration
}

// The times of a build, which the linker says otherwise for tests only.
var (
	spread = "4m"
	trial  = "5m"
	guard  = "6m"
)

// DefaultTimes are those of this build.
func DefaultTimes() Times {
	return Times{Spread: parse(spread), Trial: parse(trial), Guard: parse(guard)}
}

func parse(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic("update: it was linked with " + text) // no such build gets through a test
	}
	return d
}
