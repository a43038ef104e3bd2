// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

const (
	// The runtime validates what waits, as its own user, before it is put in place.
	directoryMode = 0o750
	// The runtime may be another user: what we write is of the directory's group, where that is set, and it reads that.
	fileMode = 0o640
	// nextDirectory is where files wait, on the same disk as where they go.
	nextDirectory = ".next"
)

// Staged are files that are ready to be put in place.
type Staged struct {
	directory string
	files     []File
}

// Stage writes files next to those that are in place. What was staged before and not put in place is gone.
func Stage(directory string, files []File) (*Staged, error) {
	s := &Staged{directory: directory, files: files}
	s.Drop()
	if err := os.MkdirAll(s.Directory(), directoryMode); err != nil {
		return nil, fmt.Errorf("making room for the runtime's files: %w", err)
	}
	for _, file := range files {
		if !filepath.IsLocal(file.Name) || filepath.Base(file.Name) != file.Name {
			return nil, fmt.Errorf("%q is no name of a file in the runtime's directory", file.Name)
		}
		if err := os.WriteFile(filepath.Join(s.Directory(), file.Name), file.Content, fileMode); err != nil {
			s.Drop()
			return nil, fmt.Errorf("writing the runtime's files: %w", err)
		}
	}
	return s, nil
}

// Directory is where the files wait.
func (s *Staged) Directory() string { return filepath.Join(s.directory, nextDirectory) }

// Swap puts the files in place, each as a whole: whoever reads one reads the old one or the new one. restart tells
// whether one that is only read at a start is another now. A failure can leave some new and some old: the files of a
// config that works are then to be put in place again.
func (s *Staged) Swap() (restart bool, err error) {
	defer s.Drop()
	for _, file := range s.files {
		path := filepath.Join(s.directory, file.Name)
		before, err := os.ReadFile(path) //nolint:gosec // in the runtime's directory
		restart = restart || file.AtStart && (err != nil || !bytes.Equal(before, file.Content))
		if err := os.Rename(filepath.Join(s.Directory(), file.Name), path); err != nil {
			return restart, fmt.Errorf("putting the runtime's files in place: %w", err)
		}
	}
	return restart, nil
}

// Drop removes what waits.
func (s *Staged) Drop() { _ = os.RemoveAll(s.Directory()) }
