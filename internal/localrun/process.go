// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// stopTimeout is how long a child may take to end by itself before it is killed.
	stopTimeout = 20 * time.Second
	// guardScript waits on its standard input: a line means that the child has ended; the end of the input without a
	// line means that we are gone, however that came about, and then it kills the child.
	guardScript = `if read -r line; then exit 0; fi; kill -9 "$1" 2>/dev/null`
)

// ownVariables begin the names of the variables that the programs read as settings. A child gets none from outside:
// what it does must not depend on the terminal it was started from.
var ownVariables = []string{"OPENSPAWN_", "DOSIM_", "KUBECONFIG=", "DIGITALOCEAN_"}

// Process is a child process and its log.
type Process struct {
	// Name is the program's name, for people.
	Name string
	// Log is the file with everything that it writes.
	Log string

	cmd   *exec.Cmd
	ended chan struct{}
}

// command is what to start.
type command struct {
	path string
	args []string
	env  []string
	log  string
}

// start starts a program in its own process group, so that Ctrl-C in a terminal reaches us alone and we end it in
// order. The context's end does not end it.
func start(ctx context.Context, c command) (*Process, error) {
	name := filepath.Base(c.path)
	log, err := os.OpenFile(filepath.Clean(c.log), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("creating the log of %s: %w", name, err)
	}
	defer func() { _ = log.Close() }() // the child has its own copy
	ctx = context.WithoutCancel(ctx)
	cmd := exec.CommandContext(ctx, c.path, c.args...) //nolint:gosec // a program that we built
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(environment(os.Environ()), c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &Process{Name: name, Log: c.log, cmd: cmd, ended: make(chan struct{})}
	dismiss, err := startGuard(ctx, cmd.Process.Pid)
	if err != nil {
		return nil, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	go func() {
		_ = cmd.Wait() // How it ended is told by Ending.
		dismiss()
		close(p.ended)
	}()
	return p, nil
}

// startGuard kills the child if this process dies without Stop: a panic, kill -9. The child is in a process group of
// its own, so nothing else would.
func startGuard(ctx context.Context, pid int) (dismiss func(), err error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", guardScript, "guard", strconv.Itoa(pid)) //nolint:gosec // our script
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the guard: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the guard: %w", err)
	}
	return func() {
		_, _ = io.WriteString(input, "done\n") // it may have been killed, which is as good
		_ = cmd.Wait()
	}, nil
}

// environment is ours without the variables that would change what the children do.
func environment(ours []string) []string {
	var kept []string
	for _, variable := range ours {
		own := false
		for _, prefix := range ownVariables {
			own = own || strings.HasPrefix(variable, prefix)
		}
		if !own {
			kept = append(kept, variable)
		}
	}
	return kept
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process is gone. That of a Process which was never started is never closed.
func (p *Process) Ended() <-chan struct{} {
	if p == nil {
		return nil
	}
	return p.ended
}

// Ending is how the process ended, such as "exit status 1". Only after Ended.
func (p *Process) Ending() string { return p.cmd.ProcessState.String() }

// alive is an error when the process has ended.
func (p *Process) alive() error {
	select {
	case <-p.ended:
		return fmt.Errorf("it ended with %s", p.Ending())
	default:
		return nil
	}
}

// Stop asks the process to end, kills it after a while, and returns when it is gone. It does nothing to a Process which
// was never started.
func (p *Process) Stop() error {
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", p.Name, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing %s: %w", p.Name, err)
	}
	<-p.ended
	return nil
}

// Tail is the last lines of a log, indented, for an error message.
func Tail(log string, lines int) string {
	content, err := os.ReadFile(filepath.Clean(log))
	if err != nil {
		return "  (no log: " + err.Error() + ")"
	}
	all := strings.Split(string(bytes.TrimSpace(content)), "\n")
	return "  " + strings.Join(all[max(0, len(all)-lines):], "\n  ")
}
