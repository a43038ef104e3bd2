// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"fmt"
	"regexp"
	"strings"
)

// reserved are variables by which a secret could change what runs. Bots may not name them either.
var reserved = regexp.MustCompile(`^(OPENCLAW_.*|NODE_.*|NPM_.*|LD_.*|PATH|HOME|TMPDIR|SHELL|USER|CI|DO_NOT_TRACK)$`)

// Environment are the variables that hold secrets, by name.
func Environment(secrets map[string]string) (map[string]string, error) {
	variables := make(map[string]string, len(secrets))
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
	return variables, nil
}

// variableOf is the environment variable of a secret: a credential names its own, and others bear the name under which
// the config knows them.
func variableOf(secret string) string {
	if variable, is := strings.CutPrefix(secret, "credential/"); is {
		return variable
	}
	return "BOT_SECRET_" + strings.ToUpper(strings.ReplaceAll(secret, "/", "_"))
}

// reference is how openclaw.json names a secret: a literal would be in a file, and "${NAME}" is something made up when
// there is no such variable.
func reference(variable string) map[string]any {
	return map[string]any{"source": "env", "provider": "default", "id": variable}
}
