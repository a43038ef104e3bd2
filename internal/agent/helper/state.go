// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// What OpenClaw remembers is its own user's, and is copied by that user: root follows none of its links. Root only says
// when a copy is whole, in a directory where nobody else writes, and exchanges two directories there.
const (
	stateRoot = "/var/lib/openclaw"
	// savedMark is there while the copy is whole.
	savedMark = "saved.complete"
	// The directories: what OpenClaw uses, and where a copy is made of the one that was saved.
	stateDirectory, copyDirectory = "state", "copy"
)

const (
	saving    = "openclaw-state@save.service"
	restoring = "openclaw-state@restore.service"
	clearing  = "openclaw-state@clear.service"
	dropping  = "openclaw-state@drop.service"
)

var (
	errRuns     = errors.New("OpenClaw runs")
	errNotSaved = errors.New("no state is saved")
)

// saveState makes another copy. There is none until that is whole.
func (m machine) saveState(ctx context.Context) ([]byte, error) {
	if err := m.mark(false); err != nil {
		return nil, err
	}
	if err := m.finish(ctx, saving); err != nil {
		return nil, err
	}
	return nil, m.mark(true)
}

// restoreState puts a copy of the copy where OpenClaw remembers, at one blow, so that it may be done again. What was
// there is gone.
func (m machine) restoreState(ctx context.Context) ([]byte, error) {
	s, _, err := m.show(ctx, unit)
	if err != nil {
		return nil, err
	}
	if s.Runs() {
		return nil, errRuns
	}
	if _, err := os.Stat(m.inState(savedMark)); err != nil {
		return nil, errors.Join(errNotSaved, err)
	}
	if err := m.finish(ctx, restoring); err != nil {
		return nil, err
	}
	if err := exchange(m.inState(copyDirectory), m.inState(stateDirectory)); err != nil {
		return nil, fmt.Errorf("putting the saved state in place: %w", err)
	}
	if err := syncDirectory(m.inState("")); err != nil {
		return nil, err
	}
	return nil, m.finish(ctx, clearing)
}

// dropState makes room.
func (m machine) dropState(ctx context.Context) ([]byte, error) {
	if err := m.mark(false); err != nil {
		return nil, err
	}
	return nil, m.finish(ctx, dropping)
}

func (m machine) inState(name string) string { return filepath.Join(m.root+stateRoot, name) }

// mark says whether the copy is whole, for good.
func (m machine) mark(whole bool) error {
	path := m.inState(savedMark)
	var err error
	if whole {
		err = os.WriteFile(path, nil, 0o600)
	} else if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("marking the saved state: %w", err)
	}
	return syncDirectory(m.inState(""))
}

func syncDirectory(path string) error {
	directory, err := os.Open(path) //nolint:gosec // one of ours
	if err == nil {
		err = errors.Join(directory.Sync(), directory.Close())
	}
	if err != nil {
		return fmt.Errorf("writing a directory to the disk: %w", err)
	}
	return nil
}
