// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/agent/helper/helpertest"
	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
)

// patience is how long a real process may take for what takes it milliseconds.
const patience = 20 * time.Second

// world is a Keeper with a clock that stands, and a program that is a shell script.
type world struct {
	*supervisor.Keeper
	t     *testing.T
	clock *clocktesting.FakeClock
	spec  supervisor.Spec
	child supervisor.Child
	// systemd stands for the helper where the program is a unit.
	systemd *helpertest.Systemd
	log     string
	end     func()
}

// given has a Keeper that runs a script, in which $log is a file to write to.
func given(t *testing.T, script string, change ...func(*world)) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, clock: clocktesting.NewFakeClock(time.Unix(1e9, 0)), log: filepath.Join(dir, "log")}
	w.child = supervisor.Child{
		Program: program("/bin/sh", "-c", script), Env: []string{"log=" + w.log}, Dir: dir, Owner: dir,
		Output: io.Discard, Clock: w.clock, Log: slog.New(slog.DiscardHandler),
	}
	w.spec = supervisor.Spec{
		Launcher: &w.child, HealthyAfter: 10 * time.Second, Rest: time.Minute, Grace: 20 * time.Second,
	}
	for _, c := range change {
		c(w)
	}
	w.start()
	return w
}

// both runs a test with a child process, and with a unit.
func both(t *testing.T, test func(t *testing.T, as func(*world))) {
	t.Helper()
	t.Run("child", func(t *testing.T) { test(t, func(*world) {}) })
	t.Run("unit", func(t *testing.T) { test(t, asUnit) })
}

func program(command string, args ...string) func() (supervisor.Program, error) {
	return func() (supervisor.Program, error) { return supervisor.Program{Command: command, Args: args}, nil }
}

func (w *world) start() {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	w.Keeper = supervisor.New(w.spec, w.clock, slog.New(slog.DiscardHandler))
	w.Adopt(ctx)
	go func() { defer close(ended); w.Run(ctx) }()
	w.end = func() {
		cancel()
		w.advanceUntil("the program is gone", time.Second, func() bool {
			select {
			case <-ended:
				return true
			default:
				return false
			}
		})
	}
	w.t.Cleanup(func() { w.end() })
}

// until waits for a status.
func (w *world) until(what string, is func(supervisor.Status) bool) supervisor.Status {
	w.t.Helper()
	deadline := time.After(patience)
	for {
		status, changed := w.Status()
		if is(status) {
			return status
		}
		select {
		case <-changed:
		case <-deadline:
			w.t.Fatalf("it does not come about that %s: %+v", what, status)
		}
	}
}

// advanceUntil moves time on, in steps that give real processes their own time, until something is so.
func (w *world) advanceUntil(what string, step time.Duration, is func() bool) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range int(patience / (5 * time.Millisecond)) {
		if is() {
			return
		}
		<-tick.C
		w.clock.Step(step)
	}
	w.t.Fatalf("it does not come about that %s", what)
}

// logged waits until the script has written lines, and returns them.
func (w *world) logged(lines int) []string {
	w.t.Helper()
	var got []string
	w.advanceUntil(fmt.Sprintf("%d lines are written", lines), 0, func() bool {
		content, err := os.ReadFile(w.log)
		got = strings.Split(strings.TrimSpace(string(content)), "\n")
		return err == nil && strings.HasSuffix(string(content), "\n") && len(got) >= lines
	})
	return got
}

// waiters waits until so many wait for the clock.
func (w *world) waiters(n int) {
	w.t.Helper()
	w.advanceUntil(fmt.Sprintf("%d wait for the time", n), 0, func() bool { return w.clock.Waiters() >= n })
}

func running(s supervisor.Status) bool { return s.Running }
func stopped(s supervisor.Status) bool { return !s.Running }
func healthy(s supervisor.Status) bool { return s.Healthy }

const obedient = `trap 'echo stopped >> $log; exit 0' TERM; trap 'echo told >> $log' HUP; echo started >> $log
	while :; do sleep 0.02; done`

func TestItRunsOnlyWhileItIsWanted(t *testing.T) {
	both(t, func(t *testing.T, as func(*world)) {
		t.Helper()
		w := given(t, obedient, as)
		if s, _ := w.Status(); s.Running {
			t.Error("it runs before anybody wants it")
		}
		w.Want(true)
		w.until("it runs", running)
		w.logged(1)
		w.waiters(1)
		w.clock.Step(9 * time.Second)
		if s, _ := w.Status(); s.Healthy {
			t.Error("it is healthy too early")
		}
		w.clock.Step(time.Second)
		w.until("it is healthy", healthy)
		w.Want(false)
		s := w.until("it is stopped", stopped)
		if got := strings.Join(w.logged(2), " "); got != "started stopped" {
			t.Errorf("it said %q", got)
		}
		if s.Restarts != 0 || s.Ended != 0 || s.Healthy {
			t.Errorf("the status is %+v", s)
		}
	})
}

