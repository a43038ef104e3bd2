// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/agent"
	"github.com/cedros-io/open-spawn/internal/agent/agenttest"
	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
	"github.com/cedros-io/open-spawn/internal/token"
)

const (
	machine  = "scout-k3v9x2m1qab7c"
	instance = 4711
	canary   = "sk-canary-of-a-model"
	patience = 20 * time.Second
	// standIn is a runtime that writes down what it was started with, refuses what it is told to, and ends when asked.
	standIn = `trap 'exit 0' TERM; read -r config < config.json || :; echo "start $config $KEY" >> $log
		case $config in *refuse*) echo no >&2; exit 78;; esac; while :; do sleep 0.02; done`
)

// world is an agent with a gateway, a clock that is moved by hand, and a stand-in for the runtime.
type world struct {
	*agenttest.Gateway
	t      *testing.T
	clock  *clocktesting.FakeClock
	config agent.Config
	out    string
	log    *lockedBuffer
	end    func()
	err    error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	memory := &agenttest.Memory{
		Machine: machine, Token: token.NewRegistration([]byte("key"), machine), Instance: instance, Run: true,
		Version: 1, Content: `{"n":1}`, Secrets: map[string]string{"credential/KEY": canary},
	}
	memory.Orders.NextHeartbeatSeconds = 10
	w := &world{
		t: t, clock: clocktesting.NewFakeClock(time.Unix(2e9, 0)), log: &lockedBuffer{}, out: filepath.Join(dir, "out"),
		end: func() {},
	}
	w.Gateway = w.gateway(memory)
	w.config = agent.Config{
		Machine: machine, Gateways: []string{w.URL}, GatewayCA: w.CA, RegistrationToken: memory.Token.Reveal(),
		InstanceID: instance, StateDirectory: filepath.Join(dir, "state"),
		Runtime: agent.Runtime{
			Command: "/bin/sh", Args: []string{"-c", standIn}, Environment: map[string]string{"log": w.out},
			Directory: filepath.Join(dir, "runtime"), HealthyAfterSeconds: 100, StartSeconds: 600, RestartSeconds: 60,
			StopSeconds: 20, Reload: supervisor.Restart,
		},
	}
	t.Cleanup(func() {
		w.end()
		for _, secret := range []string{canary, memory.Token.Reveal()[len("osr1."+machine+"."):], "osc1." + machine + ".A"} {
			if strings.Contains(w.log.String(), secret) {
				t.Errorf("the log tells %s", secret)
			}
		}
	})
	return w
}

func (w *world) gateway(memory *agenttest.Memory) *agenttest.Gateway {
	w.t.Helper()
	g, err := agenttest.NewGateway(memory)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(g.Close)
	return g
}

// start begins a life of the agent, which end ends.
func (w *world) start() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.err = agent.Run(ctx, w.config, agent.Deps{
			Clock: w.clock, Random: func() float64 { return 0.5 }, Log: slog.New(slog.NewJSONHandler(w.log, nil)),
			Output: w.log,
		})
	}()
	w.end = func() {
		cancel()
		w.until("the agent ends", 0, func() bool {
			select {
			case <-ended:
				return true
			default:
				return false
			}
		})
		w.end = func() {}
	}
}

// until moves time on, in steps that give real processes and sockets their own time, until something is so.
func (w *world) until(what string, step time.Duration, is func() bool) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range int(patience / (5 * time.Millisecond)) {
		if is() {
			return
		}
		<-tick.C
		w.clock.Step(step)
	}
	w.t.Fatalf("it does not come about that %s; the runtime: %q; the log:\n%s", what, w.said(), w.log)
}

// untilTold is until, of what the gateway knows.
func (w *world) untilTold(what string, step time.Duration, is func(*agenttest.Memory) bool) {
	w.t.Helper()
	w.until(what, step, func() (so bool) {
		w.Look(func(m *agenttest.Memory) { so = is(m) })
		return so
	})
}

// said is what the stand-in has written.
func (w *world) said() []string {
	content, err := os.ReadFile(w.out)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}

// untilSays waits until the stand-in has written so many lines, and wants the last to be this.
func (w *world) untilSays(lines int, last string) {
	w.t.Helper()
	w.until(fmt.Sprintf("the runtime says %q", last), time.Second, func() bool {
		said := w.said()
		return len(said) == lines && said[lines-1] == last
	})
}

func started(n int) string { return fmt.Sprintf(`start {"n":%d} %s`, n, canary) }

// edit is a new version of the config.
func (w *world) edit(version int64, content string) {
	w.Change(func(m *agenttest.Memory) { m.Version, m.Content = version, content })
}

func (w *world) untilApplied(version int64) {
	w.t.Helper()
	w.untilTold(fmt.Sprintf("config %d is applied", version), time.Second, func(m *agenttest.Memory) bool {
		b := last(m)
		return b.AppliedConfig == version && b.Result != nil && b.Result.Version == version && b.Result.Applied &&
			b.OpenClaw.Running && b.OpenClaw.Healthy
	})
}

// stops is how often the runtime was stopped.
func (w *world) stops() int { return strings.Count(w.log.String(), "the runtime is stopped") }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
