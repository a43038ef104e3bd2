// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata

import (
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/cedros-io/open-spawn/internal/token"
)

// MaxBytes is how much DigitalOcean takes, less one: https://docs.digitalocean.com/reference/api (user_data, 64 KiB).
const MaxBytes = 64<<10 - 1

// SecretKey is the key of a Secret that holds user data.
const SecretKey = "userData"

// OpenClaw is how the agent runs OpenClaw where the image, or the bootstrap, has put it.
func OpenClaw() map[string]any {
	return map[string]any{
		"directory": "/run/openclaw",
		"helper":    "/run/open-spawn/helper.sock",
		"workspace": "/var/lib/openclaw/workspace",
		"openclaw": map[string]any{
			"node":     "/opt/openclaw/node/bin/node",
			"versions": "/opt/openclaw",
			"installs": "/var/lib/openclaw/versions",
			"state":    "/var/lib/openclaw/state",
			"home":     "/var/lib/openclaw/home",
			"port":     18789,
		},
	}
}

// Machine is what is particular about a machine.
type Machine struct {
	// Name is the machine's.
	Name string
	// Gateways are https URLs, at least one.
	Gateways []string
	// GatewayCA are certificates in PEM; empty when a public authority proves the gateway.
	GatewayCA string
	// Registration is the token.
	Registration token.Token
	// AgentSHA256 are the digests of the agent's builds, by architecture: amd64 and arm64. None at all means that the
	// image has an agent.
	AgentSHA256 map[string]string
	// Archive is Node and OpenClaw, and Mirror an https URL under which it is found by its name; gateways have it by its
	// digest.
	Archive Archive
	Mirror  string
	// Packages are names of Debian packages that are installed as well.
	Packages []string
	// Runtime is what the agent runs, as in the agent's configuration.
	Runtime map[string]any
}

// Archive is one version of OpenClaw with the Node that runs it: openclaw-VERSION-linux-ARCHITECTURE.tar.gz, as
// hack/openclaw/archive makes it.
type Archive struct {
	// Version of OpenClaw.
	Version string
	// SHA256 are the digests of its builds, by architecture: amd64 and arm64. None at all means that the image has it.
	SHA256 map[string]string
}

// cloudConfig is the part of https://cloudinit.readthedocs.io/en/latest/reference/modules.html that is used. Root is
// not disabled, which is about its keys: those for support are to be good.
type cloudConfig struct {
	DisableRoot     bool       `json:"disable_root"`
	SSHPasswordAuth bool       `json:"ssh_pwauth"`
	WriteFiles      []file     `json:"write_files"`
	RunCommands     [][]string `json:"runcmd"`
}

type file struct {
	Path        string `json:"path"`
	Permissions string `json:"permissions"`
	Content     string `json:"content"`
}

// agentConfig is the agent's, as internal/agent reads it.
type agentConfig struct {
	Machine           string         `json:"machine"`
	Gateways          []string       `json:"gateways"`
	GatewayCA         string         `json:"gatewayCA,omitempty"`
	RegistrationToken string         `json:"registrationToken"`
	BootstrapFile     string         `json:"bootstrapFile"`
	Runtime           map[string]any `json:"runtime"`
}

// Render is the user data of a machine.
func Render(m Machine) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("user data of machine %s: %w", m.Name, err)
	}
	config, err := yaml.Marshal(agentConfig{
		Machine: m.Name, Gateways: m.Gateways, GatewayCA: m.GatewayCA, RegistrationToken: m.Registration.Reveal(),
		BootstrapFile: progressPath, Runtime: m.Runtime,
	})
	if err != nil {
		return nil, fmt.Errorf("writing the agent's configuration: %w", err)
	}
	same, err := fixed()
	if err != nil {
		return nil, err
	}
	c := cloudConfig{
		WriteFiles: append([]file{{AgentConfigPath, secret, string(config)}, {PlanPath, readable, m.plan()}}, same...),
		RunCommands: [][]string{
			{"systemctl", "daemon-reload"}, {"systemctl", "enable", "spawn-bootstrap.service"},
			{"systemctl", "start", "--no-block", "spawn-bootstrap.service"},
		},
	}
	if m.GatewayCA != "" {
		c.WriteFiles = append(c.WriteFiles, file{caPath, readable, m.GatewayCA})
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("writing the cloud-config: %w", err)
	}
	data := append([]byte("#cloud-config\n"), text...)
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("user data of machine %s has %d bytes, and DigitalOcean takes %d", m.Name, len(data), MaxBytes)
	}
	return data, nil
}