func TestWhatDoesNotEndIsKilledWithAllThatItStarted(t *testing.T) {
	both(t, func(t *testing.T, as func(*world)) {
		t.Helper()
		w := given(t, `trap '' TERM; sh -c 'trap "" TERM; echo $$ >> $log; while :; do sleep 0.02; done' & 
		echo $$ >> $log; while :; do sleep 0.02; done`, as)
		w.Want(true)
		pids := w.logged(2)
		w.until("it runs", running)
		w.Want(false)
		w.waiters(2) // the health, and the grace
		w.clock.Step(supervisor.HaltGrace - 1)
		if s, _ := w.Status(); !s.Running {
			t.Error("it was given no time to end")
		}
		w.clock.Step(1)
		w.until("it is stopped", stopped)
		w.wantGone(pids...)
	})
}

func (w *world) wantGone(pids ...string) {
	w.t.Helper()
	for _, pid := range pids {
		w.advanceUntil("process "+pid+" is gone", 0, func() bool {
			content, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
			return err != nil || strings.Contains(string(content), ") Z ")
		})
	}
}

func TestAStopOvertakesARestart(t *testing.T) {
	w := given(t, `trap 'echo asked >> $log' TERM; echo started >> $log; while :; do sleep 0.02; done`)
	w.Want(true)
	w.logged(1)
	w.Renew(supervisor.Restart)
	w.logged(2) // it has been asked, and has 20 s
	w.Want(false)
	w.advanceUntil("the stop is taken up", 0, func() bool {
		w.clock.Step(supervisor.HaltGrace)
		s, _ := w.Status()
		return !s.Running
	})
	if at := w.clock.Now().Sub(time.Unix(1e9, 0)); at > 15*time.Second {
		t.Errorf("it was given %s", at)
	}
}

func TestItIsStartedAgainAfterARestThatGrows(t *testing.T) {
	both(t, func(t *testing.T, as func(*world)) {
		t.Helper()
		w := given(t, `echo started >> $log; exit 3`, as)
		w.Want(true)
		at := w.clock.Now()
		for n, minutes := range []int{0, 1, 2, 4, 8, 15} {
			want := time.Duration(minutes) * time.Minute
			if n > 0 {
				w.clock.Step(want - 1)
				if s, _ := w.Status(); s.Ended != n || len(w.logged(n)) != n {
					t.Errorf("it rests less than %s", want)
				}
				w.clock.Step(1)
			}
			at = at.Add(want)
			s := w.until("it has ended again", func(s supervisor.Status) bool { return s.Ended == n+1 })
			if int(s.Restarts) != n || s.Running || s.Refused || s.Message != "it ended with exit status 3" {
				t.Errorf("end %d: %+v", n, s)
			}
			w.waiters(1)
		}
		if now := w.clock.Now(); !now.Equal(at) {
			t.Errorf("it is %s, want %s", now, at)
		}
		w.Renew(supervisor.Restart)
		s := w.until("another config is tried at once", func(s supervisor.Status) bool {
			return s.Renewal == 1 && s.Ended == 1
		})
		if s.Restarts != 6 {
			t.Errorf("%+v", s)
		}
	})
}

