// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
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
	// listening is how long we listen for the last words of a program that has ended: they are in the pipe already, but
	// somebody else may hold its other end.
	listening = 200 * time.Millisecond
)

// Program is the path of a program, and what it is told.
type Program struct {
	Command string
	Args    []string
}

// Child starts a child process of the agent, which ends with it.
type Child struct {
	// Program says what is to be started. It is asked before each start: another config may want another program.
	Program func() (Program, error)
	// Env is its whole environment, each NAME=value: nothing of ours gets in. EnvFile, which need not exist, adds to it
	// what Env does not say; see FormatEnv.
	Env     []string
	EnvFile string
	// Dir is where it works.
	Dir string
	// Owner is a name that no other supervisor on this machine has. It marks what we start, so that the next agent finds
	// what this one leaves if it is killed.
	Owner string
	// Output is where all that it prints goes.
	Output io.Writer
	// Clock tells the time, and Log is for people.
	Clock clock.Clock
	Log   *slog.Logger
}

var _ Launcher = (*Child)(nil)

// process is one process, and the group that it leads.
type process struct {
	pid  int
	gone chan struct{}
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

// start implements Launcher: in a session of its own. It does not end with ctx, but with us: the kernel kills it when
// the thread that has started it is gone, which is why that thread waits for it.
func (c *Child) start(ctx context.Context) (started, error) {
	program, err := c.Program()
	if err != nil {
		return nil, err
	}
	env, secrets, err := c.environment()
	if err != nil {
		return nil, err
	}
	forever := context.WithoutCancel(ctx)
	cmd := exec.CommandContext(forever, program.Command, program.Args...) //nolint:gosec // as configured
	passOn()
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.SysProcAttr = c.Dir, env, c.Output, attributes()
	p := &process{gone: make(chan struct{}), tail: &tail{secrets: secrets}}
	cmd.Stderr, cmd.WaitDelay = io.MultiWriter(c.Output, p.tail), listening
	began := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		began <- err
		if err == nil {
			p.wait(cmd)
		}
	}()
	if err := <-began; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) wait(cmd *exec.Cmd) {
	_ = cmd.Wait() // how it ended is in the state
	p.kill()
	p.code, p.how = cmd.ProcessState.ExitCode(), cmd.ProcessState.String()
	close(p.gone)
}

// signal reaches the process and all that it has started, as far as they have stayed in its group.
func (p *process) signal(s syscall.Signal) { _ = syscall.Kill(-p.pid, s) }

func (p *process) id() int                { return p.pid }
func (p *process) ended() <-chan struct{} { return p.gone }
func (p *process) end() (int, string)     { return p.code, lastWords(p.how, p.tail.String()) }
func (p *process) ask()                   { p.signal(syscall.SIGTERM) }
func (p *process) kill()                  { p.signal(syscall.SIGKILL) }
func (p *process) tell()                  { p.signal(syscall.SIGHUP) }

// leave is in vain: the kernel kills it when the thread that has started it is gone, as with an exec all but one are.
func (p *process) leave() bool { return false }

// adopt implements Launcher: a child does not outlive its agent.
func (c *Child) adopt(context.Context) started { return nil }

// environment is the program's, and what of it nobody else may read.
func (c *Child) environment() (env, secrets []string, err error) {
	env = []string{defaultPath}
	content, err := os.ReadFile(c.EnvFile)
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
	return slices.Concat(env, c.Env, []string{ownerVariable + "=" + c.Owner}), secrets, nil
}
