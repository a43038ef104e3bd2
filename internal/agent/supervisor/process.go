// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"k8s.io/utils/clock"
)

const (
	// ownerVariable marks what we start.
	ownerVariable = "OPEN_SPAWN_SUPERVISED_FROM"
	// defaultPath is what a program finds others in, unless it is told.
	defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	// listening is how long we listen for the last words of a program that has ended: they are in the pipe already.
	listening = 200 * time.Millisecond
)

// process is one process, and the group that it leads.
type process struct {
	pid   int
	ended chan struct{}
	// code and how are valid when it has ended.
	code int
	how  string
	tail *tail
}

// passOn makes sure that what we start can be told by SIGHUP. A signal that was ignored when we were started, as nohup
// has it, is ignored by all that we start; one that we take is not.
var passOn = sync.OnceFunc(func() {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
})

// start starts the program in a session of its own. It does not end with ctx, but with us: the kernel kills it when the
// thread that has started it is gone, which is why that thread waits for it.
func start(ctx context.Context, spec Spec, clock clock.Clock) (*process, error) {
	program, err := spec.Program()
	if err != nil {
		return nil, err
	}
	env, secrets, err := environment(spec)
	if err != nil {
		return nil, err
	}
	forever := context.WithoutCancel(ctx)
	cmd := exec.CommandContext(forever, program.Command, program.Args...) //nolint:gosec // as configured
	passOn()
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.SysProcAttr = spec.Dir, env, spec.Output, attributes()
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	cmd.Stderr, cmd.WaitDelay = write, listening
	p := &process{ended: make(chan struct{}), tail: newTail(read, spec.Output, secrets)}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		_ = write.Close()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			p.wait(cmd, clock)
		}
		_ = read.Close()
	}()
	return p, <-started
}

func (p *process) wait(cmd *exec.Cmd, clock clock.Clock) {
	_ = cmd.Wait() // how it ended is in the state
	p.signal(syscall.SIGKILL)
	p.code, p.how = cmd.ProcessState.ExitCode(), cmd.ProcessState.String()
	timer := clock.NewTimer(listening)
	select {
	case <-p.tail.done:
	case <-timer.C(): // somebody who left the group still has the pipe
	}
	timer.Stop()
	close(p.ended)
}

// signal reaches the process and all that it has started, as far as they have stayed in its group.
func (p *process) signal(s syscall.Signal) { _ = syscall.Kill(-p.pid, s) }

// lastWords are how it ended, and what it said before.
func (p *process) lastWords() string {
	if said := p.tail.String(); said != "" {
		return "it ended with " + p.how + ": " + said
	}
	return "it ended with " + p.how
}

// environment is the program's, and what of it nobody else may read.
func environment(spec Spec) (env, secrets []string, err error) {
	env = []string{defaultPath}
	content, err := os.ReadFile(spec.EnvFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("reading its environment: %w", err)
	}
	read, err := ParseEnv(content)
	if err != nil {
		return nil, nil, err
	}
	for name, value := range read {
		env, secrets = append(env, name+"="+value), append(secrets, value)
	}
	slices.Sort(env[1:])
	return slices.Concat(env, spec.Env, []string{ownerVariable + "=" + spec.Owner}), secrets, nil
}
