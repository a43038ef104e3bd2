// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChildrenInheritNoSettingsAndNoToken(t *testing.T) {
	got := environment([]string{
		"HOME=/root", "OPENSPAWN_FLEET_ID=x", "DOSIM_LISTEN=x", "KUBECONFIG=x", "DIGITALOCEAN_ACCESS_TOKEN=x", "PATH=/bin",
	})
	if diff := cmp.Diff([]string{"HOME=/root", "PATH=/bin"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestStopEndsTheProcessAndKeepsItsLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "sh.log")
	p, err := start(t.Context(), command{path: "/bin/sh", args: []string{"-c", "echo hello; exec sleep 600"}, log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.alive(); err != nil {
		t.Error(err)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := p.alive(); err == nil {
		t.Error("a stopped process is called alive")
	}
	if err := p.Stop(); err != nil {
		t.Errorf("stopping twice: %v", err)
	}
}

func TestTailIsTheLastLines(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte("one\ntwo\nthree\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := Tail(log, 2), "  two\n  three"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Tail(log, 9), "  one\n  two\n  three"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
