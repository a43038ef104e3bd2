// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Default is the version of a bot that names none.
const Default = "2026.9.6"

// release is what is particular about a version of OpenClaw.
type release struct {
	version string
	// unused are plugins that come along and have no place in a bot.
	unused []string
}

// releases are the versions that there is a renderer for, the newest last. OpenClaw refuses what a version does not
// know: what we switch off has to be there.
var releases = []release{
	{"2026.9.5", unused},
	{"2026.9.6", append(slices.Clone(unused), "github")},
}

// unused come along with every version.
var unused = []string{
	"browser", "canvas", "cua-computer", "device-pair", "file-transfer", "geolocation", "linux-node", "ollama",
	"talk-voice",
}

// Supported are the versions that bots may run, the newest last.
func Supported() []string {
	var versions []string
	for _, r := range releases {
		versions = append(versions, r.version)
	}
	return versions
}

// releaseOf is an UnsupportedError for a version that there is no renderer for.
func releaseOf(version string) (release, error) {
	for _, r := range releases {
		if r.version == version {
			return r, nil
		}
	}
	return release{}, &UnsupportedError{version}
}

// UnsupportedError means that there is no renderer for a version.
type UnsupportedError struct{ Version string }

// Error implements error.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("spec.openclaw.version: OpenClaw %s is not supported; choose one of %s", e.Version,
		strings.Join(Supported(), ", "))
}

var versionPattern = regexp.MustCompile(`^20[0-9]{2}\.[0-9]{1,2}\.[0-9]{1,4}$`)

// IsVersion tells whether a text is the version of a release of OpenClaw, such as 2026.9.6.
func IsVersion(text string) bool { return versionPattern.MatchString(text) }

// Compare is negative when version a is before b, and positive when it is after. OpenClaw numbers its versions by year,
// month and release.
func Compare(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		if d := len(x) - len(y); d != 0 { // a longer number is a greater one
			return d
		}
		return strings.Compare(x, y)
	})
}
