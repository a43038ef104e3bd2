// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

var errDead = errors.New("the process is dead")

// frail is a disk under a process that dies before one of its steps, and takes none after it.
type frail struct {
	realDisk
	left int
	// unsynced are the files whose content is not safe, and undo takes back renames that are not.
	unsynced map[string]bool
	undo     []func()
}

func (f *frail) alive() bool { f.left--; return f.left >= 0 }

func (f *frail) write(path string, content []byte) error {
	if !f.alive() {
		_ = f.realDisk.write(path, content[:len(content)/2]) // it died in the middle
		return errDead
	}
	f.unsynced[path] = true
	return f.realDisk.write(path, content)
}

func (f *frail) sync(path string) error {
	if !f.alive() {
		return errDead
	}
	delete(f.unsynced, path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		f.undo = nil
	}
	return f.realDisk.sync(path)
}

func (f *frail) rename(from, to string) error {
	if !f.alive() {
		return errDead
	}
	before, missing := os.ReadFile(to)
	f.undo = append(f.undo, func() {
		_ = os.Rename(to, from)
		if missing == nil {
			_ = os.WriteFile(to, before, fileMode)
		}
	})
	if f.unsynced[from] {
		f.unsynced[to] = true
		delete(f.unsynced, from)
	}
	return f.realDisk.rename(from, to)
}

func (f *frail) remove(path string) error {
	if !f.alive() {
		return errDead
	}
	return f.realDisk.remove(path)
}

// cut is the power cut: what was not synced is torn, and names that were not are as before.
func (f *frail) cut() {
	for path := range f.unsynced {
		_ = os.Truncate(path, 10)
	}
	for i := len(f.undo) - 1; i >= 0; i-- {
		f.undo[i]()
	}
}

// TestCRIT001_WhatWasSaidToBeWrittenSurvivesAnyDeath runs a life, kills it before each of its steps, with and without
// the power, and looks at what the next life reads.
func TestCRIT001_WhatWasSaidToBeWrittenSurvivesAnyDeath(t *testing.T) {
	for _, power := range []string{"on", "cut"} {
		deaths := 0
		for died := true; died; deaths++ {
			t.Run(fmt.Sprintf("step %d, power %s", deaths, power), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "state")
				d := open(t, path)
				f := &frail{left: deaths, unsynced: map[string]bool{}}
				d.disk = f
				told, err := life(d)
				died = errors.Is(err, errDead)
				if err != nil && !died {
					t.Fatal(err)
				}
				if power == "cut" {
					f.cut()
				}
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
				wantTold(t, open(t, path), told)
			})
		}
		if deaths < 30 {
			t.Errorf("it died only %d times", deaths)
		}
	}
}

// told is what a life was told to be on the disk, and attempted what it may have written.
type told struct {
	identity, attempted Identity
	good                int64
	invented            bool
}

// life is what an agent writes: it comes to be, registers, prepares another credential, and takes two configs.
func life(d *Dir) (told, error) {
	var t told
	id, _, err := d.Identity(machine, now)
	if err != nil {
		return t, err
	}
	t.invented, t.identity, t.attempted = true, id, id
	for _, change := range []func(*Identity){
		func(i *Identity) { i.Registered = true },
		func(i *Identity) { i.Next = token.NewCredential(machine) },
		func(i *Identity) { i.Credential, i.Next = i.Next, token.Token{} },
	} {
		change(&t.attempted)
		if err := d.SaveIdentity(t.attempted); err != nil {
			return t, err
		}
		t.identity = t.attempted
	}
	for version := int64(1); version <= 2; version++ {
		if err := d.SaveConfig(&protocol.Config{Version: version, Content: []byte(`{"a":1}`)}); err != nil {
			return t, err
		}
		if err := d.SaveProgress(Progress{Good: version, Before: version - 1}); err != nil {
			return t, err
		}
		t.good = version
	}
	return t, nil
}

func wantTold(t *testing.T, d *Dir, told told) {
	t.Helper()
	is, invented, err := d.Identity(machine, now)
	if err != nil {
		t.Fatal(err)
	}
	if told.invented && invented {
		t.Fatal("the identity that a gateway may have heard of is lost")
	}
	if told.invented && !same(t, is, told.identity) && !same(t, is, told.attempted) {
		t.Errorf("it is %v, and was told to be %v or about to be %v", is, told.identity, told.attempted)
	}
	good, err := d.LastGood()
	if err != nil {
		t.Fatal(err)
	}
	if told.good > 0 && (good == nil || good.Version < told.good) {
		t.Errorf("the good config %d is lost: %v", told.good, good)
	}
}
