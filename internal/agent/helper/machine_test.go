// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const started = "0123456789abcdef0123456789abcdef"

// standIn is a machine of which systemd and the journal say what they are told to.
type standIn struct {
	machine
	t *testing.T
	// unit is what systemd shows of units, said what a journal match brings, and start what starting a unit does.
	unit  map[string]string
	said  map[string]string
	start map[string]func() error
}

func givenMachine(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{
		t: t, unit: map[string]string{"ActiveState": "inactive"}, said: map[string]string{},
		start: map[string]func() error{},
	}
	s.machine = machine{root: t.TempDir(), run: s.answer}
	for _, dir := range []string{"state", "copy", "saved"} {
		s.must(os.MkdirAll(s.inState(dir), 0o700))
	}
	s.must(os.MkdirAll(filepath.Dir(s.root+validationFile), 0o700))
	return s
}

func (s *standIn) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *standIn) answer(_ context.Context, c []string) ([]byte, error) {
	switch {
	case c[0] == systemctl && c[1] == "show":
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(s.unit)) {
			b.WriteString(name + "=" + s.unit[name] + "\n")
		}
		return []byte(b.String()), nil
	case c[0] == systemctl && c[1] == "start":
		if does := s.start[c[2]]; does != nil {
			return nil, does()
		}
	case c[0] == journalctl && len(c) > 2:
		return []byte(s.said[strings.Join(c[5:], " ")]), nil
	}
	return nil, nil
}

// serve is a client of a helper on that machine.
func (s *standIn) serve() Client {
	client, _ := calledOn(s.t, self(), s.machine)
	return client
}

func TestAStatusTellsHowItEnded(t *testing.T) {
	const ran, oom = "_SYSTEMD_INVOCATION_ID=" + started, outOfMemory + " INVOCATION_ID=" + started
	for name, c := range map[string]struct {
		unit, said map[string]string
		want       Status
	}{
		"it never ran": {want: Status{State: "inactive"}},
		"it runs": {
			unit: map[string]string{"ActiveState": "active", "MainPID": "7", "InvocationID": started, "Result": "success"},
			said: map[string]string{ran: "not asked"}, want: Status{State: "active", PID: 7, Result: "success"},
		},
		"it has refused": {
			unit: map[string]string{
				"ActiveState": "failed", "ExecMainCode": "1", "ExecMainStatus": "78", "Result": "exit-code",
				"InvocationID": started,
			},
			said: map[string]string{ran: "bad port\n"},
			want: Status{State: "failed", Exited: true, ExitCode: 78, Result: "exit-code", Said: "bad port\n"},
		},
		"it was killed": {
			unit: map[string]string{
				"ActiveState": "failed", "ExecMainCode": "2", "ExecMainStatus": "9", "Result": "signal", "InvocationID": started,
			},
			want: Status{State: "failed", Signal: 9, Result: "signal"},
		},
		"it was killed for want of memory": {
			unit: map[string]string{
				"ActiveState": "failed", "ExecMainCode": "2", "ExecMainStatus": "9", "Result": "signal", "InvocationID": started,
			},
			said: map[string]string{oom: "A process of this unit has been killed by the OOM killer."},
			want: Status{State: "failed", Signal: 9, Result: "oom-kill"},
		},
		"what is no id is asked of nobody": {
			unit: map[string]string{"ActiveState": "failed", "InvocationID": "--vacuum-size=1"},
			said: map[string]string{"_SYSTEMD_INVOCATION_ID=--vacuum-size=1": "x"}, want: Status{State: "failed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := givenMachine(t)
			maps.Copy(s.unit, c.unit)
			s.said = c.said
			if got, err := s.serve().Status(t.Context()); err != nil || got != c.want {
				t.Errorf("it is %+v (%v), want %+v", got, err, c.want)
			}
		})
	}
}

func TestWhatWasSaidLastIsBounded(t *testing.T) {
	s := givenMachine(t)
	s.unit = map[string]string{"ActiveState": "failed", "InvocationID": started}
	s.said["_SYSTEMD_INVOCATION_ID="+started] = strings.Repeat("é", 1<<20) + "the end"
	got, err := s.serve().Status(t.Context())
	if err != nil || len(got.Said) > saidBytes || !strings.HasSuffix(got.Said, "the end") {
		t.Errorf("it tells %d bytes (%v)", len(got.Said), err)
	}
}

