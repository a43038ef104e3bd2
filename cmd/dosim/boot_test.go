// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/userdata"
)

const patience = 20 * time.Second

// standInAgent is an agent in a shell, as far as --boot can tell: --agent may be any program.
const standInAgent = "#!/bin/sh\nexec sleep 2147483647\n"

// simulator is dosim as a process.
type simulator struct {
	cmd *exec.Cmd
	url string
}

// startSimulator starts dosim with an agent beside it, and the flags.
func startSimulator(t *testing.T, dir string, flags ...string) *simulator {
	t.Helper()
	binary := filepath.Join(dir, "dosim")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, output)
	}
	if err := os.WriteFile(filepath.Join(dir, "agent"), []byte(standInAgent), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, append([]string{"--listen=127.0.0.1:0", "--boot"}, flags...)...)
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	url, found := strings.CutPrefix(strings.TrimSpace(line), "dosim: serving ")
	if err != nil || !found {
		t.Fatalf("it prints %q (%v)", line, err)
	}
	return &simulator{cmd, url}
}

// plant puts a droplet with an agent into it, and gives the process of that.
func (s *simulator) plant(t *testing.T) (pid int) {
	t.Helper()
	body, err := json.Marshal(map[string]string{
		"name": "planted",
		"user_data": "#cloud-config\nwrite_files:\n- path: " + userdata.AgentConfigPath +
			"\n  content: 'machine: planted'\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(s.url+"/_sim/droplets", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "the agent runs", func() bool {
		var answer struct{ Agents []dosim.Agent }
		if err := json.Unmarshal([]byte(get(t, s.url+"/_sim/agents")), &answer); err != nil {
			t.Fatal(err)
		}
		if len(answer.Agents) > 0 {
			pid = answer.Agents[0].PID
		}
		return pid != 0
	})
	return pid
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !is(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it does not come about that %s", what)
		}
	}
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

func TestNoAgentOutlivesTheSimulator(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			dir := t.TempDir()
			disks := filepath.Join(dir, "disks")
			s := startSimulator(t, dir, "--boot-dir="+disks)
			pid := s.plant(t)
			if err := s.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = s.cmd.Wait()
			until(t, "the agent is gone", func() bool { return !lives(pid) })
			left, err := os.ReadDir(disks)
			if signal == syscall.SIGTERM && (err != nil || len(left) > 0) {
				t.Errorf("left: %v (%v)", left, err)
			}
		})
	}
}

func TestDisksAreSomewhereTemporary(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", filepath.Join(dir, "tmp"))
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	agent := filepath.Join(dir, "other")
	if err := os.WriteFile(agent, []byte(standInAgent), 0o700); err != nil {
		t.Fatal(err)
	}
	s := startSimulator(t, dir, "--agent="+agent)
	s.plant(t)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "tmp", "dosim-*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v (%v)", left, err)
	}
}

func TestBootWithoutAnAgentSaysSo(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "agent")
	var stdout, stderr bytes.Buffer
	args := []string{"--listen=127.0.0.1:0", "--boot", "--agent=" + missing}
	code := run(t.Context(), args, environment(nil), &stdout, &stderr)
	if code != 1 || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), missing) {
		t.Errorf("exit %d: %s", code, &stderr)
	}
}
