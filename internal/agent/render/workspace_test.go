// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cedros-io/open-spawn/internal/agent/render"
)

// is holds a file to its content; empty means that there is none.
func is(t *testing.T, path, want string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Clean(path))
	if want == "" && !os.IsNotExist(err) || want != "" && (err != nil || string(content) != want) {
		t.Errorf("%s is %q (%v), want %q", path, content, err, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAWorkspaceHasOurFilesAndKeepsItsOwn(t *testing.T) {
	workspace := filepath.Join(t.TempDir(), "workspace")
	first := map[string][]byte{
		"AGENTS.md": []byte("one"), "skills/trading/SKILL.md": []byte("two"), "notes.md": []byte("n"),
	}
	must(t, render.Keep(workspace, first, nil))
	own := filepath.Join(workspace, "MEMORY.md")
	must(t, os.WriteFile(own, []byte("mine"), 0o600))

	second := map[string][]byte{"AGENTS.md": []byte("other"), "skills/trading/SKILL.md": []byte("two")}
	must(t, render.Keep(workspace, second, []string{"AGENTS.md", "notes.md", "skills/trading/SKILL.md", "never.md"}))
	is(t, filepath.Join(workspace, "AGENTS.md"), "other")
	is(t, filepath.Join(workspace, "skills/trading/SKILL.md"), "two")
	is(t, filepath.Join(workspace, "notes.md"), "")
	is(t, own, "mine")
	if entries, err := os.ReadDir(workspace); err != nil || len(entries) != 3 {
		t.Errorf("there are %v (%v)", entries, err)
	}
}

// TestNothingOutsideOfAWorkspaceIsTouched: the runtime can make of its workspace whatever it wants to.
func TestNothingOutsideOfAWorkspaceIsTouched(t *testing.T) {
	outside, workspace := t.TempDir(), t.TempDir()
	victim := filepath.Join(outside, "victim")
	must(t, os.WriteFile(victim, []byte("untouched"), 0o600))
	files := map[string][]byte{"AGENTS.md": []byte("ours")}

	must(t, os.Symlink(victim, filepath.Join(workspace, "AGENTS.md")))
	must(t, os.Symlink(victim, filepath.Join(workspace, "AGENTS.md.next")))
	must(t, render.Keep(workspace, files, nil))
	is(t, filepath.Join(workspace, "AGENTS.md"), "ours")
	is(t, victim, "untouched")

	must(t, os.Remove(filepath.Join(workspace, "AGENTS.md")))
	must(t, os.MkdirAll(filepath.Join(workspace, "AGENTS.md", "deep"), 0o700))
	must(t, render.Keep(workspace, files, nil))
	is(t, filepath.Join(workspace, "AGENTS.md"), "ours")

	must(t, os.Symlink(outside, filepath.Join(workspace, "skills")))
	must(t, render.Keep(workspace, map[string][]byte{"skills/victim": []byte("ours")}, nil))
	is(t, filepath.Join(workspace, "skills", "victim"), "ours")
	for _, name := range []string{"../victim", "/etc/victim", "skills/../../victim", ".", ""} {
		if err := render.Keep(workspace, map[string][]byte{name: []byte("ours")}, nil); err == nil {
			t.Errorf("%s is written", name)
		}
		if err := render.Keep(workspace, nil, []string{name}); err == nil {
			t.Errorf("%s is removed", name)
		}
	}
	is(t, victim, "untouched")
}
