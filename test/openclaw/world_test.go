// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/agent"
	"github.com/cedros-io/open-spawn/internal/agent/agenttest"
	"github.com/cedros-io/open-spawn/internal/localrun"
	"github.com/cedros-io/open-spawn/internal/modelsim"
	reads "github.com/cedros-io/open-spawn/internal/openclaw"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

const (
	machine = "scout-k3v9x2m1qab7c"
	// patience bounds every wait: OpenClaw needs 15 s to start on a machine that does nothing else.
	patience = 3 * time.Minute
)

// world is a machine with an agent and OpenClaw.
type world struct {
	*testing.T
	*agenttest.Gateway

	model  *modelsim.Model
	bot    protocol.BotConfig
	port   int
	dir    string
	config agent.Config
	end    func()
}

// newWorld is a machine that has registered nowhere yet, and a bot that it is to run.
func newWorld(t *testing.T) *world {
	t.Helper()
	needsOpenClaw(t)
	w := &world{T: t, model: modelsim.New(), port: freePort(t), dir: t.TempDir(), end: func() {}}
	t.Cleanup(w.model.Close)
	w.bot = protocol.BotConfig{
		Name: "scout", Namespace: "desk", DisplayName: "Scout", Persona: "Beginner", OnLostContact: "KeepRunning",
		GraceSeconds: 150, Trading: protocol.Trading{Mode: "Paper", AssetFocus: "Majors"},
		LLM:      protocol.LLM{Provider: reads.Custom, Model: "sim-1", BaseURL: w.model.BaseURL(), APIKey: "llm"},
		OpenClaw: protocol.Runtime{Version: reads.Default},
	}
	memory := &agenttest.Memory{
		Machine: machine, Token: token.NewRegistration([]byte("key"), machine), Instance: 7, Run: true,
		Version: 1, Content: w.content(), Secrets: map[string]string{"llm": "key-1"},
	}
	memory.Orders.NextHeartbeatSeconds = 1
	var err error
	if w.Gateway, err = agenttest.NewGateway(memory); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	w.config = agent.Config{
		Machine: machine, Gateways: []string{w.URL}, GatewayCA: w.CA, RegistrationToken: memory.Token.Reveal(),
		InstanceID: 7, StateDirectory: w.in("agent"),
		Runtime: agent.Runtime{
			OpenClaw: &agent.OpenClaw{
				Node: filepath.Join(installed, "node", "bin", "node"), Versions: installed, State: w.in("state"),
				Home: w.in("home"), Port: w.port,
			},
			Directory: w.in("memory"), Workspace: w.in("workspace"), HealthyAfterSeconds: 1, StartSeconds: 120,
			RestartSeconds: 5, StopSeconds: 10,
		},
	}
	return w
}

func (w *world) in(name string) string { return filepath.Join(w.dir, name) }

func (w *world) content() string {
	content, err := json.Marshal(w.bot)
	if err != nil {
		w.Fatal(err)
	}
	return string(content)
}

// start begins a life of the agent.
func (w *world) start() {
	w.Helper()
	for _, name := range []string{"state", "home", "workspace"} {
		if err := os.MkdirAll(w.in(name), 0o700); err != nil {
			w.Fatal(err)
		}
	}
	log, err := os.OpenFile(w.in("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- agent.Run(ctx, w.config, agent.Deps{
			Clock: clock.RealClock{}, Random: rand.Float64, Log: slog.New(slog.NewJSONHandler(log, nil)), Output: log,
		})
	}()
	w.end = func() {
		cancel()
		if err := <-ended; err != nil {
			w.Error(err)
		}
		_ = log.Close()
		w.end = func() {}
	}
	w.Cleanup(func() {
		w.end()
		if w.Failed() {
			content, _ := os.ReadFile(w.in("log"))
			w.Logf("the agent and OpenClaw say:\n%s", content[max(0, len(content)-1<<14):])
		}
	})
}

// edit gives the machine another config.
func (w *world) edit(secrets map[string]string, change func(*protocol.BotConfig)) (version int64) {
	w.Helper()
	change(&w.bot)
	content := w.content()
	w.Change(func(m *agenttest.Memory) {
		m.Version++
		m.Content, version = content, m.Version
		if secrets != nil {
			m.Secrets = secrets
		}
	})
	return version
}

// last is the newest heartbeat.
func (w *world) last() (h protocol.Heartbeat) {
	w.Look(func(m *agenttest.Memory) {
		if n := len(m.Beats); n > 0 {
			h = m.Beats[n-1]
		}
	})
	return h
}

// until waits for a heartbeat.
func (w *world) until(what string, is func(protocol.Heartbeat) bool) {
	w.Helper()
	began := clock.RealClock{}.Now()
	for end := time.After(patience); ; {
		if h := w.last(); is(h) {
			w.Logf("%s after %s", what, clock.RealClock{}.Since(began).Round(100*time.Millisecond))
			return
		}
		select {
		case <-end:
			w.Fatalf("it never comes true that %s; the last heartbeat is %+v", what, w.last())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func applied(version int64) func(protocol.Heartbeat) bool {
	return func(h protocol.Heartbeat) bool { return h.AppliedConfig == version && h.OpenClaw.Healthy }
}

// door is OpenClaw's own.
func (w *world) door() localrun.Door {
	return localrun.Door{Port: w.port, EnvFile: filepath.Join(w.in("memory"), "runtime.env")}
}

// say says something to the bot, and gives what it answers.
func (w *world) say(text string) string {
	w.Helper()
	answer, err := w.door().Say(w.Context(), text)
	if err != nil {
		w.Fatal(err)
	}
	return answer
}

// asked is the last question that the model was asked.
func (w *world) asked() modelsim.Asked {
	w.Helper()
	all := w.model.Asked()
	if len(all) == 0 {
		w.Fatal("the model was asked nothing")
	}
	return all[len(all)-1]
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
