// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent/agenttest"
)

const module = "github.com/cedros-io/open-spawn/internal/"

// builds are agents of which each has another version, made once.
var builds = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "builds-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	all := map[string][]byte{}
	for _, version := range []string{"v1", "v2", "v3"} {
		path := filepath.Join(dir, version)
		cmd := exec.Command("go", "build", "-trimpath", "-o", path, "-ldflags", "-s -w -X "+module+"version.version="+version+
			" -X "+module+"agent/update.spread=50ms -X "+module+"agent/update.trial=4s -X "+module+"agent/update.guard=7s", ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if output, err := cmd.CombinedOutput(); err != nil {
			return nil, &exec.Error{Name: string(output), Err: err}
		}
		if all[version], err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return all, nil
})

// fleet is a process that is started again whenever it ends, as systemd does.
type fleet struct {
	*process
	builds map[string][]byte
	starts int
}

// givenFleet has v1 installed, and running.
func givenFleet(t *testing.T) *fleet {
	t.Helper()
	all, err := builds()
	if err != nil {
		t.Fatal(err)
	}
	p := given(t)
	f := &fleet{process: p, builds: all}
	if err := os.Remove(p.path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.path, all["v1"], 0o755); err != nil {
		t.Fatal(err)
	}
	f.again()
	f.untilVersion("v1")
	return f
}

// again starts it.
func (f *fleet) again() {
	f.t.Helper()
	f.start()
	f.starts++
}

// systemd starts it again when it has ended.
func (f *fleet) systemd() {
	f.t.Helper()
	select {
	case <-f.ended:
		f.again()
	default:
	}
}

// order has a build run, which is one of those, or what it is.
func (f *fleet) order(content []byte) string {
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	f.Change(func(m *agenttest.Memory) {
		if m.Builds == nil {
			m.Builds = map[string][]byte{}
		}
		m.Builds[digest] = content
		m.Orders.AgentSHA256 = map[string]string{runtime.GOARCH: digest}
	})
	return digest
}

func (f *fleet) untilVersion(version string) {
	f.t.Helper()
	f.Change(func(m *agenttest.Memory) { m.Beats = nil })
	f.until("heartbeats are of "+version+"; the log: "+f.log.String(), patience, func() (is bool) {
		f.systemd()
		f.Look(func(m *agenttest.Memory) {
			n := len(m.Beats)
			is = n > 0 && m.Beats[n-1].AgentVersion == version && m.Beats[n-1].OpenClaw.Running
		})
		return is
	})
}

// untilLogged waits for a line of the log.
func (f *fleet) untilLogged(what string) {
	f.t.Helper()
	f.until("it logs "+what, patience, func() bool { f.systemd(); return strings.Contains(f.log.String(), what) })
}

func (f *fleet) agents() (names []string) {
	f.t.Helper()
	entries, err := os.ReadDir(filepath.Join(f.dir, "state", "agents"))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// A child process of an agent ends with it: here the runtime is started again.
func TestAnotherBuildTakesTheAgentsPlace(t *testing.T) {
	f := givenFleet(t)
	pid := f.cmd.Process.Pid
	f.order(f.builds["v2"])
	f.untilVersion("v2")
	f.untilLogged("this build of the agent works")
	f.order(f.builds["v3"])
	f.untilVersion("v3")
	f.until("it is proven", patience, func() bool {
		return strings.Count(f.log.String(), "this build of the agent works") == 2
	})
	if f.starts != 1 || f.cmd.Process.Pid != pid {
		t.Errorf("it was started %d times", f.starts)
	}
	f.stop(syscall.SIGTERM)
	f.again()
	f.untilVersion("v3")
	f.order(f.builds["v2"])
	f.untilVersion("v2")
	if got := len(f.agents()); got != 3 {
		t.Errorf("there are %q: the current one, the one before, and what is remembered are to be", f.agents())
	}
}

func TestABuildThatDoesNotWorkIsLeft(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		build, logs string
	}{
		"it crashes":    {"#!/bin/sh\nexit 1\n", "it has ended 2 times before any gateway has answered it"},
		"it hangs":      {"#!/bin/sh\nexec sleep 1000\n", "does not end its trial by itself, and is killed"},
		"it is nothing": {"\x00\x01\x02", "cannot be started"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := givenFleet(t)
			f.order([]byte(c.build))
			f.untilLogged("a build of the agent is tried")
			f.untilVersion("v1")
			f.untilLogged(c.logs)
			f.untilVersion("v1")
			tried := strings.Count(f.log.String(), "a build of the agent is tried")
			f.untilVersion("v1")
			f.untilVersion("v1")
			if got := strings.Count(f.log.String(), "a build of the agent is tried"); got != tried || got > 2 {
				t.Errorf("it was tried %d times, and then %d", tried, got)
			}
			f.order(f.builds["v2"])
			f.untilVersion("v2")
		})
	}
}

func TestABuildThatNobodyAnswersGoesBack(t *testing.T) {
	f := givenFleet(t)
	f.Change(func(m *agenttest.Memory) { m.Dry = true })
	f.order(f.builds["v2"])
	f.untilLogged("no gateway has answered it in 4s")
	f.Change(func(m *agenttest.Memory) { m.Dry, m.Down = false, false })
	f.untilVersion("v1")
	f.untilVersion("v1")
	if f.starts != 1 {
		t.Errorf("it was started %d times", f.starts)
	}
}

func TestWhatHasAnotherDigestIsNeverRun(t *testing.T) {
	f := givenFleet(t)
	digest := f.order(f.builds["v2"])
	f.Change(func(m *agenttest.Memory) { m.Builds[digest] = f.builds["v3"] })
	f.untilLogged("what came has another digest")
	f.untilVersion("v1")
	f.Change(func(m *agenttest.Memory) { m.Builds[digest] = f.builds["v2"] })
	f.stop(syscall.SIGTERM) // its next attempt would be in a minute
	f.again()
	f.untilVersion("v2")
	f.untilLogged("this build of the agent works")
	f.stop(syscall.SIGTERM)
	file := filepath.Join(f.dir, "state", "agents", digest)
	if err := os.WriteFile(file, f.builds["v3"], 0o700); err != nil {
		t.Fatal(err)
	}
	f.Change(func(m *agenttest.Memory) { m.Orders.AgentSHA256 = nil })
	f.again()
	f.untilVersion("v1")
}

func TestAKillInTheMiddleOfAnythingLosesNothing(t *testing.T) {
	f := givenFleet(t)
	f.order(f.builds["v2"])
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := range 12 { // at other moments of what takes a second or so
		for range 1 + n*60 {
			<-tick.C
		}
		_ = f.cmd.Process.Kill()
		<-f.ended
		f.systemd()
	}
	f.until("heartbeats go on", patience, func() (is bool) {
		f.systemd()
		f.Look(func(m *agenttest.Memory) { is = len(m.Beats) > 2 })
		return is
	})
	if strings.Contains(f.log.String(), "has failed, and the one before it runs") {
		f.order(f.builds["v3"]) // killed too often while on trial: that very build is not tried again
		f.untilVersion("v3")
		return
	}
	f.untilVersion("v2")
}
