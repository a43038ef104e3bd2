// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// buildProgress is how often a long build says how far it is.
	buildProgress = 5 * time.Second
	// buildComplaint is how many of the last lines of a failed build are shown.
	buildComplaint = 30
)

// Root finds the repository's root, at the working directory or above it.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "hack", "controlplane", "go.mod")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("finding the repository: run this from a checkout of open-spawn")
		}
		dir = filepath.Dir(dir)
	}
}

// Build builds the programs into bin/ as `make build` does, and says how far it is.
func Build(ctx context.Context, root string, say func(format string, args ...any)) error {
	say("building manager, gateway, agent and dosim into bin/")
	return BuildInto(ctx, root, "bin/", say)
}

// BuildInto is Build into another directory, which is made if there is none.
func BuildInto(ctx context.Context, root, dir string, say func(format string, args ...any)) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("building the programs: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-v", //nolint:gosec // the directory is ours
		"-trimpath", "-ldflags", "-s -w", "-o", dir, "./cmd/...")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	output, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("building the programs: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("building the programs: %w", err)
	}
	var packages atomic.Int64
	stop := tell(func() { say("building: %d packages compiled so far", packages.Load()) })
	last := readLines(output, &packages)
	stop()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("building the programs: %w\n%s", err, strings.Join(last, "\n"))
	}
	return nil
}

// tell reports again and again until it is stopped.
func tell(report func()) (stop func()) {
	done, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		ticker := time.NewTicker(buildProgress)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				report()
			}
		}
	}()
	return func() { close(done); <-told }
}

// readLines counts the lines, of which a build prints one for each package, and keeps the last of them.
func readLines(from io.Reader, count *atomic.Int64) []string {
	var last []string
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		count.Add(1)
		last = append(last, lines.Text())
		last = last[max(0, len(last)-buildComplaint):]
	}
	return last
}
