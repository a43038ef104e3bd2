// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"syscall"
)

const (
	// The runtime is another user, of a group that the agent is in too: it reads what we write, and no more.
	workspaceDirectoryMode = 0o750
	workspaceFileMode      = 0o640
	// mostAside is how often what is not ours is put aside under one name.
	mostAside = 1000
)

// Keep makes the files of a workspace what they are to be, and removes those of before that are not to be any more.
// What else is there is the runtime's own, and left alone. Whatever the runtime has made of its workspace, links
// included, nothing outside of it is touched.
func Keep(directory string, files map[string][]byte, before []string) error {
	names := slices.Sorted(maps.Keys(files))
	for _, name := range slices.Concat(names, before) {
		if !fs.ValidPath(name) || name == "." {
			return fmt.Errorf("%q is no file in a workspace", name)
		}
	}
	if err := os.MkdirAll(directory, workspaceDirectoryMode); err != nil {
		return fmt.Errorf("making the workspace: %w", err)
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return fmt.Errorf("opening the workspace: %w", err)
	}
	defer func() { _ = root.Close() }()
	if err := removeOld(root, files, before); err != nil {
		return err
	}
	for _, name := range names {
		if err := keep(root, name, files[name]); err != nil {
			return fmt.Errorf("writing %s in the workspace: %w", name, err)
		}
	}
	return nil
}

// removeOld removes the files of before that are not to be any more. A directory in the place of one is the runtime's.
func removeOld(root *os.Root, files map[string][]byte, before []string) error {
	for _, name := range before {
		_, stays := files[name]
		if info, err := root.Lstat(name); stays || err != nil || info.IsDir() {
			continue
		}
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing %s from the workspace: %w", name, err)
		}
	}
	return nil
}

// keep writes one file as a whole, unless it is so already.
func keep(root *os.Root, name string, content []byte) error {
	if is, err := root.ReadFile(name); err == nil && bytes.Equal(is, content) {
		return nil
	}
	if err := makeRoom(root, path.Dir(name)); err != nil {
		return err
	}
	next := name + nextDirectory
	if err := putAway(root, next); err != nil { // it may be a link, or somebody's directory
		return err
	}
	if err := root.WriteFile(next, content, workspaceFileMode); err != nil {
		return err
	}
	if info, err := root.Lstat(name); err == nil && info.IsDir() {
		if err := putAway(root, name); err != nil {
			return err
		}
	}
	return root.Rename(next, name)
}

// putAway has nothing be at a name. What the runtime has made, and closed to us, cannot be removed: it gets another
// name.
func putAway(root *os.Root, name string) error {
	err := root.RemoveAll(name)
	for n := 0; err != nil && n < mostAside; n++ {
		aside := fmt.Sprintf("%s.aside-%d", name, n)
		if _, there := root.Lstat(aside); there == nil {
			continue
		}
		if renameErr := root.Rename(name, aside); renameErr != nil {
			return errors.Join(err, renameErr)
		}
		return nil
	}
	return err
}

// makeRoom makes the directories that lead to a file, which are ours: in the runtime's it could replace what is ours.
// Whatever else bears the name of one is put away.
func makeRoom(root *os.Root, directory string) error {
	if directory == "." {
		return nil
	}
	if err := makeRoom(root, path.Dir(directory)); err != nil {
		return err
	}
	_, err := root.Lstat(directory)
	switch {
	case err == nil && isOurs(root, directory):
		return nil
	case err == nil:
		if err := putAway(root, directory); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return root.Mkdir(directory, workspaceDirectoryMode)
}

// isOurs tells whether there is a directory that we have made.
func isOurs(root *os.Root, directory string) bool {
	info, err := root.Lstat(directory)
	if err != nil || !info.IsDir() {
		return false
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	return !known || int(owner.Uid) == os.Geteuid()
}
