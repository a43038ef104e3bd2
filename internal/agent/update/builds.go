// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package update

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

const (
	// directory is that of the builds, in the agent's state directory, and record what is remembered of them.
	directory = "agents"
	record    = "builds.json"
	// MaxStarts is how often a build is started that was never proven.
	MaxStarts = 2
)

// Builds are the builds of the agent in a state directory.
type Builds struct{ path string }

// In are those of an agent with that state directory.
func In(stateDirectory string) Builds { return Builds{filepath.Join(stateDirectory, directory)} }

// memory is what is remembered. Each build is named by its digest; an empty name is the one that root has installed.
type memory struct {
	// Current was proven last, and Previous before it.
	Current  string `json:"current,omitempty"`
	Previous string `json:"previous,omitempty"`
	// Trial is on trial, and Starts how often it was started.
	Trial  string `json:"trial,omitempty"`
	Starts int    `json:"starts,omitempty"`
	// Failed was on trial and is not tried again, and Why is what is known of that.
	Failed string `json:"failed,omitempty"`
	Why    string `json:"why,omitempty"`
}

// fail ends a trial.
func (m *memory) fail(why string) { m.Failed, m.Why, m.Trial, m.Starts = m.Trial, why, "", 0 }

// file is where a build is.
func (b Builds) file(digest string) string { return filepath.Join(b.path, digest) }

// load is what is remembered; nothing when that is torn, because then the installed build is as good as any.
func (b Builds) load() memory {
	var m memory
	content, err := os.ReadFile(b.file(record))
	if err != nil || json.Unmarshal(content, &m) != nil {
		return memory{}
	}
	return m
}

// save remembers, so that what is remembered is the old or the new at any moment.
func (b Builds) save(m memory) error {
	content, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("remembering builds: %w", err)
	}
	if err := os.MkdirAll(b.path, 0o700); err != nil {
		return fmt.Errorf("making room for builds: %w", err)
	}
	next := b.file(record + ".next")
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return fmt.Errorf("remembering builds: %w", err)
	}
	if err := errors.Join(sync(next), os.Rename(next, b.file(record)), sync(b.path)); err != nil {
		return fmt.Errorf("remembering builds: %w", err)
	}
	return nil
}

// clean removes all but those that are of use.
func (b Builds) clean(m memory) error {
	entries, err := os.ReadDir(b.path)
	if err != nil {
		return fmt.Errorf("looking for old builds: %w", err)
	}
	var failures []error
	for _, entry := range entries {
		if !slices.Contains([]string{record, m.Current, m.Previous, m.Trial}, entry.Name()) {
			failures = append(failures, os.RemoveAll(b.file(entry.Name())))
		}
	}
	return errors.Join(failures...)
}

// has tells whether there is a build that is what its name says.
func (b Builds) has(digest string) bool {
	is, err := Digest(b.file(digest))
	return err == nil && is == digest
}

// Digest is that of a file.
func Digest(path string) (string, error) {
	file, err := os.Open(path) //nolint:gosec // a build, or this very program
	if err != nil {
		return "", fmt.Errorf("reading a build: %w", err)
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("reading a build: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func sync(path string) error {
	file, err := os.Open(path) //nolint:gosec // in our directory
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
