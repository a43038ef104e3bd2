// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor_test

import (
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/agent/helper"
	"github.com/cedros-io/open-spawn/internal/agent/helper/helpertest"
	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
)

// asUnit has the program run as a unit, of a systemd that outlives its Keeper.
func asUnit(w *world) {
	w.t.Helper()
	socket := filepath.Join(w.child.Dir, "helper.sock")
	var err error
	w.systemd, err = helpertest.New(socket, func() (*exec.Cmd, error) {
		p, err := w.child.Program()
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(p.Command, p.Args...)
		cmd.Dir, cmd.Env = w.child.Dir, append([]string{"PATH=" + os.Getenv("PATH")}, w.child.Env...)
		content, err := os.ReadFile(w.child.EnvFile)
		if w.child.EnvFile == "" {
			return cmd, nil
		}
		variables, parseErr := supervisor.ParseEnv(content)
		for name, value := range variables {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		return cmd, errors.Join(err, parseErr)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.systemd.Close)
	w.spec.Launcher = &supervisor.Unit{
		Helper: helper.Client{Path: socket}, EnvFile: w.child.EnvFile, Clock: clock.RealClock{},
		Log: slog.New(slog.DiscardHandler),
	}
}

// succeed ends the Keeper, which leaves what runs, and has another adopt it.
func (w *world) succeed() {
	w.t.Helper()
	w.Leave()
	w.end()
	w.start()
}

func adopted(s supervisor.Status) bool { return s.Running && s.Adopted }

func TestWhatRunsOnIsAdopted(t *testing.T) {
	w := given(t, obedient, asUnit)
	w.Want(true)
	w.logged(1)
	w.until("it runs", running)
	pid := w.systemd.PID()
	w.succeed()
	w.until("it is adopted", adopted)
	number := w.Renew(supervisor.Watch)
	w.Want(true)
	w.until("it is told", func(s supervisor.Status) bool { return s.Renewal == number && s.Running && !s.Adopted })
	w.waiters(2) // the health, and the patience
	w.clock.Step(10 * time.Second)
	w.until("it is healthy", healthy)
	if got := w.systemd.PID(); got != pid || len(w.logged(1)) != 1 {
		t.Errorf("it was started again: %d, and was %d", got, pid)
	}
	w.Want(false)
	w.until("it is stopped", stopped)
	if got := strings.Join(w.logged(2), " "); got != "started stopped" {
		t.Errorf("it said %q", got)
	}
}

func TestWhatWasAdoptedIsEnded(t *testing.T) {
	const twice = "started" + " started"
	for name, c := range map[string]struct {
		by   func(*world)
		says string
	}{
		"by the word":           {func(w *world) { w.Want(false) }, "started stopped"},
		"by nobody's word":      {func(w *world) { w.waiters(2); w.clock.Step(2 * time.Minute) }, "started stopped"},
		"because of its files":  {func(w *world) { w.Renew(supervisor.Restart); w.Want(true) }, "started stopped started"},
		"by itself, and begins": {func(w *world) { w.kill(); w.Renew(supervisor.Watch); w.Want(true) }, twice},
	} {
		t.Run(name, func(t *testing.T) {
			w := given(t, obedient, asUnit)
			w.Want(true)
			w.logged(1)
			w.until("it runs", running)
			w.succeed()
			w.until("it is adopted", adopted)
			c.by(w)
			w.advanceUntil(c.says, 0, func() bool {
				content, err := os.ReadFile(w.log)
				return err == nil && strings.Join(strings.Fields(string(content)), " ") == c.says
			})
			w.until("it is adopted no more", func(s supervisor.Status) bool { return !s.Adopted })
		})
	}
}

func TestWhatWasAdoptedEndsWithUs(t *testing.T) {
	w := given(t, obedient, asUnit)
	w.Want(true)
	w.logged(1)
	w.until("it runs", running)
	w.succeed()
	w.until("it is adopted", adopted)
	w.end()
	if pid := w.systemd.PID(); pid != 0 {
		t.Errorf("%d runs", pid)
	}
}

// kill has the unit's process end by a signal, and waits for that to be known.
func (w *world) kill() {
	w.t.Helper()
	if err := (helper.Client{Path: filepath.Join(w.child.Dir, "helper.sock")}).Kill(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	s := w.until("it has ended", stopped)
	if s.Message != "it ended with signal: killed" {
		w.t.Errorf("%+v", s)
	}
}

func TestWhatAnAgentThatEndsHasStartedEnds(t *testing.T) {
	w := given(t, obedient, asUnit)
	w.Want(true)
	w.logged(1)
	w.end()
	if got := strings.Join(w.logged(2), " "); got != "started stopped" || w.systemd.PID() != 0 {
		t.Errorf("it said %q", got)
	}
}

func TestWhatIsEndingIsNotAdopted(t *testing.T) {
	w := given(t, `trap '' TERM; echo started >> $log; while :; do sleep 0.02; done`, asUnit)
	w.Want(true)
	w.logged(1)
	w.until("it runs", running)
	w.systemd.Change(func(s *helper.Status) { s.State = "deactivating" })
	w.succeed()
	w.advanceUntil("it is killed", 0, func() bool { return w.systemd.PID() == 0 })
	if s, _ := w.Status(); s.Running {
		t.Errorf("%+v", s)
	}
	w.Want(true)
	w.logged(2)
}

func TestAUnitIsGoneWithinTwoSeconds(t *testing.T) {
	w := given(t, `trap '' TERM; sh -c 'trap "" TERM; while :; do sleep 0.02; done' & echo started >> $log
		while :; do sleep 0.02; done`, asUnit)
	w.end()
	real := supervisor.New(w.spec, clock.RealClock{}, slog.New(slog.DiscardHandler))
	ended := make(chan struct{})
	go func() { defer close(ended); real.Run(t.Context()) }()
	real.Want(true)
	w.logged(1)
	at := clock.RealClock{}.Now()
	real.Want(false)
	w.advanceUntil("it is gone", 0, func() bool { return w.systemd.PID() == 0 })
	if took := (clock.RealClock{}).Since(at); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestAMachineWithTooLittleMemoryIsTold(t *testing.T) {
	const secret = "sk-a-secret-of-the-runtime"
	w := given(t, `echo "the key is $KEY"; while :; do sleep 0.02; done`, func(w *world) {
		w.child.EnvFile = filepath.Join(w.child.Dir, "env")
		if err := os.WriteFile(w.child.EnvFile, []byte("KEY=\""+secret+"\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}, asUnit)
	w.systemd.On(helper.RuntimeStatus, nil)
	w.Want(true)
	w.advanceUntil("it runs", 0, func() bool { return w.systemd.PID() != 0 })
	w.systemd.On(helper.RuntimeStatus, func() ([]byte, error) {
		return []byte(`{"state":"failed","signal":9,"result":"oom-kill","said":"the key is ` + secret + `\n"}`), nil
	})
	w.systemd.Change(func(s *helper.Status) { _ = killGroup(s.PID) })
	s := w.until("it has ended", func(s supervisor.Status) bool { return s.Ended == 1 })
	if s.Message != "it ended with signal: killed, because the machine has too little memory: the key is …" {
		t.Errorf("it says %q", s.Message)
	}
}

func TestAHelperThatIsAwayIsWaitedFor(t *testing.T) {
	w := given(t, obedient, asUnit)
	masked := errors.New("Unit openclaw.service is masked.")
	w.systemd.On(helper.StartRuntime, func() ([]byte, error) { return nil, masked })
	w.Want(true)
	s := w.until("it fails", func(s supervisor.Status) bool { return s.Ended == 1 })
	if !strings.Contains(s.Message, "it cannot be started: ") || !strings.Contains(s.Message, "is masked") {
		t.Errorf("it says %q", s.Message)
	}
	w.systemd.On(helper.StartRuntime, nil)
	w.waiters(1)
	w.clock.Step(time.Minute)
	w.logged(1)
}

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
