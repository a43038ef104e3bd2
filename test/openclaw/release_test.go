// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cedros-io/open-spawn/internal/modelsim"
	"github.com/cedros-io/open-spawn/internal/openclaw"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// older is a version that the newest one takes over from.
const older = "2026.9.5"

func names(version string) func(*protocol.BotConfig) {
	return func(c *protocol.BotConfig) { c.OpenClaw.Version = version }
}

func runs(config int64, version string) func(protocol.Heartbeat) bool {
	return func(h protocol.Heartbeat) bool { return applied(config)(h) && h.OpenClaw.Version == version }
}

func refused(config int64) func(protocol.Heartbeat) bool {
	return func(h protocol.Heartbeat) bool {
		return h.Result != nil && h.Result.Version == config && !h.Result.Applied
	}
}

func TestAVersionThatDoesNotWorkGivesWayToTheOneThatDid(t *testing.T) {
	w := newWorld(t)
	first := w.edit(nil, names(older))
	came := w.in("versions") // a machine that came with the older one, and was given a newer one that is broken
	broken := filepath.Join(came, openclaw.Default, "node_modules", "openclaw")
	if err := os.MkdirAll(broken, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(installed, older), filepath.Join(came, older)); err != nil {
		t.Fatal(err)
	}
	program := `if (process.argv[2] === "config") console.log('{"valid":true}'); else process.exit(3);`
	if err := os.WriteFile(filepath.Join(broken, "openclaw.mjs"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	w.config.Runtime.OpenClaw.Versions = came
	w.start()
	w.until("the older version runs", runs(first, older))
	w.say("remember 4711")
	second := w.edit(nil, names(openclaw.Default))
	w.until("the newer version is given up", refused(second))
	w.until("the older version runs again", runs(first, older))
	if got := w.say("still there"); got != modelsim.Reply+"still there" {
		t.Errorf("it answers %q", got)
	}
	if before := w.asked().Before; !slices.Contains(before, "remember 4711") {
		t.Errorf("it has forgotten what was said before, but for %q", before)
	}
}
