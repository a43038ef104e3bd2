// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

// lookEvery is how often a condition is looked at.
const lookEvery = 50 * time.Millisecond

// Eventually waits until a condition is nil, and says otherwise what was missing last.
func Eventually(ctx context.Context, within time.Duration, condition func(context.Context) error) error {
	last := errors.New("nobody has looked")
	err := wait.PollUntilContextTimeout(ctx, lookEvery, within, true, func(ctx context.Context) (bool, error) {
		seen := condition(ctx)
		if seen != nil && ctx.Err() == nil { // a look that was cut short says nothing
			last = seen
		}
		return seen == nil, nil
	})
	if err != nil {
		return fmt.Errorf("not within %s: %w", within, last)
	}
	return nil
}

// AgentOf is the agent on a machine; its PID is 0 while there is none.
func (s *Stage) AgentOf(ctx context.Context, instance int64) (dosim.Agent, error) {
	agents, err := s.Simulator.Agents(ctx)
	if err != nil {
		return dosim.Agent{}, err
	}
	for _, agent := range agents {
		if agent.Instance == instance {
			return agent, nil
		}
	}
	return dosim.Agent{}, nil
}

// RuntimeOf is the process that the agent of a machine runs, 0 when it runs none.
func (s *Stage) RuntimeOf(ctx context.Context, instance int64) (int, error) {
	agent, err := s.AgentOf(ctx, instance)
	if err != nil || agent.PID == 0 {
		return 0, err
	}
	children, err := ChildrenOf(agent.PID)
	if err != nil || len(children) == 0 {
		return 0, err
	}
	return children[0], nil
}

// ChildrenOf are the processes that a process has started and that live.
func ChildrenOf(pid int) ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("looking for processes: %w", err)
	}
	var children []int
	for _, file := range files {
		content, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			continue // it ended since we looked
		}
		_, rest, _ := bytes.Cut(content, []byte(") ")) // the state and the parent follow the name
		fields := strings.Fields(string(rest))
		if len(fields) < 2 || fields[0] == "Z" || fields[1] != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			children = append(children, child)
		}
	}
	return children, nil
}
