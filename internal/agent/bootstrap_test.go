// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cedros-io/open-spawn/internal/agent/agenttest"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

func TestHeartbeatsSayHowFarTheMachineIsSetUp(t *testing.T) {
	w := newWorld(t)
	w.config.BootstrapFile = filepath.Join(t.TempDir(), "bootstrap.json")
	want := protocol.BootstrapStep{Name: "packages", Failed: true, Message: "there is no package x"}
	content := `{"name":"packages","failed":true,"message":"there is no package x"}`
	if err := os.WriteFile(w.config.BootstrapFile, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.untilApplied(1)
	w.Look(func(m *agenttest.Memory) {
		if b := last(m).Bootstrap; b == nil || *b != want {
			t.Errorf("it says %+v, want %+v", b, want)
		}
	})
	w.end()
	if err := os.Remove(w.config.BootstrapFile); err != nil {
		t.Fatal(err)
	}
	w.Change(func(m *agenttest.Memory) { m.Beats = nil })
	w.start()
	w.untilApplied(1)
	w.Look(func(m *agenttest.Memory) {
		if b := last(m).Bootstrap; b != nil {
			t.Errorf("it says %+v when all is done", b)
		}
	})
}
