// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package facts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/agent/facts"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

func TestTheBootstrapSaysHowFarItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bootstrap.json")
	for name, row := range map[string]struct {
		content string
		want    *protocol.BootstrapStep
	}{
		"begun": {`{"name":"users","failed":false,"message":""}`, &protocol.BootstrapStep{Name: "users"}},
		"failed": {
			`{"name":"swap","failed":true,"message":"no"}`,
			&protocol.BootstrapStep{Name: "swap", Failed: true, Message: "no"},
		},
		"long": {
			`{"name":"` + strings.Repeat("n", 100) + `","message":"` + strings.Repeat("ä", 1000) + `"}`,
			&protocol.BootstrapStep{Name: strings.Repeat("n", 64), Message: strings.Repeat("ä", 512)},
		},
		"half":    {`{"name":"us`, nil},
		"no step": {`{}`, nil},
		"endless": {`{"name":"` + strings.Repeat("x", 1<<20) + `"}`, nil},
	} {
		if err := os.WriteFile(path, []byte(row.content), 0o600); err != nil {
			t.Fatal(err)
		}
		step, err := facts.Bootstrap(path)
		if (err == nil) != (row.want != nil) || (err == nil) && *step != *row.want {
			t.Errorf("%s: %+v (%v), want %+v", name, step, err, row.want)
		}
	}
}

func TestWithoutTheFileTheBootstrapIsDone(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "bootstrap.json")} {
		if step, err := facts.Bootstrap(path); step != nil || err != nil {
			t.Errorf("%q: %+v (%v)", path, step, err)
		}
	}
	if _, err := facts.Bootstrap(t.TempDir()); err == nil {
		t.Error("a directory says how far it is")
	}
}
