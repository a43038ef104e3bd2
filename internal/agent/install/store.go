// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package install puts further versions of the runtime on a machine, beside the one that runs.
package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// The runtime is another user, of the directory's group.
	directoryMode = 0o750
	// MaxArchive and maxContent bound an archive, packed and unpacked: that of OpenClaw 2026.9.6 has 0.2 and 0.8 GB.
	MaxArchive = 1 << 30
	maxContent = 4 << 30
	maxEntries = 1 << 20
	// room is how much has to be free before a download begins.
	room = 2 << 30
)

var (
	errNoRoom  = errors.New("less than 2 GiB of the disk is free")
	errNoPlace = errors.New("this machine has no place for further versions")
)

// Store is where versions are installed. A version that is there is there as a whole.
type Store struct {
	// Directory has one for each version; empty where there is no place for any.
	Directory string
	// Download writes what has a SHA-256 to a path, or fails.
	Download func(ctx context.Context, digest, path string) error
	// Free is how many bytes of a path's disk are free.
	Free func(path string) (int64, error)
}

// Path is where a version is, if it is there.
func (s Store) Path(version string) string { return filepath.Join(s.Directory, filepath.Base(version)) }

// Has tells whether a version is there.
func (s Store) Has(version string) bool {
	if s.Directory == "" {
		return false
	}
	_, err := os.Stat(s.Path(version))
	return err == nil
}

// Install puts a version there, from the archive with a digest. However it ends, what was there stays.
func (s Store) Install(ctx context.Context, version, digest string) (err error) {
	if s.Directory == "" {
		return errNoPlace
	}
	if err := s.clean(); err != nil {
		return err
	}
	if free, err := s.Free(s.Directory); err != nil || free < room {
		return errors.Join(errNoRoom, err)
	}
	packed, next := filepath.Join(s.Directory, packedName), filepath.Join(s.Directory, nextName)
	defer func() { err = errors.Join(err, s.clean()) }()
	if err := s.Download(ctx, digest, packed); err != nil {
		return err
	}
	if err := unpack(ctx, packed, next); err != nil {
		return fmt.Errorf("unpacking OpenClaw %s: %w", version, err)
	}
	if err := isWhole(next, version); err != nil {
		return err
	}
	if err := os.Rename(next, s.Path(version)); err != nil {
		return fmt.Errorf("installing OpenClaw %s: %w", version, err)
	}
	return nil
}

// isWhole tells whether a directory has what a version needs.
func isWhole(directory, version string) error {
	for _, program := range []string{Node, Entry(version)} {
		if info, err := os.Stat(filepath.Join(directory, program)); err != nil || !info.Mode().IsRegular() {
			return fmt.Errorf("the archive of OpenClaw %s lacks %s", version, program)
		}
	}
	return nil
}

// Node is the program that runs OpenClaw, in every archive.
const Node = "node/bin/node"

// Entry is OpenClaw's program in the archive of a version.
func Entry(version string) string {
	return filepath.Join(filepath.Base(version), "node_modules", "openclaw", "openclaw.mjs")
}

// Names that no version bears.
const (
	packedName = ".archive"
	nextName   = ".next"
)

// clean removes what was not finished.
func (s Store) clean() error {
	return errors.Join(os.RemoveAll(filepath.Join(s.Directory, nextName)),
		os.RemoveAll(filepath.Join(s.Directory, packedName)))
}

// KeepOnly removes all versions but one.
func (s Store) KeepOnly(version string) error {
	entries, err := os.ReadDir(s.Directory)
	if s.Directory == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if entry.Name() != filepath.Base(version) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.Directory, entry.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("removing versions that run no more: %w", err)
	}
	return nil
}
