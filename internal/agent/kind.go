// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"maps"
	"path/filepath"
	"slices"

	"github.com/cedros-io/open-spawn/internal/agent/openclaw"
	"github.com/cedros-io/open-spawn/internal/agent/render"
	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
)

// OpenClaw is where OpenClaw is on the machine.
type OpenClaw struct {
	// Node is the program that runs it, and Versions the directory in which each version has one of its own.
	Node     string `yaml:"node"`
	Versions string `yaml:"versions"`
	// State is where it remembers, and Home where all else goes that it writes.
	State string `yaml:"state"`
	Home  string `yaml:"home"`
	// Port is where it listens on loopback.
	Port int `yaml:"port"`
}

func (o *OpenClaw) isComplete() bool {
	absolute := true
	for _, path := range []string{o.Node, o.Versions, o.State, o.Home} {
		absolute = absolute && filepath.IsAbs(path)
	}
	return absolute && o.Port > 0 && o.Port < 1<<16
}

func (r *Runtime) takesHelper() bool {
	return r.Helper == "" || r.OpenClaw != nil && filepath.IsAbs(r.Helper)
}

// kind is the runtime, and its environment besides its secrets. The token is that of OpenClaw's own gateway.
func (r *Runtime) kind(token string) (render.Runtime, []string) {
	if r.OpenClaw == nil {
		return render.Plain{Command: r.Command, Args: r.Args, HealthURL: r.HealthURL}, list(r.Environment)
	}
	runtime := openclaw.New(openclaw.Options{
		Node: r.OpenClaw.Node, Versions: r.OpenClaw.Versions, State: r.OpenClaw.State, Home: r.OpenClaw.Home,
		Directory: r.Directory, Workspace: r.Workspace, Port: r.OpenClaw.Port, Token: token,
	})
	environment := runtime.Environment()
	maps.Copy(environment, r.Environment)
	return runtime, list(environment)
}

// reload is how it takes up another config.
func (r *Runtime) reload() supervisor.Renewal {
	if r.OpenClaw != nil {
		return supervisor.Watch
	}
	return r.Reload
}

func list(environment map[string]string) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		all = append(all, name+"="+environment[name])
	}
	return all
}
