// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/cedros-io/open-spawn/internal/agent/client"
	"github.com/cedros-io/open-spawn/internal/agent/facts"
	"github.com/cedros-io/open-spawn/internal/agent/helper"
	"github.com/cedros-io/open-spawn/internal/agent/install"
	"github.com/cedros-io/open-spawn/internal/agent/memory"
	"github.com/cedros-io/open-spawn/internal/agent/openclaw"
	"github.com/cedros-io/open-spawn/internal/agent/render"
	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
)

// OpenClaw is where OpenClaw is on the machine.
type OpenClaw struct {
	// Node is the program that runs it, and Versions the directory in which each version has one of its own.
	Node     string `yaml:"node"`
	Versions string `yaml:"versions"`
	// Installs is where the agent puts further versions; without it the machine has those that it came with.
	Installs string `yaml:"installs"`
	// State is where it remembers, and Home where all else goes that it writes.
	State string `yaml:"state"`
	Home  string `yaml:"home"`
	// Port is where it listens on loopback.
	Port int `yaml:"port"`
	// TelegramAPI is a Bot API server in the place of Telegram's own: that of the machine's owner, or of a test.
	TelegramAPI string `yaml:"telegramAPI"`
}

func (o *OpenClaw) isComplete() bool {
	absolute := true
	for _, path := range []string{o.Node, o.Versions, o.State, o.Home} {
		absolute = absolute && filepath.IsAbs(path)
	}
	absolute = absolute && (o.Installs == "" || filepath.IsAbs(o.Installs))
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
		Installs: r.OpenClaw.Installs, TelegramAPI: r.OpenClaw.TelegramAPI, Ask: r.ask(),
	})
	environment := runtime.Environment()
	maps.Copy(environment, r.Environment)
	return runtime, list(environment)
}

// store is where further versions of the runtime are installed from gateways.
func (r *Runtime) store(from *client.Client) install.Store {
	store := install.Store{
		Download: func(ctx context.Context, digest, path string) error {
			return from.Download(ctx, digest, install.MaxArchive, path)
		},
		Free: func(path string) (int64, error) {
			disk, err := facts.Disk(path)
			return disk.FreeBytes, err
		},
	}
	if r.OpenClaw != nil {
		store.Directory = r.OpenClaw.Installs
	}
	return store
}

// memory is what the runtime remembers; nil where there is one version only. What belongs to another user, the helper
// keeps.
func (r *Runtime) memory() memory.Memory {
	switch {
	case r.OpenClaw == nil:
		return nil
	case r.Helper != "":
		return helper.Client{Path: r.Helper}
	}
	return memory.Directory(r.OpenClaw.State)
}

// ask has OpenClaw say what it makes of the files that wait; nil where the agent asks it itself.
func (r *Runtime) ask() func(context.Context) ([]byte, error) {
	if r.Helper == "" {
		return nil
	}
	return helper.Client{Path: r.Helper}.Validate
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
