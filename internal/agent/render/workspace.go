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
)

const (
	// The runtime is another user, of a group that the agent is in too: it reads what we write, and no more.
	workspaceDirectoryMode = 0o750
	workspaceFileMode      = 0o640
)

// Keep makes the files of a workspace what they are to be, and removes those of before that are not to be any more.
// What else is there is the runtime's own, and left alone. Whatever the runtime has made of its workspace, links
// included, nothing outside of it is touched.
func Keep(directory string, files map[string][]byte, before []string) error {
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(files)), before) {
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
	for _, name := range before {
		if _, stays := files[name]; stays {
			continue
		}
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing %s from the workspace: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := keep(root, name, files[name]); err != nil {
			return fmt.Errorf("writing %s in the workspace: %w", name, err)
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
	if err := root.RemoveAll(next); err != nil { // it may be a link, or somebody's directory
		return err
	}
	if err := root.WriteFile(next, content, workspaceFileMode); err != nil {
		return err
	}
	if info, err := root.Lstat(name); err == nil && info.IsDir() {
		if err := root.RemoveAll(name); err != nil {
			return err
		}
	}
	return root.Rename(next, name)
}

// makeRoom makes the directories that lead to a file. Whatever else bears the name of one has to go.
func makeRoom(root *os.Root, directory string) error {
	if directory == "." {
		return nil
	}
	if err := makeRoom(root, path.Dir(directory)); err != nil {
		return err
	}
	info, err := root.Lstat(directory)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		if err := root.Remove(directory); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return root.Mkdir(directory, workspaceDirectoryMode)
}
