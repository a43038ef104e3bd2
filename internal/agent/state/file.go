// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// errAbsent means that a file is not there, or was torn, which is the same to whoever wants to read it.
var errAbsent = errors.New("there is no such file, or it was torn")

// put writes a value so that the file is the old one or the new one at any moment.
func (d *Dir) put(name string, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	path := filepath.Join(d.path, name)
	temporary := path + ".new"
	for _, step := range []func() error{
		func() error { return d.disk.write(temporary, withDigest(body)) },
		func() error { return d.disk.sync(temporary) },
		func() error { return d.disk.rename(temporary, path) },
		func() error { return d.disk.sync(d.path) },
	} {
		if err := step(); err != nil {
			_ = d.disk.remove(temporary) // half a file takes room on a disk that may be full
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}

// get reads what put has written.
func (d *Dir) get(name string, into any) error {
	content, err := os.ReadFile(filepath.Join(d.path, name)) //nolint:gosec // in our directory
	if errors.Is(err, fs.ErrNotExist) {
		return errAbsent
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	body, ok := withoutDigest(content)
	if !ok {
		return errAbsent
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}

// drop removes a file for good.
func (d *Dir) drop(name string) error {
	if err := d.disk.remove(filepath.Join(d.path, name)); err != nil {
		return err
	}
	return d.disk.sync(d.path)
}

func withDigest(body []byte) []byte {
	digest := sha256.Sum256(body)
	return append(append(hex.AppendEncode(nil, digest[:]), '\n'), body...)
}

func withoutDigest(content []byte) (body []byte, ok bool) {
	line, body, _ := bytes.Cut(content, []byte("\n"))
	digest := sha256.Sum256(body)
	return body, string(line) == hex.EncodeToString(digest[:])
}
