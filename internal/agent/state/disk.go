// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// disk are the steps by which a file changes, each of which may be the last: the power can be cut between any two.
// Until a file is synced its content may be anything, and until its directory is, so may be its name.
type disk interface {
	write(path string, content []byte) error
	sync(path string) error
	rename(from, to string) error
	remove(path string) error
}

type realDisk struct{}

func (realDisk) write(path string, content []byte) error {
	// A leftover may have another mode, or be a link to somewhere else.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode) //nolint:gosec // in our directory
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

func (realDisk) sync(path string) error {
	file, err := os.Open(path) //nolint:gosec // in our directory, or itself
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

func (realDisk) rename(from, to string) error { return os.Rename(from, to) }

func (realDisk) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a file: %w", err)
	}
	return nil
}
