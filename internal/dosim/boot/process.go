// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"k8s.io/utils/clock"
)

// listening is how long we listen for the last words of an agent that has ended.
const listening = 200 * time.Millisecond

// process is an agent's. The agent ends its runtime when it ends, and the kernel does when it is killed.
type process struct {
	pid   int
	cmd   *exec.Cmd
	ended chan struct{}
}

// startProcess starts an agent. The kernel kills it when the thread that has started it is gone, which is why that
// thread waits for it.
func startProcess(agent, config string, output io.Writer) (*process, error) {
	cmd := &exec.Cmd{
		Path: agent, Args: []string{agent, "--config", config}, Env: []string{"PATH=/usr/bin:/bin"}, Stdout: output,
		Stderr: output, SysProcAttr: attributes(), WaitDelay: listening,
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in the state
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting the agent: %w", err)
	}
	return p, nil
}

// over is closed when the process has ended; that of no process never is.
func (p *process) over() <-chan struct{} {
	if p == nil {
		return nil
	}
	return p.ended
}

// ending is how it ended, such as "exit status 1". Only when it is over.
func (p *process) ending() string { return p.cmd.ProcessState.String() }

// end asks the process to end if there is a grace, kills it when that has passed, and returns when it is gone.
func (p *process) end(clock clock.Clock, grace time.Duration) {
	if grace > 0 {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		timer := clock.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-p.ended:
		case <-timer.C():
		}
	}
	_ = p.cmd.Process.Kill() // by a handle, so that it is nobody else
	<-p.ended
}