func TestAValidationIsToldAsItIs(t *testing.T) {
	s := givenMachine(t)
	s.start[validation] = func() error {
		return os.WriteFile(s.root+validationFile, []byte("{\n \"valid\": true\n}\n"), 0o600)
	}
	if got, err := s.serve().Validate(t.Context()); err != nil || string(got) != "{\n \"valid\": true\n}\n" {
		t.Errorf("it says %q (%v)", got, err)
	}
	s.start[validation] = func() error {
		return os.WriteFile(s.root+validationFile, make([]byte, 4*maxValidation), 0o600)
	}
	if got, err := s.serve().Validate(t.Context()); err != nil || len(got) != maxValidation {
		t.Errorf("it says %d bytes (%v)", len(got), err)
	}
	s.unit = map[string]string{
		"ActiveState": "failed", "ExecMainCode": "1", "ExecMainStatus": "78", "InvocationID": started,
	}
	s.said["_SYSTEMD_INVOCATION_ID="+started] = "OpenClaw 1.2.3 is not installed"
	s.start[validation] = func() error { return errors.New("exit status 1") }
	if _, err := s.serve().Validate(t.Context()); err == nil || !strings.Contains(err.Error(), "1.2.3 is not installed") {
		t.Errorf("it says %v", err)
	}
}

// remembers has the units of the state do what the script does.
func (s *standIn) remembers(state string) {
	s.write("state", state)
	s.start[saving] = func() error { return s.copy("state", "saved") }
	s.start[restoring] = func() error { return s.copy("saved", "copy") }
	s.start[clearing] = func() error { return s.clear("copy") }
	s.start[dropping] = func() error { return errors.Join(s.clear("copy"), s.clear("saved")) }
}

func (s *standIn) clear(dir string) error {
	return errors.Join(os.RemoveAll(s.inState(dir)), os.MkdirAll(s.inState(dir), 0o700))
}

func (s *standIn) copy(from, to string) error {
	return errors.Join(s.clear(to), os.CopyFS(s.inState(to), os.DirFS(s.inState(from))))
}

func (s *standIn) write(dir, content string) {
	s.t.Helper()
	s.must(os.WriteFile(filepath.Join(s.inState(dir), "db"), []byte(content), 0o600))
}

func (s *standIn) is(want string) {
	s.t.Helper()
	got, err := os.ReadFile(filepath.Join(s.inState("state"), "db"))
	if err != nil || string(got) != want {
		s.t.Errorf("it remembers %q (%v), want %q", got, err, want)
	}
}

func TestAStateIsSavedAndPutBackAsAWhole(t *testing.T) {
	s := givenMachine(t)
	s.remembers("old")
	client := s.serve()
	if err := client.RestoreState(t.Context()); err == nil || !strings.Contains(err.Error(), errNotSaved.Error()) {
		t.Errorf("nothing was saved, and it says %v", err)
	}
	s.must(client.SaveState(t.Context()))
	s.write("state", "new")
	s.unit["ActiveState"] = "deactivating"
	if err := client.RestoreState(t.Context()); err == nil || !strings.Contains(err.Error(), errRuns.Error()) {
		t.Errorf("OpenClaw runs, and it says %v", err)
	}
	s.is("new")
	s.unit["ActiveState"] = "failed"
	for range 2 { // the answer may have been lost
		s.must(client.RestoreState(t.Context()))
		s.is("old")
	}
	s.must(client.DropState(t.Context()))
	s.must(client.DropState(t.Context()))
	if err := client.RestoreState(t.Context()); err == nil {
		t.Error("what was dropped is put back")
	}
	s.is("old")
}

func TestHalfACopyIsNone(t *testing.T) {
	s := givenMachine(t)
	s.remembers("old")
	client := s.serve()
	s.must(client.SaveState(t.Context()))
	full := errors.New("no space left on device")
	s.start[saving] = func() error { return errors.Join(s.clear("saved"), full) }
	if err := client.SaveState(t.Context()); err == nil || !strings.Contains(err.Error(), full.Error()) {
		t.Errorf("it says %v", err)
	}
	if err := client.RestoreState(t.Context()); err == nil {
		t.Error("half a copy is put back")
	}
	s.remembers("old")
	s.must(client.SaveState(t.Context()))
	s.write("state", "new")
	s.start[restoring] = func() error { s.write("copy", "half"); return full }
	if err := client.RestoreState(t.Context()); err == nil {
		t.Error("it failed, and says nothing")
	}
	s.is("new")
}

func TestWhatHasEndedIsKilled(t *testing.T) {
	s := givenMachine(t)
	answer := s.run
	s.run = func(ctx context.Context, c []string) ([]byte, error) {
		if c[1] == "kill" {
			return []byte("Unit openclaw.service not loaded."), errors.New("exit status 1")
		}
		return answer(ctx, c)
	}
	client := s.serve()
	s.must(client.Kill(t.Context()))
	s.unit["ActiveState"] = "active"
	if err := client.Kill(t.Context()); err == nil || !strings.Contains(err.Error(), "not loaded") {
		t.Errorf("it runs on, and it says %v", err)
	}
}
