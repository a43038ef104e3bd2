// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata

import (
	"fmt"
	"strings"
)

// plan is what the bootstrap reads: a word and its values on each line. All of it was checked to be words.
func (m Machine) plan() string {
	var b strings.Builder
	for _, gateway := range m.Gateways {
		fmt.Fprintln(&b, "gateway", strings.TrimRight(gateway, "/"))
	}
	for _, architecture := range architectures() {
		if digest := m.AgentSHA256[architecture]; digest != "" {
			fmt.Fprintln(&b, "agent", architecture, digest)
		}
	}
	if m.Mirror != "" {
		fmt.Fprintln(&b, "mirror", strings.TrimRight(m.Mirror, "/"))
	}
	for _, architecture := range architectures() {
		if digest := m.Archive.SHA256[architecture]; digest != "" {
			fmt.Fprintln(&b, "archive", m.Archive.Version, architecture, digest)
		}
	}
	for _, name := range m.Packages {
		fmt.Fprintln(&b, "package", name)
	}
	return b.String()
}
