// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/agent/update"
)

// installed is the variable by which a build knows the one that root has installed, which has chosen it.
const installed = "OPEN_SPAWN_INSTALLED_AGENT"

// build is what this process runs.
type build struct {
	// digest is its own, and installed the path of the one that root has installed.
	digest, installed string
	stateDirectory    string
	log               *slog.Logger
}

// chosen returns when this build is the one that is to run, and otherwise has that take its place.
func chosen(ctx context.Context, stateDirectory string, log *slog.Logger) (*build, error) {
	b := &build{installed: os.Getenv(installed), stateDirectory: stateDirectory, log: log}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	if b.digest, err = update.Digest(self); err != nil {
		return nil, err
	}
	if b.installed != "" {
		return b, nil
	}
	b.installed = self
	builds := update.In(stateDirectory)
	choice := builds.Choose(b.digest, log)
	if choice.Path == "" {
		return b, nil
	}
	guard, err := b.guard(ctx, choice)
	if err == nil {
		err = b.become(choice.Path, append(environment(), installed+"="+self))
	}
	log.Error("a build of the agent cannot be started, and the installed one runs", "build", choice.Digest, "error", err)
	if guard != nil {
		_ = guard.Kill()
		_, _ = guard.Wait()
	}
	if choice.OnTrial {
		err = builds.Fail(choice.Digest, "it cannot be started")
	}
	return b, err
}

// guard has a process of this build watch over one that is on trial.
func (b *build) guard(ctx context.Context, choice update.Choice) (*os.Process, error) {
	if !choice.OnTrial {
		return nil, nil
	}
	forever := context.WithoutCancel(ctx) // its time begins when ours ends

	cmd := exec.CommandContext(forever, b.installed, "guard", b.stateDirectory, choice.Digest) //nolint:gosec // ourselves
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a guard: %w", err)
	}
	return cmd.Process, nil
}

// restart has the installed build decide anew.
func (b *build) restart() error { return b.become(b.installed, environment()) }

// become returns only when it fails.
func (b *build) become(path string, env []string) error {
	return fmt.Errorf("becoming %s: %w", path, syscall.Exec(path, os.Args, env)) //nolint:gosec // a build of the agent
}

// environment is ours, without what is for this build only.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, installed+"=")
	})
}

// watch is the guard's process.
func watch(ctx context.Context, args []string, log *slog.Logger) error {
	return update.In(args[0]).Guard(ctx, args[1], clock.RealClock{}, log)
}
