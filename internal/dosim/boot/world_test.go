// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package boot_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/agent/agenttest"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/dosim/boot"
	"github.com/cedros-io/open-spawn/internal/token"
	"github.com/cedros-io/open-spawn/internal/userdata"
)

const (
	scout, hawk = "scout-k3v9x2m1qab7c", "hawk-a1b2c3d4e5f6g"
	patience    = 30 * time.Second
	// firstID is that of a simulator's first droplet.
	firstID = int64(500000001)
	// standIn writes down who it is.
	standIn = `echo $$ >> ../../../runtimes; exec sleep 2147483647`
)

// binary is the agent, built once for all tests.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "boot-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "agent")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "github.com/cedros-io/open-spawn/cmd/agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the agent: %v\n%s", err, output)
		return 1
	}
	return m.Run()
}

// world is a simulator whose droplets run agents.
type world struct {
	t        *testing.T
	sim      *dosim.Server
	machines *boot.Machines
	url, dir string
	said     *said
	created  int64
}

func newWorld(t *testing.T, clock clock.Clock) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), said: &said{}}
	var err error
	w.machines, err = boot.New(boot.Options{
		Agent: binary, Dir: filepath.Join(w.dir, "machines"), Clock: clock, Output: w.said,
		Log: slog.New(slog.NewJSONHandler(w.said, nil)),
		Runtime: func(boot.Where) (map[string]any, error) {
			return map[string]any{
				"command": "/bin/sh", "args": []string{"-c", standIn}, "healthyAfterSeconds": 1, "restartSeconds": 1,
				"stopSeconds": 1,
			}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.sim = dosim.New(dosim.Options{Admin: true, Machines: w.machines})
	server := httptest.NewServer(w.sim)
	w.url = server.URL
	t.Cleanup(func() {
		server.Close()
		w.sim.Close()
		if err := w.machines.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// gateway knows one machine, which is to run.
func (w *world) gateway(machine string) *agenttest.Gateway {
	w.t.Helper()
	memory := &agenttest.Memory{
		Machine: machine, Token: token.NewRegistration([]byte("key"), machine), Run: true, Version: 1, Content: `{"n":1}`,
	}
	memory.Orders.NextHeartbeatSeconds = 1
	g, err := agenttest.NewGateway(memory)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(g.Close)
	return g
}

// userData is what the manager would have written.
func (w *world) userData(g *agenttest.Gateway) string {
	w.t.Helper()
	var machine userdata.Machine
	g.Look(func(m *agenttest.Memory) { machine.Name, machine.Registration = m.Machine, m.Token })
	machine.Gateways, machine.GatewayCA = []string{g.URL}, g.CA
	machine.AgentSHA256 = map[string]string{"amd64": strings.Repeat("a", 64), "arm64": strings.Repeat("b", 64)}
	machine.Runtime = map[string]any{"command": "/opt/openclaw", "directory": "/run/openclaw"}
	data, err := userdata.Render(machine)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// create makes a droplet, which the gateway knows already: an agent that is refused waits for minutes.
func (w *world) create(g *agenttest.Gateway, image any, userData string) int64 {
	w.t.Helper()
	w.created++
	id := firstID + w.created - 1
	g.Change(func(m *agenttest.Memory) { m.Instance = id })
	var made struct{ Droplet struct{ ID int64 } }
	w.call(http.MethodPost, "/v2/droplets", map[string]any{
		"name": "some", "region": "nyc3", "size": "s-1vcpu-1gb", "image": image, "user_data": userData,
	}, &made)
	if made.Droplet.ID != id {
		w.t.Fatalf("the droplet is %d, want %d", made.Droplet.ID, id)
	}
	return id
}

// act completes an action.
func (w *world) act(id int64, kind string, more ...string) {
	w.t.Helper()
	body := map[string]any{"type": kind}
	for i := 0; i < len(more); i += 2 {
		body[more[i]] = more[i+1]
	}
	w.call(http.MethodPost, fmt.Sprintf("/v2/droplets/%d/actions", id), body, nil)
}

func (w *world) call(method, path string, body, into any) {
	w.t.Helper()
	if status := w.try(method, path, body, into); status >= http.StatusBadRequest {
		w.t.Fatalf("%s %s: %d", method, path, status)
	}
	w.sim.CatchUp()
}

func (w *world) try(method, path string, body, into any) (status int) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, bytes.NewReader(raw))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer any")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			w.t.Fatal(err)
		}
	}
	return response.StatusCode
}

// agent is that of an instance, by the admin endpoint; one without a process when there is none.
func (w *world) agent(id int64) dosim.Agent {
	w.t.Helper()
	var answer struct{ Agents []dosim.Agent }
	w.call(http.MethodGet, "/_sim/agents", nil, &answer)
	for _, agent := range answer.Agents {
		if agent.Instance == id {
			return agent
		}
	}
	return dosim.Agent{}
}

// runtimes are the processes of the stand-in that live.
func (w *world) runtimes() (living []int) {
	content, _ := os.ReadFile(filepath.Join(w.dir, "machines", "runtimes"))
	for _, field := range strings.Fields(string(content)) {
		if pid, err := strconv.Atoi(field); err == nil && lives(pid) {
			living = append(living, pid)
		}
	}
	return living
}

// lives is false for a zombie, for which nobody may be waiting.
func lives(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !is(); {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("it does not come about that %s; it was said:\n%s", what, w.said)
		}
	}
}

// untilRuns waits for a heartbeat of an instance in a boot that was not heard before, with a healthy runtime, and gives
// its boot.
func (w *world) untilRuns(g *agenttest.Gateway, id int64, before ...string) (bootID string) {
	w.t.Helper()
	w.until(fmt.Sprintf("%d runs in another boot than %v", id, before), func() (runs bool) {
		g.Look(func(m *agenttest.Memory) {
			if len(m.Beats) > 0 {
				last := m.Beats[len(m.Beats)-1]
				bootID = last.BootID
				runs = last.InstanceID == id && last.OpenClaw.Healthy && last.AppliedConfig == 1
			}
		})
		for _, old := range before {
			runs = runs && bootID != old
		}
		return runs && len(w.runtimes()) == 1
	})
	return bootID
}

func (w *world) untilNothingRuns(id int64) {
	w.t.Helper()
	w.until(fmt.Sprintf("nothing runs on %d", id), func() bool {
		return w.agent(id).PID == 0 && len(w.runtimes()) == 0
	})
}

// said is what agents and machines have logged.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(text)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
