// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/agent/openclaw"
	reads "github.com/cedros-io/open-spawn/internal/openclaw"
)

const config = `{"name":"scout","namespace":"desk","displayName":"Scout","persona":"Beginner",
	"trading":{"mode":"Paper","assetFocus":"Majors","signals":{}},
	"llm":{"provider":"anthropic","model":"m","apiKey":"llm"},"openclaw":{"version":"` + reads.Default + `"}}`

// standIn answers as OpenClaw does: a status and a body for each path.
type standIn map[string]struct {
	status int
	body   string
}

// given is OpenClaw with these answers, and with a program in the place of Node.
func given(t *testing.T, answers standIn, node string) *openclaw.Runtime {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, is := answers[r.URL.Path]
		if !is {
			answer.body = "<!doctype html>" // the page for people answers whatever is unknown
		}
		if r.URL.Path == "/api/v1/admin/rpc" && r.Header.Get("Authorization") != "Bearer token" {
			answer.status = http.StatusUnauthorized
		}
		w.WriteHeader(max(answer.status, http.StatusOK))
		_, _ = io.WriteString(w, answer.body)
	}))
	t.Cleanup(server.Close)
	address, _ := server.Listener.Addr().(*net.TCPAddr)
	dir := t.TempDir()
	program := filepath.Join(dir, "node")
	entry := filepath.Join(dir, "versions", reads.Default, "node_modules", "openclaw", "openclaw.mjs")
	write(t, program, "#!/bin/sh\n"+node)
	write(t, entry, "")
	runtime := filepath.Join(dir, "runtime")
	write(t, filepath.Join(runtime, "version"), reads.Default)
	return openclaw.New(openclaw.Options{
		Node: program, Versions: filepath.Join(dir, "versions"), Directory: runtime, State: filepath.Join(dir, "state"),
		Workspace: filepath.Join(dir, "workspace"), Home: filepath.Join(dir, "home"), Port: address.Port, Token: "token",
	})
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestItWorksWhenItRunsWhatItIsToRun(t *testing.T) {
	const (
		started = `{"ok":true,"status":"started","version":"` + reads.Default + `"}`
		ready   = `{"ready":true,"failing":[]}`
		same    = `{"ok":true,"payload":{"valid":true,"configRevisionHash":"a","appliedConfigHash":"a"}}`
	)
	for name, c := range map[string]struct {
		startup, readyz, config string
		status                  int
		old                     bool
		says                    string
	}{
		"it works":               {startup: started, readyz: ready, config: same},
		"it starts":              {startup: `{"status":"starting"}`, status: 503, says: "OpenClaw is starting"},
		"it is another version":  {startup: `{"status":"started","version":"2025.1.1"}`, says: "OpenClaw 2025.1.1 answers"},
		"somebody else is there": {startup: "hello", says: "somebody else listens on its port"},
		"a channel fails":        {startup: started, readyz: `{"ready":false,"failing":["telegram"]}`, config: same},
		"it is not ready":        {startup: started, readyz: `{"ready":false,"failing":[]}`, says: "not ready"},
		"more than that fails": {
			startup: started, readyz: `{"ready":false,"failing":["telegram","plugin-reload"]}`, says: "telegram, plugin-reload",
		},
		"it has the config before": {
			startup: started, readyz: ready, says: "newest openclaw.json",
			config: `{"payload":{"valid":true,"configRevisionHash":"b","appliedConfigHash":"a"}}`,
		},
		"the config on the disk is bad": {
			startup: started, readyz: ready, says: "session.dmScope: no such scope",
			config: `{"payload":{"valid":false,"issues":[{"path":"session.dmScope","message":"no such scope"}]}}`,
		},
		"nothing has changed": {startup: started, readyz: ready, config: "never asked", old: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := given(t, standIn{
				"/startupz": {c.status, c.startup}, "/readyz": {0, c.readyz}, "/api/v1/admin/rpc": {0, c.config},
			}, "")
			err := r.Health()(t.Context(), !c.old)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

func TestTheVersionThatIsToReadItValidates(t *testing.T) {
	for name, c := range map[string]struct{ node, says string }{
		"it is valid": {`echo '{"valid":true,"warnings":[]}'`, ""},
		"a warning counts": {
			`echo '{"valid":true,"warnings":[{"path":"channels.telegram","message":"nobody is allowed"}]}'`,
			"channels.telegram: nobody is allowed",
		},
		"an issue is told": {
			`echo '{"valid":false,"issues":[{"path":"tools.exec","message":"unknown"}]}'; exit 1`, "tools.exec: unknown",
		},
		"it says nothing":     {`exit 1`, "does not say whether"},
		"its state is apart":  {`case $OPENCLAW_STATE_DIR in */next/*) echo '{"valid":true}';; esac`, ""},
		"it reads what waits": {`case $OPENCLAW_CONFIG_PATH in */next/openclaw.json) echo '{"valid":true}';; esac`, ""},
		"it is asked to":      {`case "$*" in *openclaw.mjs' config validate --json') echo '{"valid":true}';; esac`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := given(t, nil, c.node)
			next := filepath.Join(t.TempDir(), "next")
			write(t, filepath.Join(next, "version"), reads.Default)
			err := r.Validate(t.Context(), next)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
			if left, err := os.ReadDir(next); err != nil || len(left) != 1 {
				t.Errorf("left are %v (%v)", left, err)
			}
		})
	}
}

func TestAVersionThatIsNotThereIsSaid(t *testing.T) {
	r := given(t, nil, "")
	next := t.TempDir()
	write(t, filepath.Join(next, "version"), "2030.1.1")
	err := r.Validate(t.Context(), next)
	if err == nil || !strings.Contains(err.Error(), "OpenClaw 2030.1.1 is not installed") {
		t.Error(err)
	}
	if program, err := r.Program(); err != nil || !strings.HasSuffix(program.Args[0], "openclaw.mjs") {
		t.Errorf("%+v %v", program, err)
	}
}

func TestWhatItReadsHasItsTokenAndItsKeysApart(t *testing.T) {
	r := given(t, nil, "")
	files, err := r.Render([]byte(config), map[string]string{"llm": "sk-1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files.Runtime {
		holds := strings.Contains(string(file.Content), "sk-1") || strings.Contains(string(file.Content), `"token"`+"\n")
		if holds != (file.Name == "runtime.env") {
			t.Errorf("%s is %s", file.Name, file.Content)
		}
	}
	if len(files.Workspace) == 0 || r.Environment()["OPENCLAW_CONFIG_READONLY"] != "1" {
		t.Error("there is no workspace, or OpenClaw may write its configuration")
	}
	if _, err := r.Render([]byte(`[]`), nil); err == nil {
		t.Error("a config that is none is rendered")
	}
}
