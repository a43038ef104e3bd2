// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
)

// The files of a Plain runtime.
const (
	ConfigFile = "config.json"
	EnvFile    = "runtime.env"
)

// reserved are variables by which a secret could change what runs. Bots may not name them either.
var reserved = regexp.MustCompile(`^(OPENCLAW_.*|NODE_.*|NPM_.*|LD_.*|PATH|HOME|TMPDIR|SHELL|USER|CI|DO_NOT_TRACK)$`)

var errNoObject = errors.New("the content of the config is no JSON object")

// Plain renders for a runtime that reads the content as it is, and finds its secrets in its environment.
type Plain struct{}

var _ Renderer = Plain{}

// Render implements Renderer.
func (Plain) Render(content json.RawMessage, secrets map[string]string) ([]File, error) {
	for name := range secrets {
		if reserved.MatchString(name) {
			return nil, fmt.Errorf("%s belongs to the runtime and can be no secret", name)
		}
	}
	env, err := supervisor.FormatEnv(secrets)
	if err != nil {
		return nil, fmt.Errorf("writing the secrets: %w", err)
	}
	return []File{{Name: EnvFile, Content: env, AtStart: true}, {Name: ConfigFile, Content: content}}, nil
}

// Validate implements Renderer.
func (Plain) Validate(_ context.Context, directory string) error {
	content, err := os.ReadFile(filepath.Join(directory, ConfigFile)) //nolint:gosec // where we have put it
	if err != nil {
		return fmt.Errorf("reading what is to be validated: %w", err)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(content, &object); err != nil || object == nil {
		return errNoObject
	}
	return nil
}
