// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package version is the version of the binary.
package version

// version is set by the linker: -X github.com/cedros-io/open-spawn/internal/version.version=v1.2.3.
var version = "dev"

// Version is what git called the commit that the binary was built from, or "dev".
func Version() string { return version }
