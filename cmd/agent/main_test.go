// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cedros-io/open-spawn/internal/agent/agenttest"
	"github.com/cedros-io/open-spawn/internal/token"
)

const (
	machine  = "scout-k3v9x2m1qab7c"
	canary   = "sk-canary-of-a-model"
	patience = 30 * time.Second
	standIn  = `trap 'exit 0' TERM; read -r config < config.json || :; echo "start $config $KEY $$" >> $log
		while :; do sleep 0.02; done`
)

// process is an agent's process with what it was given.
type process struct {
	*agenttest.Gateway
	t    *testing.T
	dir  string
	path string
	cmd  *exec.Cmd
	// ended is closed when it has ended.
	ended chan struct{}
	log   log
}

// log is written while it is read.
type log struct {
	mu      sync.Mutex
	content bytes.Buffer
}

// Write implements io.Writer.
func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.content.Write(line)
}

// String is all that was written.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.content.String()
}

// given has the agent's binary, its configuration as the user data writes it, and a gateway.
func given(t *testing.T) *process {
	t.Helper()
	p := &process{t: t, dir: t.TempDir()}
	p.path = filepath.Join(p.dir, "agent")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", p.path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v: %s", err, out)
	}
	memory := &agenttest.Memory{
		Machine: machine, Token: token.NewRegistration([]byte("key"), machine), Instance: 7, Run: true,
		Version: 1, Content: `{"n":1}`, Secrets: map[string]string{"credential/KEY": canary},
	}
	memory.Orders.NextHeartbeatSeconds = 1
	var err error
	if p.Gateway, err = agenttest.NewGateway(memory); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	content, err := yaml.Marshal(map[string]any{
		"machine": machine, "gateways": []string{p.URL}, "gatewayCA": p.CA, "instanceID": 7,
		"registrationToken": memory.Token.Reveal(), "stateDirectory": filepath.Join(p.dir, "state"),
		"runtime": map[string]any{
			"command": "/bin/sh", "args": []string{"-c", standIn}, "healthyAfterSeconds": 1, "restartSeconds": 1,
			"environment": map[string]string{"log": p.out()}, "directory": filepath.Join(p.dir, "runtime"),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "config.yaml"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd != nil {
			p.stop(syscall.SIGTERM)
		}
	})
	return p
}

func (p *process) out() string { return filepath.Join(p.dir, "out") }

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(p.path, "--config", filepath.Join(p.dir, "config.yaml"))
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.WaitDelay = time.Second // a guard has its standard error too
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	cmd, ended := p.cmd, make(chan struct{})
	p.ended = ended
	go func() { defer close(ended); _ = cmd.Wait() }()
}

func (p *process) stop(with syscall.Signal) {
	p.t.Helper()
	_ = p.cmd.Process.Signal(with)
	<-p.ended
	p.cmd = nil
}

func (p *process) until(what string, within time.Duration, is func() bool) {
	p.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(within); !is(); {
		select {
		case <-tick.C:
		case <-deadline:
			p.t.Fatalf("it does not come about that %s; the runtime: %q", what, p.started())
		}
	}
}

// started are the process ids of the runtimes with each config.
func (p *process) started() (lines []string) {
	content, err := os.ReadFile(p.out())
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}

func (p *process) untilApplied(version int64, starts int) (pid string) {
	p.t.Helper()
	p.until(fmt.Sprintf("config %d is applied", version), patience, func() (is bool) {
		p.Look(func(m *agenttest.Memory) {
			if n := len(m.Beats); n > 0 {
				b := m.Beats[n-1]
				is = b.AppliedConfig == version && b.Result != nil && b.Result.Applied && b.OpenClaw.Healthy
			}
		})
		return is && len(p.started()) == starts
	})
	lines := p.started()
	last, found := strings.CutPrefix(lines[len(lines)-1], fmt.Sprintf(`start {"n":%d} %s `, version, canary))
	if !found {
		p.t.Errorf("the runtime has started with %q", lines)
	}
	return last
}

func gone(pid string) bool {
	content, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	return err != nil || strings.Contains(string(content), ") Z ")
}

func TestALifeOnAMachine(t *testing.T) {
	p := given(t)
	if info, err := os.Stat(p.path); err != nil || info.Size() > 15<<20 {
		t.Errorf("the binary has %d bytes (%v)", info.Size(), err)
	}
	p.start()
	first := p.untilApplied(1, 1)

	p.Change(func(m *agenttest.Memory) { m.Version, m.Content = 2, `{"n":2}` })
	second := p.untilApplied(2, 2)
	if !gone(first) {
		t.Error("two runtimes run")
	}

	p.Change(func(m *agenttest.Memory) { m.Run = false })
	p.until("it is stopped within 2 s", 2*time.Second, func() bool { return gone(second) })
	p.Change(func(m *agenttest.Memory) { m.Run, m.Beats = true, nil })
	third := p.untilApplied(2, 3)

	var credential token.Hash
	p.Look(func(m *agenttest.Memory) { credential = m.Credential })
	p.stop(syscall.SIGKILL)
	p.until("the runtime dies with the agent", patience, func() bool { return gone(third) })
	p.Change(func(m *agenttest.Memory) { m.Beats = nil })
	p.start()
	fourth := p.untilApplied(2, 4)
	p.Look(func(m *agenttest.Memory) {
		if m.Credential != credential || len(m.Registrations) != 1 {
			t.Errorf("it has registered as %+v", m.Registrations)
		}
	})
	p.stop(syscall.SIGTERM)
	if !gone(fourth) {
		t.Error("the runtime runs without an agent")
	}
	for _, secret := range []string{canary, "osr1." + machine + ".", "osc1." + machine + "."} {
		if at := strings.Index(p.log.String(), secret); at >= 0 {
			t.Errorf("the log tells %s", p.log.String()[at:])
		}
	}
}

func TestTheCommandLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("machine: x\nregistrationToken: osr1.secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{}, {"--config", ""}, {"--config", path + "x"}, {"--config", path}, {"--config", path, "y"},
	} {
		if _, err := parse(args); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", args, err)
		}
	}
}
