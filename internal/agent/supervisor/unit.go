// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/agent/helper"
)

const (
	// glance is the time between two looks at whether a process is still there, which costs nothing, and audit that
	// between two questions to systemd, each of which is a process of root's.
	glance, audit = 100 * time.Millisecond, time.Minute
	// ailing is the time between two calls of a helper that does not answer.
	ailing = time.Second
)

// Unit starts a unit of systemd, through root's helper. It goes on when the agent is replaced by another build.
type Unit struct {
	Helper helper.Client
	// EnvFile is what systemd adds to its environment: nothing of that is told to anybody.
	EnvFile string
	// Clock tells the time, and Log is for people.
	Clock clock.Clock
	Log   *slog.Logger
}

var _ Launcher = (*Unit)(nil)

// adopt implements Launcher. One that is about to end is left to clear.
func (u *Unit) adopt(ctx context.Context) started {
	s, err := u.Helper.Status(ctx)
	if err != nil {
		u.Log.Warn("it is not known whether the runtime runs", "error", err)
		return nil
	}
	if s.State != "active" || s.PID == 0 {
		return nil
	}
	r := u.newRun(ctx)
	r.pid = s.PID
	go r.watch()
	return r
}

// clear implements Launcher.
func (u *Unit) clear(ctx context.Context) {
	for ctx.Err() == nil {
		s, err := u.Helper.Status(ctx)
		switch {
		case err == nil && !s.Runs():
			return
		case err == nil:
			u.Log.Warn("killing what an earlier agent has left", "pid", s.PID)
			err = u.Helper.Kill(ctx)
		}
		if err != nil {
			u.Log.Warn("what an earlier agent may have left is not ended yet", "error", err)
		}
		pass(ctx, u.Clock, ailing)
	}
}

// start implements Launcher. It returns before there is a process, so that nobody waits for systemd who may have to end
// it meanwhile.
func (u *Unit) start(ctx context.Context) (started, error) {
	r := u.newRun(ctx)
	go func() {
		if err := u.Helper.Start(r.ctx); err != nil {
			r.failed = err
			r.ask() // it might yet be started
		}
		r.watch()
	}()
	return r, nil
}

// secrets are the values in its environment.
func (u *Unit) secrets() []string {
	content, err := os.ReadFile(u.EnvFile)
	if err != nil {
		return nil
	}
	variables, err := ParseEnv(content)
	if err != nil {
		return nil
	}
	return slices.Collect(maps.Values(variables))
}

// run is one run of a unit.
type run struct {
	unit *Unit
	// ctx is done when it is left alone.
	ctx     context.Context //nolint:containedctx // of what goes on in the background, not of a call
	abandon context.CancelFunc
	gone    chan struct{}
	asked   sync.Once
	killed  sync.Once
	secrets []string
	// failed is why it could not be started. The others say how it ended: they are valid when it has.
	failed error
	code   int
	words  string

	mu  sync.Mutex
	pid int
}

func (u *Unit) newRun(ctx context.Context) *run {
	r := &run{unit: u, gone: make(chan struct{}), secrets: u.secrets()}
	r.ctx, r.abandon = context.WithCancel(context.WithoutCancel(ctx))
	return r
}

// watch waits for its end.
func (r *run) watch() {
	for r.ctx.Err() == nil {
		s, err := r.unit.Helper.Status(r.ctx)
		switch {
		case err != nil:
			r.unit.Log.Warn("it is not known how the runtime is", "error", err)
			pass(r.ctx, r.unit.Clock, ailing)
		case !s.Runs():
			r.note(s)
			r.abandon()
			close(r.gone)
			return
		default:
			r.mu.Lock()
			r.pid = s.PID
			r.mu.Unlock()
			r.observe(s)
		}
	}
}

// observe returns when systemd is to be asked again.
func (r *run) observe(s helper.Status) {
	for left := audit; left > 0 && pass(r.ctx, r.unit.Clock, glance); left -= glance {
		if s.State != "active" || s.PID == 0 || errors.Is(syscall.Kill(s.PID, 0), syscall.ESRCH) {
			return
		}
	}
}

// note says how it ended.
func (r *run) note(s helper.Status) {
	r.code = -1
	if s.Exited {
		r.code = s.ExitCode
	}
	how := "no word of systemd's how"
	switch {
	case r.failed != nil:
		r.words = "it cannot be started: " + r.failed.Error()
		return
	case s.Result == "oom-kill":
		how = "signal: killed, because the machine has too little memory"
	case s.Exited:
		how = "exit status " + strconv.Itoa(s.ExitCode)
	case s.Signal != 0:
		how = "signal: " + syscall.Signal(s.Signal).String()
	}
	r.words = lastWords(how, digest(s.Said, slices.Concat(r.secrets, r.unit.secrets())))
}

func (r *run) id() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pid
}

func (r *run) ended() <-chan struct{} { return r.gone }
func (r *run) end() (int, string)     { return r.code, r.words }

// tell does nothing: what runs as a unit looks at its files by itself.
func (r *run) tell() {}

func (r *run) leave() bool { r.abandon(); return true }

func (r *run) ask() {
	r.asked.Do(func() {
		go func() {
			if err := r.unit.Helper.Stop(r.ctx); err != nil && r.ctx.Err() == nil {
				r.unit.Log.Warn("the runtime is not asked to end", "error", err)
			}
		}()
	})
}

// kill goes on until it is gone: a helper that is busy, or missing, may come back.
func (r *run) kill() {
	r.killed.Do(func() {
		go func() {
			for r.ctx.Err() == nil {
				if err := r.unit.Helper.Kill(r.ctx); err != nil && r.ctx.Err() == nil {
					r.unit.Log.Error("the runtime is not killed", "error", err)
				}
				pass(r.ctx, r.unit.Clock, ailing)
			}
		}()
	})
}
