// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/userdata"
)

const script = "../../hack/openclaw/archive"

// installed is what hack/openclaw/install leaves, with a Node of that kind of machine; when is the age of its files.
func installed(t *testing.T, machine string, when time.Time) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"node/node_modules/node-linux/bin/node":         "\x7fELF" + strings.Repeat("\x00", 14) + machine,
		"node/.installed":                               "lock",
		"2026.9.6/node_modules/openclaw/openclaw.mjs":   "export default 1\n",
		"2026.9.6/node_modules/a/with space/" + "ü.txt": "x",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "node/bin"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../node_modules/node-linux/bin/node", filepath.Join(dir, "node/bin/node")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func pack(t *testing.T, from string) (fields []string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), script, from, t.TempDir()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return strings.Fields(string(output))
}

func TestTheSameTreeIsTheSameArchive(t *testing.T) {
	begin := time.Date(2026, 9, 6, 0, 0, 0, 0, time.UTC)
	first, second := pack(t, installed(t, "\x3e\x00", begin)), pack(t, installed(t, "\x3e\x00", begin.Add(time.Hour)))
	if len(first) != 4 || first[0] != "2026.9.6" || first[1] != "amd64" || first[2] != second[2] {
		t.Errorf("packed once it is %q, and then %q", first, second)
	}
	other := pack(t, installed(t, "\xb7\x00", begin))
	if other[1] != "arm64" || other[2] == first[2] {
		t.Errorf("for another machine it is %q", other)
	}
	if name := filepath.Base(other[3]); name != "openclaw-2026.9.6-linux-arm64.tar.gz" {
		t.Errorf("it is called %s", name)
	}
}

func TestTheBootstrapUnpacksWhatWasPacked(t *testing.T) {
	tool(t, "curl")
	packed := pack(t, installed(t, "\x3e\x00", time.Date(2026, 9, 6, 0, 0, 0, 0, time.UTC)))
	content, err := os.ReadFile(packed[3])
	if err != nil {
		t.Fatal(err)
	}
	s := newShop(t)
	m := sold(t, s)
	m.Archive = userdata.Archive{Version: packed[0], SHA256: both(s.sell(content))}
	r := givenRoot(t, m)
	r.step("runtime")
	r.read("/opt/openclaw/2026.9.6/node_modules/a/with space/ü.txt")
	for _, name := range []string{"node/bin/node", "2026.9.6/node_modules/openclaw/openclaw.mjs"} {
		if info, err := os.Stat(r.path("/opt/openclaw/" + name)); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v (%v): everybody is to read it, and root alone to write it", name, info, err)
		}
	}
	if left, err := os.ReadDir(r.path("/opt/openclaw")); err != nil || len(left) != 2 {
		t.Errorf("left are %v (%v)", left, err)
	}
}

func TestWhatWasNotInstalledIsNotPacked(t *testing.T) {
	bare := installed(t, "\x3e\x00", time.Date(2026, 9, 6, 0, 0, 0, 0, time.UTC))
	if err := os.RemoveAll(filepath.Join(bare, "2026.9.6")); err != nil {
		t.Fatal(err)
	}
	strange := installed(t, "\x08\x00", time.Date(2026, 9, 6, 0, 0, 0, 0, time.UTC))
	for what, from := range map[string]string{"nothing": t.TempDir(), "Node alone": bare, "a MIPS": strange} {
		output, err := exec.CommandContext(t.Context(), script, from, t.TempDir()).CombinedOutput()
		if err == nil || !strings.Contains(string(output), "archive: ") {
			t.Errorf("%s: %v\n%s", what, err, output)
		}
	}
}
