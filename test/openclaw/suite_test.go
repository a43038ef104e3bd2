// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package openclaw proves what the agent does when the real OpenClaw, as npm installs it, does not do what it is to do;
// test/e2e has all the rest. It needs `make openclaw`, and says so where that has not been run.
package openclaw

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// installed is where `make openclaw` puts Node and OpenClaw; empty when it has not.
var installed string

func TestMain(m *testing.M) {
	directory, err := filepath.Abs("../../bin/openclaw")
	if err == nil {
		_, err = os.Stat(filepath.Join(directory, "2026.9.6", ".installed"))
	}
	if err == nil {
		installed = directory
	} else {
		fmt.Fprintln(os.Stderr, "OpenClaw is not installed, so it is not tested; `make openclaw` installs it:", err)
	}
	os.Exit(m.Run())
}

func needsOpenClaw(t *testing.T) {
	t.Helper()
	if installed == "" {
		t.Skip("OpenClaw is not installed: run make openclaw")
	}
}
