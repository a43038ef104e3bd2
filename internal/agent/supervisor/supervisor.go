// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package supervisor keeps the runtime, which is OpenClaw, as it is wanted: running or not. A Keeper decides what
// becomes of it, and a Launcher starts it: as a child process of the agent, or as a unit of systemd.
package supervisor

import "time"

// HaltGrace is how long a runtime that is not to run any more has to end by itself. It must leave room for killing it
// within the 2 s that the protocol gives.
const HaltGrace = 1200 * time.Millisecond

// ConfigExit is the exit code by which the runtime says that it will not start with this config, or that another one
// runs already. Starting it again would change nothing.
const ConfigExit = 78

// Supervisor keeps one program as it is wanted. All methods return at once, and may be called at any time; what becomes
// of it is in the Status.
type Supervisor interface {
	// Want says whether it is to run. Until it is said, it is not. One that is not to run any more is gone within 2 s.
	Want(run bool)
	// Renew says that its files have changed, and gives the change a number. A program that runs takes them up in the
	// way that is said; one that rests, or that has exited with ConfigExit, gets another chance.
	Renew(how Renewal) int64
	// Status is how it is, and a channel that is closed when that is not so any more.
	Status() (Status, <-chan struct{})
}

// Renewal is how a program takes up its files.
type Renewal string

// The ways.
const (
	// Restart ends it and starts it again.
	Restart Renewal = "Restart"
	// Signal sends SIGHUP.
	Signal Renewal = "Signal"
	// Watch does nothing: it looks at its files by itself.
	Watch Renewal = "Watch"
)

// Status is how the program is.
type Status struct {
	// Renewal is the number of the last change of its files that it was started with or told of.
	Renewal int64
	// Running tells whether its process runs, and Healthy whether it has shown since the Renewal that it works.
	Running, Healthy bool
	// Adopted tells that it was started by an earlier agent, and was not told of any change yet.
	Adopted bool
	// Idle tells that nothing runs, and nothing will before somebody wants it to.
	Idle bool
	// Refused tells that it has exited with ConfigExit, and is not started again before the next Renewal.
	Refused bool
	// Ended is how often it has ended by itself since the Renewal.
	Ended int
	// Restarts is how often it was started again after it had ended by itself.
	Restarts int32
	// Message is why it is not healthy; empty when it is.
	Message string
}
