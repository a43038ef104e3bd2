// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent"
	"github.com/cedros-io/open-spawn/internal/agent/agenttest"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

const (
	older, newer = "2026.9.5", "2026.9.6"
	// unhurried is how fast time goes where real processes start.
	unhurried = 50 * time.Millisecond
)

// releases is a world that runs a stand-in for OpenClaw, of which there are versions.
type releases struct {
	*world
	dir string
}

// newReleases is a machine that came with the older version.
func newReleases(t *testing.T) *releases {
	t.Helper()
	w := &releases{world: newWorld(t), dir: t.TempDir()}
	w.version(w.in("came"), older, "work")
	node := w.in("node")
	w.file(node, "#!/bin/sh\n"+stubVariable+"=1 exec "+os.Args[0]+` "$@"`+"\n")
	for _, name := range []string{"state", "home", "installs"} {
		if err := os.MkdirAll(w.in(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.config.Runtime = agent.Runtime{
		OpenClaw: &agent.OpenClaw{
			Node: node, Versions: w.in("came"), Installs: w.in("installs"), State: w.in("state"), Home: w.in("home"),
			Port: freePort(t),
		},
		Directory: w.in("runtime"), Workspace: w.in("workspace"), HealthyAfterSeconds: 1, StartSeconds: 600,
		RestartSeconds: 60, StopSeconds: 20,
	}
	w.Change(func(m *agenttest.Memory) {
		m.Orders.NextHeartbeatSeconds = 1
		m.Content, m.Secrets = content(older), map[string]string{"llm": canary}
	})
	return w
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	address, _ := listener.Addr().(*net.TCPAddr)
	return address.Port
}

func (w *releases) in(name string) string { return filepath.Join(w.dir, name) }

func (w *releases) file(path, content string) {
	w.t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(content), 0o700)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// version puts one into a directory; what it does is written in place of its program.
func (w *releases) version(directory, version, does string) {
	w.file(filepath.Join(directory, version, "node_modules", "openclaw", "openclaw.mjs"), does)
}

// content is a config for a version.
func content(version string) string {
	text, err := json.Marshal(protocol.BotConfig{
		Name: "scout", Namespace: "desk", DisplayName: "Scout", Persona: "Beginner", OnLostContact: "KeepRunning",
		Trading: protocol.Trading{Mode: "Paper"}, OpenClaw: protocol.Runtime{Version: version},
		LLM: protocol.LLM{Provider: "anthropic", Model: "m", APIKey: "llm"},
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// archive is that of a version, and its digest.
func (w *releases) archive(version, does string) (packed []byte, digest string) {
	w.t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	pack := tar.NewWriter(zip)
	node, err := os.ReadFile(w.in("node"))
	if err != nil {
		w.t.Fatal(err)
	}
	for name, content := range map[string]string{
		"node/bin/node": string(node), version + "/node_modules/openclaw/openclaw.mjs": does,
	} {
		err := pack.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = pack.Write([]byte(content))
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if err := pack.Close(); err != nil {
		w.t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		w.t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	return b.Bytes(), hex.EncodeToString(sum[:])
}

// offer has gateways tell of an archive of the newer version, and have it.
func (w *releases) offer(does string) {
	packed, digest := w.archive(newer, does)
	w.Change(func(m *agenttest.Memory) {
		m.Builds = map[string][]byte{digest: packed}
		m.Orders.OpenClawSHA256 = map[string]map[string]string{newer: {runtime.GOARCH: digest}}
	})
}

// untilRuns waits until a config is applied, by a version.
func (w *releases) untilRuns(config int64, version string) {
	w.t.Helper()
	w.untilTold(fmt.Sprintf("config %d is applied by OpenClaw %s", config, version), unhurried,
		func(m *agenttest.Memory) bool {
			b := last(m)
			return b.AppliedConfig == config && b.OpenClaw.Healthy && b.OpenClaw.Version == version
		})
}

// untilRefused waits until a config is refused, and gives the reason.
func (w *releases) untilRefused(config int64) (why string) {
	w.t.Helper()
	w.untilTold(fmt.Sprintf("config %d is refused", config), unhurried, func(m *agenttest.Memory) bool {
		r := last(m).Result
		if r == nil || r.Version != config || r.Applied || strings.Contains(r.Message, "the manager knows no archive") {
			return false // that may be so for the moment until the next orders
		}
		why = r.Message
		return true
	})
	return why
}

// writtenBy is the version that has written what OpenClaw remembers.
func (w *releases) writtenBy() string {
	content, _ := os.ReadFile(filepath.Join(w.in("state"), "written-by"))
	return string(content)
}

func (w *releases) runsFirst() {
	w.start()
	w.untilRuns(1, older)
}

func TestAnotherVersionIsInstalledAndRuns(t *testing.T) {
	w := newReleases(t)
	w.runsFirst()
	w.offer("work")
	w.edit(2, content(newer))
	w.untilRuns(2, newer)
	if w.writtenBy() != newer {
		t.Errorf("its memory is that of %s", w.writtenBy())
	}
	w.end()
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "state.") {
			t.Errorf("%s is left", entry.Name())
		}
	}
	w.Change(func(m *agenttest.Memory) { m.Beats, m.Builds = nil, nil })
	w.start() // and the next life finds it
	w.untilRuns(2, newer)
}

func TestAVersionThatFailsIsGivenUpAndWhatWasRememberedIsPutBack(t *testing.T) {
	w := newReleases(t)
	w.runsFirst()
	w.offer("crash")
	w.edit(2, content(newer))
	if why := w.untilRefused(2); !strings.Contains(why, "it cannot migrate") {
		t.Errorf("it says %q", why)
	}
	w.untilRuns(1, older)
	if w.writtenBy() != older {
		t.Errorf("its memory is that of %s", w.writtenBy())
	}
	w.offer("work") // a mended build has another digest, and another edit asks for it
	if err := os.RemoveAll(filepath.Join(w.in("installs"), newer)); err != nil {
		t.Fatal(err)
	}
	w.edit(3, content(newer))
	w.untilRuns(3, newer)
}

func TestAnEarlierVersionIsRefusedBeforeAnythingIsStopped(t *testing.T) {
	w := newReleases(t)
	w.version(w.in("came"), newer, "work")
	w.edit(1, content(newer))
	w.start()
	w.untilRuns(1, newer)
	stops := w.stops()
	w.edit(2, content(older))
	if why := w.untilRefused(2); !strings.Contains(why, "OpenClaw 2026.9.5 does not open what 2026.9.6 has written") {
		t.Errorf("it says %q", why)
	}
	w.untilRuns(1, newer)
	if w.stops() != stops {
		t.Error("it was stopped for that")
	}
}

func TestAVersionThatCannotBeHadIsSaidAndTriedAgain(t *testing.T) {
	w := newReleases(t)
	w.runsFirst()
	stops := w.stops()
	w.edit(2, content(newer))
	w.untilTold("nobody knows an archive", unhurried, func(m *agenttest.Memory) bool {
		r := last(m).Result
		return r != nil && strings.Contains(r.Message, "the manager knows no archive of it for "+runtime.GOARCH)
	})
	w.Change(func(m *agenttest.Memory) {
		m.Orders.OpenClawSHA256 = map[string]map[string]string{newer: {runtime.GOARCH: strings.Repeat("0", 64)}}
	})
	w.untilTold("no gateway has it", unhurried, func(m *agenttest.Memory) bool {
		r := last(m).Result
		return r != nil && strings.Contains(r.Message, "404")
	})
	if w.stops() != stops {
		t.Error("it was stopped for that")
	}
	w.offer("work")
	w.untilTold("it is had", unhurried, func(m *agenttest.Memory) bool { return last(m).AppliedConfig == 2 })
}

func TestAnAgentThatWasKilledWhileAVersionWasTriedGoesBackAndTriesAgain(t *testing.T) {
	w := newReleases(t)
	w.runsFirst()
	w.offer("work")
	w.edit(2, content(newer))
	w.until("the other version has begun to write", unhurried, func() bool { return w.writtenBy() == newer })
	w.end() // with what was remembered by the one, and the other not shown to work; or just so
	w.Change(func(m *agenttest.Memory) { m.Beats = nil })
	w.start()
	w.untilRuns(2, newer)
}
