// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/cedros-io/open-spawn/internal/agent/agenttest"
	"github.com/cedros-io/open-spawn/internal/agent/helper/helpertest"
	"github.com/cedros-io/open-spawn/internal/openclaw"
)

const (
	bot = `{"name":"scout","namespace":"desk","displayName":"Scout","persona":"Beginner",
	"trading":{"mode":"Paper","assetFocus":"Majors","signals":{}},
	"llm":{"provider":"anthropic","model":"m","apiKey":"llm"},"openclaw":{"version":"` + openclaw.Default + `"}}`
	// sits is a runtime as a unit: what asks it is answered by somebody else.
	sits = `trap 'exit 143' TERM; echo "start $$" >> "$log"; while :; do sleep 0.02; done`
)

// asOpenClaw has the machine run OpenClaw as a unit. It is a shell, and the test answers for it.
func (f *fleet) asOpenClaw() *helpertest.Systemd {
	f.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, map[string]string{
			"/startupz":         `{"status":"started","version":"` + openclaw.Default + `"}`,
			"/readyz":           `{"ready":true}`,
			"/api/v1/admin/rpc": `{"payload":{"valid":true,"configRevisionHash":"a","appliedConfigHash":"a"}}`,
		}[r.URL.Path])
	}))
	f.t.Cleanup(server.Close)
	address, _ := server.Listener.Addr().(*net.TCPAddr)
	node := filepath.Join(f.dir, "node")
	entry := filepath.Join(f.dir, "versions", openclaw.Default, "node_modules", "openclaw", "openclaw.mjs")
	f.must(os.WriteFile(node, []byte("#!/bin/sh\necho '{\"valid\":true}'\n"), 0o755))
	f.must(os.MkdirAll(filepath.Dir(entry), 0o755))
	f.must(os.WriteFile(entry, nil, 0o600))
	socket := filepath.Join(f.dir, "helper.sock")
	systemd, err := helpertest.New(socket, func() (*exec.Cmd, error) {
		cmd := exec.Command("/bin/sh", "-c", sits)
		cmd.Env = []string{"log=" + f.out(), "PATH=" + os.Getenv("PATH")}
		return cmd, nil
	})
	f.must(err)
	f.t.Cleanup(systemd.Close)
	path := filepath.Join(f.dir, "config.yaml")
	content, err := os.ReadFile(path)
	f.must(err)
	config := map[string]any{}
	f.must(yaml.Unmarshal(content, &config))
	config["runtime"] = map[string]any{
		"directory": filepath.Join(f.dir, "runtime"), "helper": socket, "workspace": filepath.Join(f.dir, "workspace"),
		"openclaw": map[string]any{
			"node": node, "versions": filepath.Join(f.dir, "versions"), "state": filepath.Join(f.dir, "openclaw"),
			"home": filepath.Join(f.dir, "home"), "port": address.Port,
		},
	}
	content, err = yaml.Marshal(config)
	f.must(err)
	f.must(os.WriteFile(path, content, 0o600))
	f.Change(func(m *agenttest.Memory) { m.Content, m.Secrets = bot, map[string]string{"llm": canary} })
	return systemd
}

func (f *fleet) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fleet) untilHealthy(version string) {
	f.t.Helper()
	f.untilVersion(version)
	f.until("it is healthy with "+version, patience, func() (is bool) {
		f.systemd()
		f.Look(func(m *agenttest.Memory) {
			b := m.Beats[len(m.Beats)-1]
			is = b.AgentVersion == version && b.OpenClaw.Healthy && b.AppliedConfig == m.Version
		})
		return is
	})
}

func TestOpenClawGoesOnWhileItsAgentIsReplaced(t *testing.T) {
	f := &fleet{process: given(t)}
	var err error
	f.builds, err = builds()
	f.must(err)
	f.must(os.Remove(f.path))
	f.must(os.WriteFile(f.path, f.builds["v1"], 0o755))
	systemd := f.asOpenClaw()
	f.again()
	f.untilHealthy("v1")
	pid := systemd.PID()

	f.order(f.builds["v2"])
	f.untilHealthy("v2")
	if got := systemd.PID(); got != pid || len(f.started()) != 1 {
		t.Errorf("OpenClaw was started again: %q", f.started())
	}
	if !strings.Contains(f.log.String(), "the runtime has run on") {
		t.Error("it is not said that it has run on")
	}

	f.Change(func(m *agenttest.Memory) { m.Secrets = map[string]string{"llm": canary + "-2"}; m.Version = 2 })
	f.untilHealthy("v2")
	if len(f.started()) != 2 {
		t.Errorf("with another key it was started %d times", len(f.started()))
	}
	f.order([]byte("#!/bin/sh\nexit 1\n")) // systemd stops OpenClaw when such a build ends: here nobody does
	f.untilLogged("it has ended 2 times before any gateway has answered it")
	f.untilHealthy("v2")

	f.stop(syscall.SIGTERM)
	if systemd.PID() != 0 {
		t.Error("OpenClaw runs without an agent")
	}
}
