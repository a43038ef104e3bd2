// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/cedros-io/open-spawn/internal/openclaw"
)

// stubVariable makes this test binary a stand-in for Node with OpenClaw, as far as an agent can tell.
const stubVariable = "OPEN_SPAWN_TEST_STUB"

func TestMain(m *testing.M) {
	if os.Getenv(stubVariable) != "" {
		os.Exit(stub(os.Args[1], os.Args[2]))
	}
	os.Exit(m.Run())
}

// stub is a version of OpenClaw. It refuses what a later one has remembered, as OpenClaw does, and otherwise does what
// is written in place of its program.
func stub(entry, verb string) (code int) {
	version := filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(entry))))
	does, _ := os.ReadFile(entry)
	if verb == "config" {
		_, _ = os.Stdout.WriteString(`{"valid":true,"warnings":[]}`)
		return 0
	}
	remembers := filepath.Join(os.Getenv("OPENCLAW_STATE_DIR"), "written-by")
	before, _ := os.ReadFile(remembers)
	if len(before) > 0 && openclaw.Compare(string(before), version) > 0 {
		fmt.Fprintln(os.Stderr, "a later version has written this")
		return 78
	}
	if err := os.WriteFile(remembers, []byte(version), 0o600); err != nil {
		return 1
	}
	if string(does) == "crash" {
		fmt.Fprintln(os.Stderr, "it cannot migrate")
		return 1
	}
	return serveStub(version)
}

func serveStub(version string) (code int) {
	content, err := os.ReadFile(os.Getenv("OPENCLAW_CONFIG_PATH"))
	if err != nil {
		return 78
	}
	var config struct {
		Gateway struct {
			Port int `json:"port"`
		} `json:"gateway"`
	}
	if json.Unmarshal(content, &config) != nil {
		return 78
	}
	says := http.NewServeMux()
	for path, answer := range map[string]string{
		"/startupz": `{"status":"started","version":"` + version + `"}`, "/readyz": `{"ready":true}`,
		"/api/v1/admin/rpc": `{"payload":{"valid":true,"configRevisionHash":"a","appliedConfigHash":"a"}}`,
	} {
		says.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) })
	}
	server := &http.Server{Addr: "127.0.0.1:" + strconv.Itoa(config.Gateway.Port), Handler: says}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	go func() { <-asked; _ = server.Close() }()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return 1
	}
	return 0
}
