// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

var errTooMuch = errors.New("there is more in it than any version has")

// unpack writes what is in an archive into a new directory, and nothing anywhere else, whatever it says.
func unpack(ctx context.Context, archive, directory string) error {
	file, err := os.Open(filepath.Clean(archive))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	if err := os.Mkdir(directory, directoryMode); err != nil {
		return err
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return each(ctx, tar.NewReader(plain), func(header *tar.Header, content io.Reader) error {
		return entry(root, header, content)
	})
}

// each does something to each entry of an archive, as long as there are no more than any version has.
func each(ctx context.Context, content *tar.Reader, do func(*tar.Header, io.Reader) error) error {
	left := int64(maxContent)
	for range maxEntries {
		header, err := content.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if left -= header.Size; left < 0 {
			return errTooMuch
		}
		if err := do(header, content); err != nil {
			return fmt.Errorf("%q: %w", header.Name, err)
		}
	}
	return errTooMuch
}

// entry writes one: the root refuses whatever leads out of it.
func entry(root *os.Root, header *tar.Header, content io.Reader) error {
	name := path.Clean(header.Name)
	if err := root.MkdirAll(path.Dir(name), directoryMode); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, directoryMode)
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, name)
	case tar.TypeReg:
		return write(root, name, fs.FileMode(header.Mode).Perm(), content) //nolint:gosec // the bits are masked
	}
	return fmt.Errorf("it is of kind %q, which no version has", header.Typeflag)
}

func write(root *os.Root, name string, mode fs.FileMode, content io.Reader) error {
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode&0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
