// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata

import (
	_ "embed" // the files that are the same on every machine
	"errors"
	"fmt"
	"net/url"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/cedros-io/open-spawn/internal/token"
)

// MaxBytes is how much DigitalOcean takes, less one: https://docs.digitalocean.com/reference/api (user_data, 64 KiB).
const MaxBytes = 64<<10 - 1

// SecretKey is the key of a Secret that holds user data.
const SecretKey = "userData"

// Where things are on a machine.
const (
	// AgentConfigPath is the agent's configuration.
	AgentConfigPath = "/etc/open-spawn/agent.yaml"
	caPath          = "/etc/open-spawn/gateway-ca.pem"
	installPath     = "/usr/local/lib/open-spawn/install-agent"
	unitPath        = "/etc/systemd/system/spawn-agent.service"
)

//go:embed install-agent
var installScript string

//go:embed spawn-agent.service
var unit string

// OpenClaw is how the agent runs OpenClaw where the image, or the first boot, has put it.
func OpenClaw() map[string]any {
	return map[string]any{
		"command":     "/opt/openclaw/node/bin/node",
		"args":        []string{"/opt/openclaw/app/node_modules/openclaw/openclaw.mjs", "gateway", "run"},
		"environment": map[string]string{"OPENCLAW_CONFIG_PATH": "/run/openclaw/config.json"},
		"directory":   "/run/openclaw",
		"healthURL":   "http://127.0.0.1:18789/readyz",
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
	// Runtime is what the agent runs, as in the agent's configuration.
	Runtime map[string]any
}

// cloudConfig is the part of https://cloudinit.readthedocs.io/en/latest/reference/modules.html that is used.
type cloudConfig struct {
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
	Runtime           map[string]any `json:"runtime"`
}

// Render is the user data of a machine.
func Render(m Machine) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("user data of machine %s: %w", m.Name, err)
	}
	config, err := yaml.Marshal(agentConfig{
		Machine: m.Name, Gateways: m.Gateways, GatewayCA: m.GatewayCA, RegistrationToken: m.Registration.Reveal(),
		Runtime: m.Runtime,
	})
	if err != nil {
		return nil, fmt.Errorf("writing the agent's configuration: %w", err)
	}
	c := cloudConfig{
		WriteFiles: []file{
			{AgentConfigPath, "0600", string(config)},
			{unitPath, "0644", unit},
		},
	}
	if len(m.AgentSHA256) == 0 {
		c.RunCommands = [][]string{{"systemctl", "daemon-reload"}, {"systemctl", "enable", "--now", "spawn-agent.service"}}
	} else {
		c.WriteFiles = append(c.WriteFiles, file{installPath, "0755", installScript})
		c.RunCommands = [][]string{
			append([]string{installPath, m.AgentSHA256["amd64"], m.AgentSHA256["arm64"]}, m.Gateways...),
		}
	}
	if m.GatewayCA != "" {
		c.WriteFiles = append(c.WriteFiles, file{caPath, "0644", m.GatewayCA})
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

// check finds what would leave a machine that nobody ever hears of.
func (m Machine) check() error {
	if m.Name == "" || m.Registration.Machine() != m.Name {
		return errors.New("the registration token is of another machine")
	}
	if err := checkGateways(m.Gateways); err != nil {
		return err
	}
	for _, architecture := range []string{"amd64", "arm64"} {
		if len(m.AgentSHA256) == 0 {
			break
		}
		if _, err := token.ParseHash(m.AgentSHA256[architecture]); err != nil {
			return fmt.Errorf("the agent for %s: %w", architecture, err)
		}
	}
	if m.GatewayCA != "" && !strings.Contains(m.GatewayCA, "-----BEGIN CERTIFICATE-----") {
		return errors.New("the gateway's CA holds no certificate in PEM")
	}
	return nil
}

func checkGateways(gateways []string) error {
	if len(gateways) == 0 {
		return errors.New("there is no gateway to call")
	}
	for _, gateway := range gateways {
		parsed, err := url.Parse(gateway)
		if err != nil || parsed.Scheme != "https" || parsed.Host == "" {
			return fmt.Errorf("gateway %q is no https URL", gateway)
		}
	}
	return nil
}
