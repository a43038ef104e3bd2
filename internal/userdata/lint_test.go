// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/agent/openclaw"
	"github.com/cedros-io/open-spawn/internal/userdata"
)

// runs are the commands of a unit: the programs are on the machine, and not where this is tested.
var runs = regexp.MustCompile(`(?m)^(Exec\w+)=.*$`)

// tool is the path of a program that CI has. Where it is not installed nothing is checked.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: nothing was checked", name)
	}
	return path
}

// quiet runs a command that succeeds and finds nothing.
func quiet(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Errorf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, stdout.String(), stderr.String())
	}
}

func TestCloudInitTakesTheUserData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "user-data")
	if err := os.WriteFile(path, render(t, machine()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), tool(t, "cloud-init"), "schema", "--config-file", path)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestShellcheckFindsNothing(t *testing.T) {
	for _, script := range []string{
		"files/bootstrap", "files/run-openclaw", "files/check-openclaw", "files/keep-state", "testdata/probe",
		"../../hack/openclaw/archive", "../../hack/openclaw/prepare",
	} {
		// Not: braces around every variable (2250), and that set -e does not reach into conditions (2310 to 2312), which is
		// meant wherever it is so.
		quiet(t, ".", tool(t, "shellcheck"), "--enable=all", "--exclude=SC2250,SC2310,SC2311,SC2312", script)
	}
}

// units writes the units of a machine, with other commands, and returns where and which.
func units(t *testing.T) (dir string, names []string) {
	t.Helper()
	dir = t.TempDir()
	for _, file := range parse(t, render(t, machine())) {
		if filepath.Dir(file.Path) != "/etc/systemd/system" {
			continue
		}
		name := filepath.Base(file.Path)
		content := runs.ReplaceAllString(file.Content, "$1=/bin/true")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return dir, names
}

func TestSystemdTakesTheUnits(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	dir, names := units(t)
	for _, name := range names {
		quiet(t, dir, analyze, "verify", "./"+name)
	}
}

func TestUnitsAreExposedLittle(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	dir, names := units(t)
	for _, name := range names {
		if filepath.Ext(name) != ".service" || name == "spawn-bootstrap.service" {
			continue // it installs packages and makes users, as root: what it may do is what it does, and it ends
		}
		quiet(t, dir, analyze, "security", "--offline=true", "--threshold=25", "./"+name)
	}
}

func TestTheUnitHasTheEnvironmentThatOpenClawIsValidatedWith(t *testing.T) {
	runtime := userdata.OpenClaw()
	options, is := runtime["openclaw"].(map[string]any)
	if !is {
		t.Fatal(runtime)
	}
	text := func(from map[string]any, name string) string {
		value, is := from[name].(string)
		if !is {
			t.Fatalf("%s is %v", name, from[name])
		}
		return value
	}
	want := openclaw.New(openclaw.Options{
		Node: text(options, "node"), Versions: text(options, "versions"), State: text(options, "state"),
		Home: text(options, "home"), Directory: text(runtime, "directory"), Workspace: text(runtime, "workspace"),
	}).Environment()
	unit := written(t, machine(), "/etc/systemd/system/openclaw.service")
	got := map[string]string{}
	for line := range strings.Lines(unit) {
		if assignments, is := strings.CutPrefix(strings.TrimSpace(line), "Environment="); is {
			for _, assignment := range strings.Fields(assignments) {
				name, value, _ := strings.Cut(assignment, "=")
				got[name] = value
			}
		}
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q in the unit, want %q", name, got[name], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the unit has %v, want %v", got, want)
	}
	if strings.Contains(unit, "[Install]") {
		t.Error("OpenClaw could be enabled")
	}
}
