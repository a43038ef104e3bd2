// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/agent/render"
)

// place renders, validates and swaps.
func place(t *testing.T, directory, content string, secrets map[string]string) (restart bool) {
	t.Helper()
	files, err := render.Plain{}.Render([]byte(content), secrets)
	if err != nil {
		t.Fatal(err)
	}
	staged, err := render.Stage(directory, files.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	if err := (render.Plain{}).Validate(t.Context(), staged.Directory()); err != nil {
		t.Fatal(err)
	}
	restart, err = staged.Swap()
	if err != nil {
		t.Fatal(err)
	}
	return restart
}

func TestFilesAreSwapped(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "runtime")
	if !place(t, directory, `{"a":1}`, map[string]string{"credential/KEY": "one", "channel/Telegram/app": "x"}) {
		t.Error("the first secrets need no start")
	}
	if place(t, directory, `{"a":2}`, map[string]string{"credential/KEY": "one", "channel/Telegram/app": "x"}) {
		t.Error("the same secrets need a start")
	}
	if !place(t, directory, `{"a":2}`, map[string]string{"credential/KEY": "two", "channel/Telegram/app": "x"}) {
		t.Error("other secrets need no start")
	}
	for name, want := range map[string]string{
		render.ConfigFile: `{"a":2}`, render.EnvFile: "BOT_SECRET_CHANNEL_TELEGRAM_APP=\"x\"\nKEY=\"two\"\n",
	} {
		content, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil || string(content) != want {
			t.Errorf("%s is %q (%v), want %q", name, content, err, want)
		}
		if info, err := os.Stat(filepath.Join(directory, name)); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s has mode %v (%v)", name, info.Mode(), err)
		}
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) != 2 {
		t.Errorf("left are %v (%v)", entries, err)
	}
}

func TestWhatIsNotPutInPlaceChangesNothing(t *testing.T) {
	directory := t.TempDir()
	place(t, directory, `{"a":1}`, nil)
	for _, content := range []string{`[]`, `null`, `{`, ``, `"x"`} {
		staged, err := render.Stage(directory, []render.File{{Name: render.ConfigFile, Content: []byte(content)}})
		if err != nil {
			t.Fatal(err)
		}
		if err := (render.Plain{}).Validate(t.Context(), staged.Directory()); err == nil {
			t.Errorf("%s is valid", content)
		}
		staged.Drop()
	}
	for _, name := range []string{"../x", "/x", "a/b", ".."} {
		if _, err := render.Stage(directory, []render.File{{Name: name}}); err == nil {
			t.Errorf("%s is written", name)
		}
	}
	content, err := os.ReadFile(filepath.Join(directory, render.ConfigFile))
	if err != nil || string(content) != `{"a":1}` {
		t.Errorf("now it is %s (%v)", content, err)
	}
}

func TestTwoSecretsAreTwoVariables(t *testing.T) {
	secrets := map[string]string{"llm": "a", "credential/BOT_SECRET_LLM": "b"}
	if _, err := (render.Plain{}).Render([]byte(`{}`), secrets); err == nil {
		t.Error("one hides the other")
	}
}

func TestASecretCannotChangeWhatRuns(t *testing.T) {
	for _, name := range []string{"LD_PRELOAD", "PATH", "NODE_OPTIONS", "OPENCLAW_STATE_DIR", "a", "A=B", ""} {
		_, err := render.Plain{}.Render([]byte(`{}`), map[string]string{"credential/" + name: "hidden"})
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
