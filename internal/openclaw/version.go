// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"fmt"
	"slices"
	"strings"
)

// Default is the version of a bot that names none.
const Default = "2026.9.6"

// versions are those that there is a renderer for.
var versions = []string{"2026.9.5", Default}

// Supported are the versions that bots may run, the newest last.
func Supported() []string { return slices.Clone(versions) }

// UnsupportedError means that there is no renderer for a version.
type UnsupportedError struct{ Version string }

// Error implements error.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("spec.openclaw.version: OpenClaw %s is not supported; choose one of %s", e.Version,
		strings.Join(versions, ", "))
}
