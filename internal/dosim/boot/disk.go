// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"sigs.k8s.io/yaml"

	"github.com/cedros-io/open-spawn/internal/userdata"
)

const fileMode = 0o600

// disk is the directory that is an instance's file system, as far as anybody looks.
type disk string

func (d disk) path(name string) string { return filepath.Join(string(d), filepath.FromSlash(name)) }

func (d disk) agentConfig() string { return d.path(userdata.AgentConfigPath) }

// state is where the agent keeps what it must not forget.
func (d disk) state() string { return d.path("/var/lib/spawn-agent") }

// format makes it a copy of an image, or empty.
func (d disk) format(from *image) error {
	if err := os.RemoveAll(string(d)); err != nil {
		return fmt.Errorf("making a disk: %w", err)
	}
	if from == nil {
		return d.mkdir("")
	}
	defer from.users.Done()
	<-from.ready
	return copyTree(from.dir, string(d))
}

// cloudInit writes the file of the user data that matters, once for each instance that boots from this disk, and tells
// whether there is an agent: one may have been on the image.
func (d disk) cloudInit(instance int64, userData string) (found bool, err error) {
	const seen = "/var/lib/cloud/data/instance-id"
	id := strconv.FormatInt(instance, 10)
	last, err := os.ReadFile(d.path(seen))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("looking for what cloud-init has done: %w", err)
	}
	if string(last) != id {
		if config := agentConfigOf(userData); config != "" {
			err = d.write(userdata.AgentConfigPath, config)
		} else {
			err = nil
		}
		if err = errors.Join(err, d.write(seen, id)); err != nil {
			return false, err
		}
	}
	_, err = os.Stat(d.agentConfig())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (d disk) write(name, content string) error {
	if err := d.mkdir(filepath.Dir(name)); err != nil {
		return err
	}
	if err := os.WriteFile(d.path(name), []byte(content), fileMode); err != nil {
		return fmt.Errorf("writing to the disk: %w", err)
	}
	return nil
}

func (d disk) mkdir(name string) error {
	if err := os.MkdirAll(d.path(name), directoryMode); err != nil {
		return fmt.Errorf("writing to the disk: %w", err)
	}
	return nil
}

// agentConfigOf is the agent's configuration in a cloud-config; empty when there is none, or no cloud-config.
func agentConfigOf(userData string) string {
	var config struct {
		WriteFiles []struct{ Path, Content string } `json:"write_files"`
	}
	if yaml.Unmarshal([]byte(userData), &config) != nil {
		return ""
	}
	for _, file := range config.WriteFiles {
		if file.Path == userdata.AgentConfigPath {
			return file.Content
		}
	}
	return ""
}

// image is a copy of a disk.
type image struct {
	dir string
	// ready is closed when it is there, and users are those who copy it.
	ready chan struct{}
	users sync.WaitGroup
}

func newImage(dir string) *image { return &image{dir: dir, ready: make(chan struct{})} }

func (i *image) fill(from disk) error {
	defer close(i.ready)
	return copyTree(string(from), i.dir)
}

func (i *image) remove() error {
	<-i.ready
	i.users.Wait()
	return os.RemoveAll(i.dir)
}

// copyTree copies directories and files.
func copyTree(from, to string) error {
	root, err := os.OpenRoot(from)
	if err != nil {
		return fmt.Errorf("copying a disk: %w", err)
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("copying a disk: %w", err)
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), directoryMode)
		case !entry.Type().IsRegular():
			return nil
		}
		return copyFile(root, name, filepath.Join(to, name))
	})
}

func copyFile(root *os.Root, name, to string) (err error) {
	source, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it went while we copied, as it does under a snapshot of a machine that is on
	}
	if err != nil {
		return fmt.Errorf("copying a disk: %w", err)
	}
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(filepath.Clean(to), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, fileMode)
	if err != nil {
		return fmt.Errorf("copying a disk: %w", err)
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
