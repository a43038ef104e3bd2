// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package memory keeps a copy of what the runtime remembers while another version of it is tried: a version refuses
// what a newer one has written.
package memory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
)

// Memory is what the runtime remembers. None of its methods may be called while the runtime runs.
type Memory interface {
	// SaveState makes a copy, in place of one that there may be.
	SaveState(ctx context.Context) error
	// RestoreState puts the copy in place of what there is. When there is no copy, all stays as it is.
	RestoreState(ctx context.Context) error
	// DropState removes the copy.
	DropState(ctx context.Context) error
}

// Directory is a Memory where the runtime is the same user as we are.
type Directory string

var _ Memory = Directory("")

func (d Directory) path() string   { return string(d) }
func (d Directory) saving() string { return string(d) + ".saving" }
func (d Directory) saved() string  { return string(d) + ".saved" }
func (d Directory) old() string    { return string(d) + ".old" }

// SaveState implements Memory.
func (d Directory) SaveState(ctx context.Context) error {
	err := os.RemoveAll(d.saving())
	if err == nil {
		err = copyAll(ctx, d.path(), d.saving())
	}
	if err == nil {
		err = os.RemoveAll(d.saved())
	}
	if err == nil {
		err = os.Rename(d.saving(), d.saved())
	}
	if err != nil {
		return fmt.Errorf("saving what the runtime remembers: %w", errors.Join(err, os.RemoveAll(d.saving())))
	}
	return nil
}

// RestoreState implements Memory.
func (d Directory) RestoreState(context.Context) error {
	if _, err := os.Stat(d.saved()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := os.RemoveAll(d.old())
	if err == nil {
		if err = os.Rename(d.path(), d.old()); errors.Is(err, fs.ErrNotExist) { // as far as this it came before
			err = nil
		}
	}
	if err == nil {
		err = os.Rename(d.saved(), d.path())
	}
	if err == nil {
		err = os.RemoveAll(d.old())
	}
	if err != nil {
		return fmt.Errorf("putting back what the runtime remembered: %w", err)
	}
	return nil
}

// DropState implements Memory.
func (d Directory) DropState(context.Context) error {
	if err := errors.Join(os.RemoveAll(d.saved()), os.RemoveAll(d.saving()), os.RemoveAll(d.old())); err != nil {
		return fmt.Errorf("removing a copy of what the runtime remembered: %w", err)
	}
	return nil
}

// copyAll copies owners, modes, times and links too, and shares what the disk can share.
func copyAll(ctx context.Context, from, to string) error {
	cp := exec.CommandContext(ctx, "cp", "--archive", "--reflink=auto", "--", from, to) //nolint:gosec // as configured
	output, err := cp.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, output)
	}
	return nil
}
