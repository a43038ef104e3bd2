// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cedros-io/open-spawn/internal/agent/client"
	"github.com/cedros-io/open-spawn/internal/agent/state"
	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
	"github.com/cedros-io/open-spawn/internal/token"
)

// metadataURL is where DigitalOcean tells a machine its id.
const metadataURL = "http://169.254.169.254/metadata/v1/id"

// Config is what the agent is told on its machine. The user data writes it as YAML, and cmd/agent reads it.
type Config struct {
	// Machine is the name of the machine.
	Machine string `yaml:"machine"`
	// Gateways are the URLs to begin with, and GatewayCA the certificates in PEM that prove them; without those they are
	// proven as any web server is.
	Gateways  []string `yaml:"gateways"`
	GatewayCA string   `yaml:"gatewayCA"`
	// RegistrationToken is worth one registration. It may go once the machine has registered: it is kept nowhere else.
	RegistrationToken string `yaml:"registrationToken"`
	// InstanceID is the cloud's id of the machine. When it is 0, InstanceIDURL says it; that is DigitalOcean's by default.
	InstanceID    int64  `yaml:"instanceID"`
	InstanceIDURL string `yaml:"instanceIDURL"`
	// BootID is that of this boot, where many machines share a kernel; unset, it is the kernel's.
	BootID string `yaml:"bootID"`
	// StateDirectory is where the agent keeps what it must not forget.
	StateDirectory string `yaml:"stateDirectory"`
	// BootstrapFile is where the bootstrap of the machine says how far it is; it is gone when that is done.
	BootstrapFile string `yaml:"bootstrapFile"`
	// Runtime is what it runs.
	Runtime Runtime `yaml:"runtime"`
}

// Runtime is the program that the agent runs. Its files, of which some are secret, are written into Directory, which is
// also where it works; on a machine that is in memory.
type Runtime struct {
	// OpenClaw is set when that is the program. Command, Args and HealthURL are those of any other.
	OpenClaw    *OpenClaw         `yaml:"openclaw"`
	Command     string            `yaml:"command"`
	Args        []string          `yaml:"args"`
	Environment map[string]string `yaml:"environment"`
	Directory   string            `yaml:"directory"`
	// Helper is the socket by which root runs OpenClaw as a unit of systemd; without one it is a child of the agent.
	Helper string `yaml:"helper"`
	// Workspace is where its agent works; without one there is none.
	Workspace string `yaml:"workspace"`
	// HealthURL says 200 when it works; without one it works when it has run for HealthyAfterSeconds (10).
	HealthURL           string `yaml:"healthURL"`
	HealthyAfterSeconds int32  `yaml:"healthyAfterSeconds"`
	// StartSeconds (300) is how long it has to work with another config before the config is said to be bad.
	StartSeconds int32 `yaml:"startSeconds"`
	// RestartSeconds (60) is the least time between two starts when it ends by itself.
	RestartSeconds int32 `yaml:"restartSeconds"`
	// StopSeconds (20) is how long it has to end before it is started with another config.
	StopSeconds int32 `yaml:"stopSeconds"`
	// Reload is how it takes up another config: Restart, Signal for SIGHUP, or Watch when it looks by itself. What it
	// reads at a start only, such as a secret in its environment, restarts it always. OpenClaw looks by itself.
	Reload supervisor.Renewal `yaml:"reload"`
}

// ParseConfig reads the YAML. What it does not know it refuses: a name that is misspelt is not meant to do nothing.
func ParseConfig(content []byte) (Config, error) {
	c := Config{
		InstanceIDURL: metadataURL, StateDirectory: "/var/lib/spawn-agent",
		Runtime: Runtime{
			HealthyAfterSeconds: 10, StartSeconds: 300, RestartSeconds: 60, StopSeconds: 20, Reload: supervisor.Restart,
		},
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("reading the configuration: %w", err)
	}
	return c, c.validate()
}

func (c *Config) validate() error {
	var failures []error
	require := func(ok bool, says string) {
		if !ok {
			failures = append(failures, errors.New(says))
		}
	}
	r := c.Runtime
	require(c.Machine != "", "machine is missing")
	require(c.InstanceID > 0 || c.InstanceID == 0 && c.InstanceIDURL != "", "instanceID or instanceIDURL is missing")
	require(filepath.IsAbs(c.StateDirectory), "stateDirectory is no absolute path")
	require(c.BootstrapFile == "" || filepath.IsAbs(c.BootstrapFile), "bootstrapFile is no absolute path")
	require((r.Command != "") != (r.OpenClaw != nil), "runtime.command or runtime.openclaw is missing, or both are there")
	require(r.OpenClaw == nil || r.OpenClaw.isComplete() && r.Workspace != "", "runtime.openclaw lacks a path or its port")
	require(r.takesHelper(), "runtime.helper is no absolute path, or there is no runtime.openclaw")
	require(filepath.IsAbs(r.Directory), "runtime.directory is no absolute path")
	require(min(r.HealthyAfterSeconds, r.StartSeconds, r.RestartSeconds, r.StopSeconds) > 0, "seconds are more than 0")
	require(slices.Contains([]supervisor.Renewal{supervisor.Restart, supervisor.Signal, supervisor.Watch}, r.Reload),
		"runtime.reload is Restart, Signal or Watch")
	if c.RegistrationToken != "" {
		t, err := token.Parse(token.Registration, c.RegistrationToken)
		require(err == nil && t.Machine() == c.Machine, "registrationToken is none of this machine")
	}
	if err := client.Check(c.route()); err != nil {
		failures = append(failures, fmt.Errorf("gateways: %w", err))
	}
	return errors.Join(failures...)
}

func (c *Config) route() state.Route { return state.Route{URLs: c.Gateways, CA: c.GatewayCA} }

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
