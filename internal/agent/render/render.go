// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package render makes a runtime's files from a config, and puts them where the runtime reads them.
package render

import (
	"context"
	"encoding/json"

	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// Runtime knows one kind of program that bots run.
type Runtime interface {
	// Render makes the files from the content of a config and the secrets that it names.
	Render(content json.RawMessage, secrets map[string]string) (Files, error)
	// Has tells whether a version of the program is on the machine.
	Has(version string) bool
	// Validate says what the runtime will not take of the files in a directory that it does not use yet.
	Validate(ctx context.Context, directory string) error
	// Program is what is to be started with the files that are in place.
	Program() (supervisor.Program, error)
	// Health tells whether it works; nil when it works as long as it runs.
	Health() supervisor.Health
	// Version is that of the program with the files that are in place; empty when there is only one.
	Version() string
	// Channels are how the services are by which people reach the bot; none when it does not say.
	Channels(ctx context.Context) ([]protocol.ChannelState, error)
}

// Files are all that a runtime reads.
type Files struct {
	// Runtime are those in the runtime's directory. They are put in place in this order: what tells the runtime to look
	// comes last.
	Runtime []File
	// Workspace are those that we keep in its workspace, by their path there. It may have others of its own.
	Workspace map[string][]byte
	// Version is that of the program that reads them; empty when there is only one.
	Version string
	// Remark is what a person should know of the config though it works; empty when there is nothing.
	Remark string
}

// File is one of the runtime's files.
type File struct {
	// Name is its name in the runtime's directory.
	Name string
	// Content is what is in it. Some of it may be secret.
	Content []byte
	// AtStart tells that the runtime reads it when it starts, and never again.
	AtStart bool
}