func TestWhatRefusesItsConfigIsNotStartedAgain(t *testing.T) {
	both(t, func(t *testing.T, as func(*world)) {
		t.Helper()
		w := given(t, `echo started >> $log; echo bad port >&2; test -f fixed || exit 78; while :; do sleep 0.02; done`, as)
		w.Want(true)
		s := w.until("it refuses", func(s supervisor.Status) bool { return s.Refused })
		if s.Running || s.Message != "it ended with exit status 78: bad port" {
			t.Errorf("%+v", s)
		}
		for range 5 {
			w.clock.Step(time.Hour)
		}
		if got := w.logged(1); len(got) != 1 {
			t.Errorf("it was started %d times", len(got))
		}
		if err := os.WriteFile(filepath.Join(w.child.Dir, "fixed"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		number := w.Renew(supervisor.Signal) // there is no process to be told
		w.until("it runs", func(s supervisor.Status) bool {
			return s.Running && !s.Refused && s.Renewal == number && s.Ended == 0
		})
	})
}

func TestFilesAreTakenUpAsIsSaid(t *testing.T) {
	w := given(t, obedient)
	w.Want(true)
	w.logged(1)
	w.waiters(1)
	w.clock.Step(10 * time.Second)
	w.until("it is healthy", healthy)
	told := w.Renew(supervisor.Signal)
	s := w.until("it is told", func(s supervisor.Status) bool { return s.Renewal == told })
	if !s.Running || s.Healthy {
		t.Errorf("it has not shown that it works with that: %+v", s)
	}
	w.logged(2)
	w.waiters(1)
	w.clock.Step(10 * time.Second)
	w.until("it is healthy", healthy)
	again := w.Renew(supervisor.Restart)
	w.until("it runs again", func(s supervisor.Status) bool { return s.Renewal == again && s.Running })
	if got := strings.Join(w.logged(4), " "); got != "started told stopped started" {
		t.Errorf("it said %q", got)
	}
	if s, _ := w.Status(); s.Restarts != 0 {
		t.Errorf("what was wanted counts as a restart: %+v", s)
	}
}

func TestItIsAskedHowItIs(t *testing.T) {
	both(t, func(t *testing.T, as func(*world)) {
		t.Helper()
		var works atomic.Bool
		page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if !works.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		t.Cleanup(page.Close)
		w := given(t, obedient, as, func(w *world) { w.spec.Health = supervisor.SaysOK(page.URL) })
		w.Want(true)
		is := func(message string) func() bool {
			return func() bool { s, _ := w.Status(); return s.Message == message && s.Healthy == (message == "") }
		}
		const unwell = "it says 503 Service Unavailable when asked how it is"
		w.advanceUntil("it is not healthy", time.Second, is(unwell))
		works.Store(true)
		w.advanceUntil("it is healthy", time.Second, is(""))
		works.Store(false)
		w.advanceUntil("it is not healthy any more", 10*time.Second, is(unwell))
	})
}

func TestItHasItsOwnEnvironmentAndNothingSecretIsTold(t *testing.T) {
	t.Setenv("JOURNAL_STREAM", "ours")
	const secret = `sk-"$HOME" and more`
	w := given(t, `env > $log.env; echo "$KEY" | tr -d '"' >/dev/null; printf 'key is %s ABC\n' "$KEY" >&2; exit 1`)
	env, err := supervisor.FormatEnv(map[string]string{"KEY": secret, "SHORT": "ABC", "log": "x"})
	if err == nil {
		t.Errorf("any name is one: %s", env)
	}
	if env, err = supervisor.FormatEnv(map[string]string{"KEY": secret, "SHORT": "ABC"}); err != nil {
		t.Fatal(err)
	}
	w.end()
	w.child.EnvFile = filepath.Join(w.child.Dir, "env")
	if err := os.WriteFile(w.child.EnvFile, env, 0o600); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.Want(true)
	s := w.until("it has ended", func(s supervisor.Status) bool { return s.Ended == 1 })
	if s.Message != "it ended with exit status 1: key is … ABC" {
		t.Errorf("it says %q", s.Message)
	}
	got, err := os.ReadFile(w.log + ".env")
	vars := string(got)
	if err != nil || strings.Contains(vars, "JOURNAL_STREAM") || !strings.Contains(vars, "KEY="+secret+"\n") {
		t.Errorf("its environment is %s (%v)", vars, err)
	}
}

// TestARuntimeIsToldThoughTheAgentWasNot: an agent that nohup has started ignores SIGHUP, and what it starts does not.
func TestARuntimeIsToldThoughTheAgentWasNot(t *testing.T) {
	const again = `trap "" HUP; exec "$0" -test.run '^TestFilesAreTakenUpAsIsSaid$'`
	output, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", again, os.Args[0]).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, output)
	}
}

func TestWhatCannotBeStartedIsTriedAgain(t *testing.T) {
	w := given(t, "", func(w *world) { w.child.Program = program(filepath.Join(w.child.Dir, "missing")) })
	w.Want(true)
	s := w.until("it fails", func(s supervisor.Status) bool { return s.Ended == 1 })
	if !strings.HasPrefix(s.Message, "it cannot be started: ") {
		t.Errorf("%+v", s)
	}
	w.waiters(1)
	w.clock.Step(time.Minute)
	w.until("it fails again", func(s supervisor.Status) bool { return s.Ended == 2 })
}

// TestHelperAgent is no test: it is an agent that is killed.
func TestHelperAgent(t *testing.T) {
	dir := os.Getenv("TEST_AGENT_DIR")
	if dir == "" {
		t.Skip("only for the test below")
	}
	w := given(t, obedientFamily, func(w *world) {
		w.child.Owner, w.child.Env = dir, []string{"log=" + filepath.Join(dir, "log")}
	})
	w.Want(true)
	select {}
}

const obedientFamily = `setsid sh -c 'echo $$ >> $log; while :; do sleep 0.02; done' & echo $$ >> $log
	while :; do sleep 0.02; done`

func TestWhatAKilledAgentLeavesIsEnded(t *testing.T) {
	w := given(t, obedient)
	w.end()
	agent := exec.Command(os.Args[0], "-test.run", "^TestHelperAgent$")
	agent.Env = append(os.Environ(), "TEST_AGENT_DIR="+w.child.Owner)
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = agent.Process.Kill(); _ = agent.Wait() })
	pids := w.logged(2)
	if err := agent.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = agent.Wait()
	w.start()
	w.advanceUntil("the leftovers are ended", 20*time.Millisecond, func() bool {
		for _, pid := range pids {
			content, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
			if err == nil && !strings.Contains(string(content), ") Z ") {
				return false
			}
		}
		return true
	})
}

func FuzzParseEnv(f *testing.F) {
	f.Add("KEY", "a\"b\\c\n$d`")
	f.Fuzz(func(t *testing.T, name, value string) {
		written, err := supervisor.FormatEnv(map[string]string{name: value, "OTHER": "x"})
		if err != nil {
			return
		}
		read, err := supervisor.ParseEnv(written)
		if err != nil || name != "OTHER" && (read[name] != value || read["OTHER"] != "x") {
			t.Errorf("%q is read as %q (%v)", written, read, err)
		}
	})
}
