// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"time"

	"k8s.io/utils/clock"
)

// The limits that DigitalOcean publishes, and a quota that no test meets by accident.
const (
	publishedHourlyLimit = 5000
	publishedMinuteLimit = 250
	generousDropletLimit = 25000
)

// Options say who may call the simulator and how it behaves. New takes them literally: a delay of zero is no delay,
// and a rate limit of zero is no limit. DefaultOptions behave like the real service.
type Options struct {
	// Clock is the only source of time; nil means the real one.
	Clock clock.Clock
	// Tokens are the bearer tokens that are accepted; when empty, every token is.
	Tokens []string
	// TeamUUID, TeamName and AccountUUID are what GET /v2/account tells; defaults are made from Seed.
	TeamUUID, TeamName, AccountUUID string
	// Seed makes two simulators differ in every uuid that they give out.
	Seed uint64
	// Admin mounts the endpoints under /_sim/, which need no token: only for loopback.
	Admin bool
	// Machines are what droplets run on; nil means that nothing runs.
	Machines Machines

	// StateDelay is how long a droplet is new before it is active, or before its placement fails.
	StateDelay time.Duration
	// GetLag is how long GET of a newborn droplet by its id answers 404.
	GetLag time.Duration
	// ListLag is how long a newborn droplet is missing from lists.
	ListLag time.Duration
	// TagLag is how long a tag that was put on a droplet does not show, neither in lists nor on the droplet.
	TagLag time.Duration
	// DeleteLag is how long a destroyed droplet can still be read and listed.
	DeleteLag time.Duration
	// ActionDelay is how long an action is in progress.
	ActionDelay time.Duration
	// OffLag is how long a droplet still says active after its shutdown or power_off has completed.
	OffLag time.Duration

	// DropletLimit is the account's quota. To New, zero means 25,000; when it is set later, zero is none.
	DropletLimit int
	// HourlyLimit is the number of requests per token in any hour; zero means unlimited, and says 5,000.
	HourlyLimit int
	// MinuteLimit is the number of requests per token in any minute; zero means unlimited.
	MinuteLimit int

	// IgnoreDeleteWhileNew answers 204 to the DELETE of a droplet that is still new, and keeps it.
	IgnoreDeleteWhileNew bool
	// IgnoreShutdown completes shutdown actions and leaves the droplet on, as a guest does that does not listen.
	IgnoreShutdown bool
	// LockBusy shows locked on a droplet while an action is in progress; the real service has stopped doing so.
	LockBusy bool
}

// DefaultOptions behave like the real service on a good day.
func DefaultOptions() Options {
	return Options{
		StateDelay:   2 * time.Second,
		ActionDelay:  time.Second,
		DropletLimit: generousDropletLimit,
		HourlyLimit:  publishedHourlyLimit,
		MinuteLimit:  publishedMinuteLimit,
	}
}

// OptionError is a value that an option cannot have.
type OptionError struct {
	// Option is the option's name as a flag, such as state-delay.
	Option string
	// Reason completes the sentence "state-delay ...".
	Reason string
}

// Error names the option and says what is wrong with it.
func (e *OptionError) Error() string { return e.Option + " " + e.Reason }

// Validate returns an *OptionError for the first option that is out of range.
func (o *Options) Validate() error {
	for _, k := range o.knobs() {
		negative := false
		switch value := k.value.(type) {
		case *time.Duration:
			negative = *value < 0
		case *int:
			negative = *value < 0
		}
		if negative {
			return &OptionError{Option: k.flag(), Reason: "must not be negative"}
		}
	}
	for _, token := range o.Tokens {
		if token == "" {
			return &OptionError{Option: "token", Reason: "must not be empty"}
		}
	}
	return nil
}
