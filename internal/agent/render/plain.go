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

	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
	"github.com/cedros-io/open-spawn/internal/openclaw"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// The files of a Plain runtime.
const (
	ConfigFile = "config.json"
	EnvFile    = "runtime.env"
)

var errNoObject = errors.New("the content of the config is no JSON object")

// Plain is a runtime that reads the content as it is, and finds its secrets in its environment.
type Plain struct {
	// Command and Args are the program.
	Command string
	Args    []string
	// HealthURL says 200 when it works. Without one it works as long as it runs.
	HealthURL string
}

var _ Runtime = Plain{}

// Render implements Runtime.
func (Plain) Render(content json.RawMessage, secrets map[string]string) (Files, error) {
	variables, err := openclaw.Environment(secrets)
	if err != nil {
		return Files{}, err
	}
	env, err := supervisor.FormatEnv(variables)
	if err != nil {
		return Files{}, fmt.Errorf("writing the secrets: %w", err)
	}
	return Files{Runtime: []File{
		{Name: EnvFile, Content: env, AtStart: true}, {Name: ConfigFile, Content: content},
	}}, nil
}

// Has implements Runtime.
func (Plain) Has(string) bool { return true }

// Version implements Runtime.
func (Plain) Version() string { return "" }

// Channels implements Runtime.
func (Plain) Channels(context.Context) ([]protocol.ChannelState, error) { return nil, nil }

// Program implements Runtime.
func (p Plain) Program() (supervisor.Program, error) {
	return supervisor.Program{Command: p.Command, Args: p.Args}, nil
}

// Health implements Runtime.
func (p Plain) Health() supervisor.Health {
	if p.HealthURL == "" {
		return nil
	}
	return supervisor.SaysOK(p.HealthURL)
}

// Validate implements Runtime.
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
