// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// validateWithin bounds a validation, which takes 4 s on one processor that is free. The helper has as long.
	validateWithin = 100 * time.Second
	// issuesTold is how many of what OpenClaw finds are told.
	issuesTold = 5
)

// issue is what OpenClaw finds wrong.
type issue struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// finding is what it says of a configuration.
type finding struct {
	Valid    bool    `json:"valid"`
	Issues   []issue `json:"issues"`
	Warnings []issue `json:"warnings"`
}

// Validate implements render.Runtime: it asks that version of OpenClaw which is to read the files. What it only warns
// of counts too: a bot that answers nobody works, as far as OpenClaw goes.
func (r *Runtime) Validate(ctx context.Context, directory string) error {
	at, err := r.program(directory)
	if err != nil {
		return err
	}
	ask := r.Ask
	if ask == nil {
		ask = func(ctx context.Context) ([]byte, error) { return r.run(ctx, at, directory) }
	}
	ctx, cancel := context.WithTimeout(ctx, validateWithin)
	defer cancel()
	output, err := ask(ctx)
	if ctx.Err() != nil {
		return fmt.Errorf("OpenClaw does not say within %s whether it takes the configuration: %w", validateWithin, ctx.Err())
	}
	var found finding
	if jsonErr := json.Unmarshal(output, &found); jsonErr != nil {
		return fmt.Errorf("OpenClaw does not say whether it takes the configuration: %w", errors.Join(err, jsonErr))
	}
	return found.err()
}

// run asks it as the same user.
func (r *Runtime) run(ctx context.Context, at program, directory string) ([]byte, error) {
	scratch, err := os.MkdirTemp(directory, "validate-")
	if err != nil {
		return nil, fmt.Errorf("making room to validate: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if err := at.showPlugins(directory, scratch); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, at.node, at.entry(), "config", "validate", "--json") //nolint:gosec // as configured
	environment := r.Environment()
	environment["OPENCLAW_STATE_DIR"] = scratch // it must not touch that of the one that runs
	environment["OPENCLAW_CONFIG_PATH"] = filepath.Join(directory, configFile)
	environment["HOME"] = scratch
	for name, value := range environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd.Output()
}

func (f finding) err() error {
	all := append(f.Issues, f.Warnings...)
	if f.Valid && len(all) == 0 {
		return nil
	}
	var says []string
	for _, i := range all[:min(len(all), issuesTold)] {
		says = append(says, i.Path+": "+i.Message)
	}
	if more := len(all) - len(says); more > 0 {
		says = append(says, fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("OpenClaw refuses openclaw.json: %s", strings.Join(says, "; "))
}
