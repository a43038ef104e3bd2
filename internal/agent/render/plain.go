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
	"strings"

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
	variables := map[string]string{}
	for name, value := range secrets {
		variable := variableOf(name)
		if reserved.MatchString(variable) {
			return nil, fmt.Errorf("%s belongs to the runtime and can be no secret", variable)
		}
		if _, taken := variables[variable]; taken {
			return nil, fmt.Errorf("two secrets would be the variable %s", variable)
		}
		variables[variable] = value
	}
	env, err := supervisor.FormatEnv(variables)
	if err != nil {
		return nil, fmt.Errorf("writing the secrets: %w", err)
	}
	return []File{{Name: EnvFile, Content: env, AtStart: true}, {Name: ConfigFile, Content: content}}, nil
}

// variableOf is the environment variable of a secret: a credential names its own, and others bear the name under which
// the config knows them.
func variableOf(secret string) string {
	if variable, is := strings.CutPrefix(secret, "credential/"); is {
		return variable
	}
	return "BOT_SECRET_" + strings.ToUpper(strings.ReplaceAll(secret, "/", "_"))
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
