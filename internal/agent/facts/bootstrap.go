// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

const (
	// maxProgress is more than the bootstrap writes.
	maxProgress = 8 << 10
	// maxStep and maxWords are what the protocol takes.
	maxStep, maxWords = 64, 1024
)

var errNoStep = errors.New("it names no step")

// Bootstrap is how far the machine is set up: the step that the bootstrap says it is at, and nil when there is no such
// file, because it is done.
func Bootstrap(path string) (*protocol.BootstrapStep, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no bootstrap, no step
	}
	file, err := os.Open(filepath.Clean(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // as above
	}
	if err != nil {
		return nil, fmt.Errorf("looking how far the machine is set up: %w", err)
	}
	defer func() { _ = file.Close() }()
	var step protocol.BootstrapStep
	if err := json.NewDecoder(io.LimitReader(file, maxProgress)).Decode(&step); err != nil {
		return nil, fmt.Errorf("reading how far the machine is set up: %w", err)
	}
	if step.Name == "" {
		return nil, fmt.Errorf("reading how far the machine is set up: %w", errNoStep)
	}
	step.Name, step.Message = clip(step.Name, maxStep), clip(step.Message, maxWords)
	return &step, nil
}

// clip leaves at most so many bytes of a text, and no half of a character.
func clip(text string, most int) string {
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}
