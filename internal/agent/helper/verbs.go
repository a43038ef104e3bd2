// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"context"
	"fmt"
	"time"
)

// The verbs. None of them takes an argument.
const (
	// StartRuntime starts OpenClaw, and returns when its process is there.
	StartRuntime = "start-runtime"
	// StopRuntime asks OpenClaw to end, and does not wait for that.
	StopRuntime = "stop-runtime"
	// KillRuntime ends OpenClaw and all that it has started, now, and for good.
	KillRuntime = "kill-runtime"
	// RuntimeStatus tells how OpenClaw is, or how it ended and what it said last.
	RuntimeStatus = "runtime-status"
	// ValidateRuntime has OpenClaw say, as its own user, what it makes of the files that wait to be put in place.
	ValidateRuntime = "validate-runtime"
	// SaveState copies what OpenClaw remembers, RestoreState puts the copy back as a whole, and DropState removes it.
	SaveState    = "save-state"
	RestoreState = "restore-state"
	DropState    = "drop-state"
)

const (
	systemctl = "/usr/bin/systemctl"
	unit      = "openclaw.service"
)

// How long a verb may take. Each is a little longer than its unit's own limit, so that systemd says what was too slow.
const (
	// promptly is for what starts and ends at once.
	promptly = 25 * time.Second
	// validating takes 5 s on two processors and 20 s on a small machine that has other things to do.
	validating = 100 * time.Second
	// copying a gigabyte takes a minute on the slowest disk that there is.
	copying = 4 * time.Minute
	// longest is less than the RuntimeMaxSec of the helper's unit, so that a call that takes too long is answered.
	longest = copying
)

// action is what a verb does, and how long that may take.
type action struct {
	within time.Duration
	do     func(m machine, ctx context.Context) (told []byte, err error)
}

// actionOf is false for what is no verb.
func actionOf(verb string) (action, bool) {
	found, is := map[string]action{
		StartRuntime:    {promptly, commands([]string{systemctl, "start", unit})},
		StopRuntime:     {promptly, commands([]string{systemctl, "stop", "--no-block", unit})},
		KillRuntime:     {promptly, machine.kill},
		RuntimeStatus:   {promptly, machine.status},
		ValidateRuntime: {validating, machine.validate},
		SaveState:       {copying, machine.saveState},
		RestoreState:    {copying, machine.restoreState},
		DropState:       {copying, machine.dropState},
	}[verb]
	return found, is
}

// commands runs commands, in order, of which nothing is told unless one fails.
func commands(all ...[]string) func(machine, context.Context) ([]byte, error) {
	return func(m machine, ctx context.Context) ([]byte, error) {
		for _, c := range all {
			if output, err := m.run(ctx, c); err != nil {
				return nil, fmt.Errorf("%s %s: %w: %s", c[0], c[1], err, output)
			}
		}
		return nil, nil
	}
}

// kill asks it to end first: it is not to be started again. systemd may have forgotten it by the time it is to be
// killed.
func (m machine) kill(ctx context.Context) ([]byte, error) {
	_, err := commands(
		[]string{systemctl, "stop", "--no-block", unit}, []string{systemctl, "kill", "--signal=SIGKILL", unit},
	)(m, ctx)
	if err == nil {
		return nil, nil
	}
	if s, _, showErr := m.show(ctx, unit); showErr == nil && !s.Runs() {
		return nil, nil
	}
	return nil, err
}
