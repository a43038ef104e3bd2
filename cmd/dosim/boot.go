// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/dosim/boot"
)

// upkeep is how late a droplet boots at most while nobody asks about it.
const upkeep = 50 * time.Millisecond

// machines are what droplets run on, if they do, and what has to be removed at the end.
type machines struct {
	*boot.Machines
	temporary string
}

// machines makes them, and hands them to the simulator.
func (c *config) machines(output io.Writer) (machines, error) {
	var m machines
	if !c.boot {
		return m, nil
	}
	agent, dir := c.agent, c.bootDir
	if agent == "" {
		self, err := os.Executable()
		if err != nil {
			return m, fmt.Errorf("finding the agent beside dosim: %w", err)
		}
		agent = filepath.Join(filepath.Dir(self), "agent")
	}
	var err error
	if dir == "" {
		if m.temporary, err = os.MkdirTemp("", "dosim-"); err != nil {
			return m, fmt.Errorf("making room for disks: %w", err)
		}
		dir = m.temporary
	}
	runtime, err := c.runtime()
	if err != nil {
		return m, errors.Join(err, m.Close())
	}
	m.Machines, err = boot.New(boot.Options{
		Agent: agent, Dir: dir, Runtime: runtime, Clock: clock.RealClock{}, Output: output,
		Log: slog.New(slog.NewJSONHandler(output, nil)),
	})
	if err != nil {
		return m, errors.Join(err, m.Close())
	}
	c.options.Machines = m.Machines
	return m, nil
}

// runtime is what agents run as the bot.
func (c *config) runtime() (boot.Runtime, error) {
	if c.openclaw == "" {
		return boot.StandIn, nil
	}
	directory, err := filepath.Abs(c.openclaw)
	if err != nil {
		return nil, fmt.Errorf("--openclaw: %w", err)
	}
	more := map[string]string{}
	if c.openclawCA != "" {
		if more["NODE_EXTRA_CA_CERTS"], err = filepath.Abs(c.openclawCA); err != nil {
			return nil, fmt.Errorf("--openclaw-ca-file: %w", err)
		}
	}
	return boot.OpenClaw(directory, c.telegram, more), nil
}

// Close ends what runs, and removes the disks.
func (m machines) Close() error {
	var errs []error
	if m.Machines != nil {
		errs = append(errs, m.Machines.Close())
	}
	if m.temporary != "" {
		errs = append(errs, os.RemoveAll(m.temporary))
	}
	return errors.Join(errs...)
}

// keepUp has droplets boot when they are due, and not when somebody asks.
func keepUp(ctx context.Context, sim *dosim.Server) {
	ticker := time.NewTicker(upkeep)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			sim.CatchUp()
		}
	}
}
