// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package openclaw runs OpenClaw: where its versions are on a machine, what it says of a configuration before that is
// used, and whether it works. What it reads is made by internal/openclaw.
package openclaw

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/cedros-io/open-spawn/internal/agent/install"
	"github.com/cedros-io/open-spawn/internal/agent/render"
	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
	reads "github.com/cedros-io/open-spawn/internal/openclaw"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// The files in the runtime's directory.
const (
	configFile  = "openclaw.json"
	versionFile = "version"
)

var errNoVersion = errors.New("no version of OpenClaw is in place")

// Options are what a Runtime needs to know.
type Options struct {
	// Node is the program that runs OpenClaw.
	Node string
	// Versions is the directory with a directory for each version of OpenClaw, as npm has installed it there.
	Versions string
	// Installs is where further versions are, each with a Node of its own, as install.Store puts them there.
	Installs string
	// Ask has OpenClaw, as its own user, say what it makes of the files that wait; nil where there is no other user.
	Ask func(context.Context) ([]byte, error)
	// Directory is that of the runtime's files, State where OpenClaw remembers, Workspace where its agent works, and Home
	// where all else goes.
	Directory, State, Workspace, Home string
	// Port is where it listens on loopback.
	Port int
	// Token is that of OpenClaw's own gateway: whoever has it may do anything with the bot.
	Token string
	// TelegramAPI is a Bot API server to be used in the place of Telegram's own.
	TelegramAPI string
}

// Runtime is OpenClaw.
type Runtime struct {
	Options

	asks *rpc
}

var _ render.Runtime = (*Runtime)(nil)

// New is OpenClaw with these options.
func New(o Options) *Runtime { return &Runtime{Options: o, asks: newRPC(o.Port, o.Token)} }

// Render implements render.Runtime.
func (r *Runtime) Render(content json.RawMessage, secrets map[string]string) (render.Files, error) {
	var config protocol.BotConfig
	if err := json.Unmarshal(content, &config); err != nil {
		return render.Files{}, fmt.Errorf("reading the config: %w", err)
	}
	rendered, err := reads.Render(&config, secrets, reads.Place{
		State: r.State, Workspace: r.Workspace, Port: r.Port, TelegramAPI: r.TelegramAPI,
	})
	if err != nil {
		return render.Files{}, err
	}
	variables := maps.Clone(rendered.Environment)
	variables[reads.TokenVariable] = r.Token
	env, err := supervisor.FormatEnv(variables)
	if err != nil {
		return render.Files{}, fmt.Errorf("writing the secrets: %w", err)
	}
	return render.Files{
		Runtime: []render.File{
			{Name: versionFile, Content: []byte(config.OpenClaw.Version), AtStart: true},
			{Name: pluginsFile, Content: pluginList(&config), AtStart: true},
			{Name: render.EnvFile, Content: env, AtStart: true},
			{Name: configFile, Content: rendered.Config},
		},
		Workspace: rendered.Workspace, Version: config.OpenClaw.Version, Remark: remark(rendered.Ignored),
	}, nil
}

// remark says what of spec.openclaw.config counts for nothing.
func remark(ignored []string) string {
	if len(ignored) == 0 {
		return ""
	}
	return "spec.openclaw.config: open-spawn decides on " + strings.Join(ignored, ", ") + ", and what is written there " +
		"counts for nothing"
}

// Environment is what OpenClaw finds in its environment besides its secrets. It is run by somebody else, who also says
// what it reads: it updates nothing, calls nobody but its model and its channels, and writes no configuration.
func (r *Runtime) Environment() map[string]string {
	return map[string]string{
		"HOME": r.Home, "LANG": "C.UTF-8", "NODE_ENV": "production",
		"PATH":                     filepath.Dir(r.Node) + ":/usr/local/bin:/usr/bin:/bin",
		"OPENCLAW_STATE_DIR":       r.State,
		"OPENCLAW_CONFIG_PATH":     filepath.Join(r.Directory, configFile),
		"OPENCLAW_SUPERVISOR_MODE": "external", "OPENCLAW_CONFIG_READONLY": "1", "OPENCLAW_NO_AUTO_UPDATE": "1",
		"OPENCLAW_OFFLINE": "1", "OPENCLAW_DISABLE_BONJOUR": "1", "DO_NOT_TRACK": "1",
	}
}

// Has implements render.Runtime.
func (r *Runtime) Has(version string) bool {
	_, err := r.find(version)
	return err == nil
}

// Version implements render.Runtime.
func (r *Runtime) Version() string {
	is, err := version(r.Directory)
	if err != nil {
		return ""
	}
	return is
}

// Program implements render.Runtime.
func (r *Runtime) Program() (supervisor.Program, error) {
	at, err := r.program(r.Directory)
	return at.withPlugins(r.Directory, "gateway", "run"), err
}

// version is the one that the files in a directory are for.
func version(directory string) (string, error) {
	content, err := os.ReadFile(filepath.Join(directory, versionFile)) //nolint:gosec // in the runtime's directory
	if err != nil {
		return "", errors.Join(errNoVersion, err)
	}
	return strings.TrimSpace(string(content)), nil
}

// program is that of a version: the Node that runs it, and the directory in which OpenClaw and its plugins are.
type program struct{ node, home string }

func (p program) entry() string {
	return filepath.Join(p.home, "node_modules", "openclaw", "openclaw.mjs")
}

// program is the one that the files in a directory are for.
func (r *Runtime) program(directory string) (program, error) {
	wanted, err := version(directory)
	if err != nil {
		return program{}, err
	}
	return r.find(wanted)
}

// find looks first for what the machine came with.
func (r *Runtime) find(version string) (program, error) {
	if !reads.IsVersion(version) {
		return program{}, fmt.Errorf("%q is no version of OpenClaw", version)
	}
	came := program{r.Node, filepath.Join(r.Versions, version)}
	added := install.Store{Directory: r.Installs}.Path(version)
	later := program{filepath.Join(added, install.Node), filepath.Join(added, version)}
	for _, at := range []program{came, later} {
		if _, err := os.Stat(at.entry()); err == nil {
			return at, nil
		}
	}
	return program{}, fmt.Errorf("OpenClaw %s is not installed", version)
}
