// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/seal"
	"github.com/cedros-io/open-spawn/internal/token"
)

const machine = "scout-k3v9x2m1qab7c"

var now = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func identity(t *testing.T, d *Dir) Identity {
	t.Helper()
	id, _, err := d.Identity(machine, now)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func same(t *testing.T, one, other Identity) bool {
	t.Helper()
	a, err := one.SealKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b, err := other.SealKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	one.SealKey, other.SealKey = seal.PrivateKey{}, seal.PrivateKey{}
	return one == other && bytes.Equal(a, b)
}

func TestAnIdentityIsInventedOnceAndReadByNobodyElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	d := open(t, path)
	first, invented, err := d.Identity(machine, now)
	if err != nil || !invented || first.Credential.Machine() != machine || first.Registered {
		t.Fatalf("identity %v, invented %v (%v)", first, invented, err)
	}
	first.Registered, first.Next = true, token.NewCredential(machine)
	if err := d.SaveIdentity(first); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again, invented, err := open(t, path).Identity(machine, now.Add(time.Hour))
	if err != nil || invented || !same(t, again, first) {
		t.Errorf("read %v, invented %v (%v), want %v", again, invented, err, first)
	}
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOneAgentHasTheDirectory(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	if _, err := Open(path); !errors.Is(err, ErrLocked) {
		t.Errorf("a second agent gets it (%v)", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestACopiedDiskIsNobodys(t *testing.T) {
	d := open(t, t.TempDir())
	was := identity(t, d)
	save(t, d, 3)
	if err := d.SaveRoutes(Routes{Newest: Route{URLs: []string{"https://a"}}}); err != nil {
		t.Fatal(err)
	}
	is, invented, err := d.Identity("scout-k3v9x2m1other", now)
	if err != nil || !invented || is.Credential == was.Credential || is.SealKey.Public() == was.SealKey.Public() {
		t.Errorf("another machine is %v (%v)", is, err)
	}
	good, err := d.LastGood()
	if good != nil || err != nil {
		t.Errorf("it would run %v (%v)", good, err)
	}
	if routes, told, err := d.Routes(); told || err != nil {
		t.Errorf("it would call %v (%v)", routes, err)
	}
}

// save makes a version the good one.
func save(t *testing.T, d *Dir, version int64) {
	t.Helper()
	progress, err := d.Progress()
	if err != nil {
		t.Fatal(err)
	}
	c := &protocol.Config{Run: true, Version: version, Content: []byte(`{"a":1}`), Sealed: []byte("sealed")}
	if err := d.SaveConfig(c); err != nil {
		t.Fatal(err)
	}
	result := &protocol.ConfigResult{Version: version, Applied: true}
	progress = Progress{Good: version, Before: progress.Good, Result: result}
	if err := d.SaveProgress(progress); err != nil {
		t.Fatal(err)
	}
}

func wantGood(t *testing.T, d *Dir, version int64) {
	t.Helper()
	good, err := d.LastGood()
	if err != nil {
		t.Fatal(err)
	}
	if good == nil || good.Version != version || good.Run || string(good.Content) != `{"a":1}` {
		t.Errorf("the last good one is %+v, want version %d", good, version)
	}
}

func TestTheLastGoodConfigsAreKeptAndNoOthers(t *testing.T) {
	d := open(t, t.TempDir())
	for version := int64(1); version <= 4; version++ {
		save(t, d, version)
	}
	if err := d.SaveConfig(&protocol.Config{Version: 5}); err != nil {
		t.Fatal(err)
	}
	wantGood(t, d, 4) // 5 was never shown to work
	if err := d.DropConfig(5); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(d.path, "config-*"))
	if err != nil || len(files) != 2 {
		t.Errorf("kept %v (%v)", files, err)
	}
	for _, tear := range []func([]byte) []byte{
		func(whole []byte) []byte { return whole[:len(whole)/2] },
		func([]byte) []byte { return nil },
		func(whole []byte) []byte { return []byte(strings.ReplaceAll(string(whole), "1", "2")) },
	} {
		save(t, d, 3)
		save(t, d, 4)
		path := filepath.Join(d.path, nameOf(4))
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, tear(whole), fileMode); err != nil {
			t.Fatal(err)
		}
		wantGood(t, d, 3)
	}
}

func TestATornIdentityIsNone(t *testing.T) {
	d := open(t, t.TempDir())
	was := identity(t, d)
	if err := os.Truncate(filepath.Join(d.path, identityFile), 20); err != nil {
		t.Fatal(err)
	}
	if is, invented, err := d.Identity(machine, now); err != nil || !invented || is.Credential == was.Credential {
		t.Errorf("read %v, invented %v (%v)", is, invented, err)
	}
}

func TestAFullDiskKeepsWhatIsThere(t *testing.T) {
	d := open(t, t.TempDir())
	was := identity(t, d)
	save(t, d, 1)
	d.disk = full{realDisk{}}
	if err := d.SaveConfig(&protocol.Config{Version: 2}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the disk has room for a config (%v)", err)
	}
	if err := d.SaveIdentity(Identity{SealKey: was.SealKey}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the disk has room for an identity (%v)", err)
	}
	wantGood(t, d, 1)
	if is := identity(t, d); !same(t, is, was) {
		t.Errorf("now it is %v, was %v", is, was)
	}
	if left, _ := filepath.Glob(filepath.Join(d.path, "*.new")); len(left) > 0 {
		t.Errorf("left on the full disk: %v", left)
	}
}

// full is a disk that takes half of a file.
type full struct{ realDisk }

func (f full) write(path string, content []byte) error {
	return errors.Join(f.realDisk.write(path, content[:len(content)/2]), syscall.ENOSPC)
}
