// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"context"
	"fmt"
	"io"
	"os"
)

const (
	validation = "openclaw-validate.service"
	// validationFile is where systemd writes what the validation prints, of which maxValidation bytes are told.
	validationFile = "/run/open-spawn/validation.json"
	maxValidation  = 64 << 10
)

// validate runs the unit, and answers what it printed.
func (m machine) validate(ctx context.Context) ([]byte, error) {
	if err := m.finish(ctx, validation); err != nil {
		return nil, err
	}
	file, err := os.Open(m.root + validationFile)
	if err != nil {
		return nil, fmt.Errorf("reading what the validation says: %w", err)
	}
	defer func() { _ = file.Close() }()
	said, err := io.ReadAll(io.LimitReader(file, maxValidation))
	if err != nil {
		return nil, fmt.Errorf("reading what the validation says: %w", err)
	}
	return said, nil
}

// finish runs a unit that ends by itself, and says what it said if that went wrong.
func (m machine) finish(ctx context.Context, unit string) error {
	output, err := m.run(ctx, []string{systemctl, "start", unit})
	if err == nil {
		return nil
	}
	s, id, showErr := m.show(ctx, unit)
	if showErr != nil || id == "" {
		return fmt.Errorf("starting %s: %w: %s", unit, err, output)
	}
	return fmt.Errorf("%s has failed: %s, exit code %d: %s", unit, s.Result, s.ExitCode, m.said(ctx, id))
}
