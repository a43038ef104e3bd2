// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// The modes of the directory and of all that is in it.
const (
	directoryMode = 0o700
	fileMode      = 0o600
)

// ErrLocked means that another agent has the directory.
var ErrLocked = errors.New("another agent has this state directory")

// Dir is the state directory of one agent.
type Dir struct {
	path string
	disk disk
	lock *os.File
}

// Open makes the directory if need be, and takes it for this process: two agents would run two bots with one set of
// keys. The lock ends with the process, however that ends.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, directoryMode); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	if err := os.Chmod(path, directoryMode); err != nil {
		return nil, fmt.Errorf("closing the state directory to others: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, fileMode) //nolint:gosec // our directory
	if err != nil {
		return nil, fmt.Errorf("locking the state directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("locking %s: %w", path, errors.Join(ErrLocked, err))
	}
	d := &Dir{path: path, disk: realDisk{}, lock: lock}
	// The entry of a directory that was just made is in its parent.
	return d, d.disk.sync(filepath.Dir(path))
}

// Close gives the directory back.
func (d *Dir) Close() error { return d.lock.Close() }

// Path is where the directory is.
func (d *Dir) Path() string { return d.path }
