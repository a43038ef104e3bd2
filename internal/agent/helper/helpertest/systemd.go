// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package helpertest stands for root's helper, and for systemd behind it, where tests have neither: what is started
// really runs, and ends as a unit does.
package helpertest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"github.com/cedros-io/open-spawn/internal/agent/helper"
)

// said is how much of what was printed is kept.
const said = 4 << 10

// Systemd has one unit, which is OpenClaw's.
type Systemd struct {
	// command makes the process that is to be started.
	command  func() (*exec.Cmd, error)
	listener net.Listener
	serving  sync.WaitGroup

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{}
	status helper.Status
	output *os.File
	calls  []string
	// do is what verbs do that have nothing to do with the unit.
	do map[string]func() ([]byte, error)
}

// New listens on a socket. What is started is what command returns then.
func New(socket string, command func() (*exec.Cmd, error)) (*Systemd, error) {
	output, err := os.OpenFile(socket+".out", os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600) //nolint:gosec // of a test
	if err != nil {
		return nil, fmt.Errorf("standing for the journal: %w", err)
	}
	listener, err := net.Listen("unix", socket) //nolint:noctx // it is there at once
	if err != nil {
		return nil, fmt.Errorf("standing for the helper: %w", err)
	}
	s := &Systemd{
		command: command, listener: listener, status: helper.Status{State: "inactive"}, output: output,
		do: map[string]func() ([]byte, error){
			helper.ValidateRuntime: func() ([]byte, error) { return []byte(`{"valid":true}`), nil },
		},
	}
	s.serving.Go(s.serve)
	return s, nil
}

// On has a verb do something, such as a validation, instead of nothing.
func (s *Systemd) On(verb string, do func() ([]byte, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.do[verb] = do
}

// Change changes what is told of the unit.
func (s *Systemd) Change(to func(*helper.Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to(&s.status)
}

// Calls are the verbs that were called, in order, but for those that only ask.
func (s *Systemd) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.calls...)
}

// PID is that of the unit's process; 0 when it does not run.
func (s *Systemd) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status.PID
}

// Close ends what runs, and hears nobody any more.
func (s *Systemd) Close() {
	_ = s.listener.Close()
	s.serving.Wait()
	s.mu.Lock()
	ended := s.ended
	s.signal(syscall.SIGKILL)
	s.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

func (s *Systemd) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { s.answer(conn) })
	}
}

func (s *Systemd) answer(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	verb, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	told, err := s.obey(strings.TrimSuffix(verb, "\n"))
	answer := "ok"
	if err != nil {
		answer, told = strings.Join(strings.Fields(err.Error()), " "), nil
	}
	_, _ = conn.Write(append([]byte(answer+"\n"), told...))
}

func (s *Systemd) obey(verb string) ([]byte, error) {
	s.mu.Lock()
	if verb != helper.RuntimeStatus {
		s.calls = append(s.calls, verb)
	}
	if do := s.do[verb]; do != nil {
		s.mu.Unlock()
		return do()
	}
	defer s.mu.Unlock()
	switch verb {
	case helper.StartRuntime:
		return nil, s.start()
	case helper.StopRuntime:
		s.stop()
	case helper.KillRuntime:
		if s.status.PID == 0 {
			return nil, errors.New("exit status 1")
		}
		s.signal(syscall.SIGKILL)
	case helper.RuntimeStatus:
		told := s.status
		if !told.Runs() && told.Result != "" {
			told.Said = s.lastWords()
		}
		return json.Marshal(told)
	}
	return nil, nil
}

func (s *Systemd) start() error {
	if s.status.Runs() {
		return nil
	}
	cmd, err := s.command()
	if err != nil {
		return err
	}
	if err := s.output.Truncate(0); err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = s.output, s.output, &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		s.status = helper.Status{State: "failed", Result: "exit-code"}
		return err
	}
	s.cmd, s.ended = cmd, make(chan struct{})
	s.status = helper.Status{State: "active", PID: cmd.Process.Pid, Result: "success"}
	go s.wait(cmd, s.ended)
	return nil
}

// stop asks the process itself, as KillMode=mixed has it.
func (s *Systemd) stop() {
	if s.status.PID != 0 {
		s.status.State = "deactivating"
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
	}
}

func (s *Systemd) signal(signal syscall.Signal) {
	if s.status.PID != 0 {
		_ = syscall.Kill(-s.status.PID, signal)
	}
}

// wait ends what the process has left, and remembers how it ended.
func (s *Systemd) wait(cmd *exec.Cmd, ended chan struct{}) {
	defer close(ended)
	_ = cmd.Wait() // how it ended is in its state
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = helper.Status{State: "inactive", Result: "success"}
	how, is := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case is && how.Signaled():
		s.status.Signal, s.status.Result = int(how.Signal()), "signal"
	default:
		s.status.Exited, s.status.ExitCode = true, cmd.ProcessState.ExitCode()
	}
	if s.status.Signal != 0 || s.status.ExitCode != 0 {
		s.status.State = "failed"
	}
}

// lastWords are the end of what was printed.
func (s *Systemd) lastWords() string {
	content, err := os.ReadFile(s.output.Name())
	if err != nil {
		return ""
	}
	return string(content[max(0, len(content)-said):])
}
