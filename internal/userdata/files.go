// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata

import (
	"embed"
	"fmt"
)

// Where things are on a machine.
const (
	// AgentConfigPath is the agent's configuration.
	AgentConfigPath = "/etc/open-spawn/agent.yaml"
	// PlanPath is what the bootstrap is told of this machine, and BootstrapPath the bootstrap.
	PlanPath      = "/etc/open-spawn/bootstrap.conf"
	BootstrapPath = "/usr/local/lib/open-spawn/bootstrap"

	caPath       = "/etc/open-spawn/gateway-ca.pem"
	progressPath = "/run/open-spawn/bootstrap.json"
	units        = "/etc/systemd/system/"
)

const (
	readable   = "0644"
	executable = "0755"
	// secret is for root: the bootstrap lets the agent read it, when there is a user for that.
	secret = "0600"
)

//go:embed files
var files embed.FS

// fixed are the files that are the same on every machine.
func fixed() ([]file, error) {
	at := []file{
		{Path: BootstrapPath, Permissions: executable, Content: "bootstrap"},
		{Path: "/usr/local/lib/open-spawn/run-openclaw", Permissions: executable, Content: "run-openclaw"},
		{Path: "/usr/local/lib/open-spawn/check-openclaw", Permissions: executable, Content: "check-openclaw"},
		{Path: "/usr/local/lib/open-spawn/keep-state", Permissions: executable, Content: "keep-state"},
		{Path: "/etc/open-spawn/firewall.nft", Permissions: readable, Content: "firewall.nft"},
		{Path: "/etc/sysusers.d/open-spawn.conf", Permissions: readable, Content: "sysusers.conf"},
		{Path: "/etc/tmpfiles.d/open-spawn.conf", Permissions: readable, Content: "tmpfiles.conf"},
		{Path: "/etc/systemd/journald.conf.d/open-spawn.conf", Permissions: readable, Content: "journald.conf"},
		{Path: "/etc/ssh/sshd_config.d/00-open-spawn.conf", Permissions: readable, Content: "sshd.conf"},
		{Path: "/etc/apt/apt.conf.d/52open-spawn", Permissions: readable, Content: "upgrades.conf"},
	}
	for _, unit := range []string{
		"spawn-agent.service", "spawn-helper.socket", "spawn-helper@.service", "spawn-firewall.service",
		"spawn-bootstrap.service", "openclaw.service", "openclaw-validate.service", "openclaw-state@.service",
	} {
		at = append(at, file{Path: units + unit, Permissions: readable, Content: unit})
	}
	for i := range at {
		content, err := files.ReadFile("files/" + at[i].Content)
		if err != nil {
			return nil, fmt.Errorf("reading a file of every machine: %w", err)
		}
		at[i].Content = string(content)
	}
	return at, nil
}
