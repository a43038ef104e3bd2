// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	journalctl = "/usr/bin/journalctl"
	// saidBytes is how much of what OpenClaw said last is told.
	saidBytes = 4 << 10
	// exited and the signal of a kill are as in waitid(2).
	exited, sigkill = 1, 9
	// outOfMemory is what systemd says when the kernel has killed a process of a unit for want of memory.
	outOfMemory = "MESSAGE_ID=fe6faa94e7774663a0da52717891d8ef"
)

// invocation is systemd's id of one start of a unit.
var invocation = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Status is how OpenClaw is, as systemd says.
type Status struct {
	// State is that of its unit: active, activating, deactivating, inactive or failed.
	State string `json:"state"`
	// PID is that of its process while that runs.
	PID int `json:"pid,omitempty"`
	// Exited tells that it ended by itself, with ExitCode; otherwise Signal has ended it, unless that is 0 too.
	Exited   bool `json:"exited,omitempty"`
	ExitCode int  `json:"exitCode,omitempty"`
	Signal   int  `json:"signal,omitempty"`
	// Result is systemd's word for how it ended, and oom-kill when the kernel has killed a process of it for want of
	// memory.
	Result string `json:"result,omitempty"`
	// Said is what it said last, as it is: secrets may be in it.
	Said string `json:"said,omitempty"`
}

// Runs tells whether there are processes of it, or are about to be.
func (s Status) Runs() bool {
	return slices.Contains([]string{"active", "activating", "reloading", "refreshing", "deactivating"}, s.State)
}

// status asks systemd, and the journal when it has ended.
func (m machine) status(ctx context.Context) ([]byte, error) {
	s, id, err := m.show(ctx, unit)
	if err != nil {
		return nil, err
	}
	if !s.Runs() && id != "" {
		s.Said = m.said(ctx, id)
		if s.Signal == sigkill && m.journal(ctx, outOfMemory, "INVOCATION_ID="+id) != "" {
			s.Result = "oom-kill"
		}
	}
	return json.Marshal(s)
}

// show is how a unit is, and the id of its last start; empty when it was never started.
func (m machine) show(ctx context.Context, unit string) (s Status, id string, err error) {
	output, err := m.run(ctx, []string{
		systemctl, "show", "--property=ActiveState,MainPID,ExecMainCode,ExecMainStatus,Result,InvocationID", unit,
	})
	if err != nil {
		return s, "", fmt.Errorf("asking systemd: %w: %s", err, output)
	}
	says := map[string]string{}
	for line := range strings.Lines(string(output)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		says[name] = value
	}
	s = Status{State: says["ActiveState"], PID: number(says["MainPID"]), Result: says["Result"]}
	switch code, status := number(says["ExecMainCode"]), number(says["ExecMainStatus"]); {
	case s.PID != 0 || code == 0: // it runs, or never has
	case code == exited:
		s.Exited, s.ExitCode = true, status
	default:
		s.Signal = status
	}
	if id = says["InvocationID"]; !invocation.MatchString(id) {
		id = ""
	}
	return s, id, nil
}

func number(text string) int {
	n, _ := strconv.Atoi(text) // what is no number is none
	return n
}

// said is what a start of a unit said last. What was said a moment ago may still be on its way.
func (m machine) said(ctx context.Context, id string) string {
	_, _ = m.run(ctx, []string{journalctl, "--sync"})
	return m.journal(ctx, "_SYSTEMD_INVOCATION_ID="+id)
}

// journal is the end of what the journal has of something; empty when that cannot be had.
func (m machine) journal(ctx context.Context, matches ...string) string {
	said, err := m.run(ctx, append([]string{
		journalctl, "--quiet", "--no-pager", "--output=cat", "--lines=40",
	}, matches...))
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(string(said[max(0, len(said)-saidBytes):]), "")
}
