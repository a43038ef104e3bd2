// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// Place is where OpenClaw is on a machine.
type Place struct {
	// State is the directory in which it remembers, and Workspace the one in which its agent works.
	State, Workspace string
	// Port is where it listens, on loopback only.
	Port int
	// TelegramAPI is a Bot API server to be used in the place of Telegram's own. No Bot can say it: it sees the bot's
	// token and all that is said.
	TelegramAPI string
}

// Rendered is all that OpenClaw reads.
type Rendered struct {
	// Config is openclaw.json.
	Config []byte
	// Environment are the variables with the secrets, by name.
	Environment map[string]string
	// Workspace are the files that we keep in the workspace, by their path in it.
	Workspace map[string][]byte
	// Ignored are the paths in spec.openclaw.config that open-spawn sets itself, or lets nobody set, and the skills of
	// spec.skills, which are not installed.
	Ignored []string
}

// Render makes what a version of OpenClaw reads. An error names the field of the Bot that is to be mended.
func Render(c *protocol.BotConfig, secrets map[string]string, at Place) (*Rendered, error) {
	r, err := releaseOf(c.OpenClaw.Version)
	if err != nil {
		return nil, err
	}
	variables, err := Environment(secrets)
	if err != nil {
		return nil, err
	}
	theirs, ignored, err := permitted(c)
	if err != nil {
		return nil, err
	}
	ours, err := config(c, r, at)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(over(theirs, ours)); err != nil {
		return nil, fmt.Errorf("writing openclaw.json: %w", err)
	}
	files, err := workspace(c)
	if err != nil {
		return nil, err
	}
	return &Rendered{
		Config: text.Bytes(), Environment: variables, Workspace: files, Ignored: append(ignored, notInstalled(c)...),
	}, nil
}

// over lays ours over theirs: where both say something ours counts, unless both are objects.
func over(theirs, ours map[string]any) map[string]any {
	all := make(map[string]any, len(theirs)+len(ours))
	for key, value := range theirs {
		all[key] = value
	}
	for key, value := range ours {
		below, isObject := all[key].(map[string]any)
		above, too := value.(map[string]any)
		if isObject && too {
			value = over(below, above)
		}
		all[key] = value
	}
	return all
}

// in is a path in the state directory.
func (p Place) in(parts ...string) string { return path.Join(append([]string{p.State}, parts...)...) }
