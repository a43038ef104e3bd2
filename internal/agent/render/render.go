// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package render makes the runtime's files from a config, and puts them where the runtime reads them.
package render

import (
	"context"
	"encoding/json"
)

// Renderer knows the files of one runtime.
type Renderer interface {
	// Render makes the files from the content of a config and the secrets that it names. They are put in place in this
	// order: what tells the runtime to look comes last.
	Render(content json.RawMessage, secrets map[string]string) ([]File, error)
	// Validate says what the runtime will not take of the files in a directory that it does not use yet.
	Validate(ctx context.Context, directory string) error
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
