// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package memory_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cedros-io/open-spawn/internal/agent/memory"
)

func TestWhatIsRememberedIsPutBackAsItWas(t *testing.T) {
	parent := t.TempDir()
	d := memory.Directory(filepath.Join(parent, "state"))
	file := filepath.Join(parent, "state", "deep", "db")
	write := func(content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	is := func(what, want string) {
		t.Helper()
		content, err := os.ReadFile(file)
		if err != nil || string(content) != want {
			t.Errorf("%s: it remembers %q (%v), want %q", what, content, err, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	must(d.RestoreState(t.Context())) // there is no copy
	is("without a copy", "one")
	must(d.SaveState(t.Context()))
	write("two")
	must(d.SaveState(t.Context()))
	write("three")
	must(os.Rename(filepath.Join(parent, "state"), filepath.Join(parent, "state.old"))) // killed in the middle
	must(d.RestoreState(t.Context()))
	is("with a copy", "two")
	must(d.RestoreState(t.Context()))
	is("again", "two")
	must(d.SaveState(t.Context()))
	must(d.DropState(t.Context()))
	is("without the copy", "two")
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
		t.Errorf("left are %v (%v)", entries, err)
	}
	if memory.Directory(filepath.Join(parent, "nothing")).SaveState(t.Context()) == nil {
		t.Error("it saves nothing")
	}
}
