// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	reads "github.com/cedros-io/open-spawn/internal/openclaw"
)

// prepare is the script that comes with each version.
const prepare = "../../../hack/openclaw/prepare"

// machine is one with versions of OpenClaw that have plugins.
type machine struct {
	*testing.T
	dir string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{T: t, dir: t.TempDir()}
	script, err := os.ReadFile(prepare)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"1", "2"} {
		write(t, m.in(version, "plugins", "prepare"), string(script))
		for _, plugin := range []string{"discord", "slack"} {
			from := m.in(version, "plugins", plugin)
			write(t, filepath.Join(from, "integrity"), plugin+version)
			write(t, filepath.Join(from, "package.json"), "{}")
			write(t, filepath.Join(from, "node_modules", "@openclaw", plugin, "index.js"), plugin+version)
		}
	}
	return m
}

func (m *machine) in(names ...string) string {
	return filepath.Join(append([]string{m.dir}, names...)...)
}

// prepares puts plugins of a version in place; the number is with what the script has ended.
func (m *machine) prepares(version string, plugins ...string) (code int) {
	m.Helper()
	write(m.T, m.in("list"), strings.Join(plugins, "\n"))
	cmd := exec.CommandContext(m.Context(), m.in(version, "plugins", "prepare"), m.in("list"))
	cmd.Env = []string{"PATH=/usr/bin:/bin", "OPENCLAW_STATE_DIR=" + m.in("state")}
	output, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return ended.ExitCode()
	}
	if err != nil {
		m.Fatalf("%v: %s", err, output)
	}
	if _, err := os.Stat(m.in("state", "npm", "open-spawn")); err == nil {
		m.Errorf("it leaves something behind: %s", output)
	}
	return 0
}

// there are the plugins that are in place, with what is in each.
func (m *machine) there() string {
	m.Helper()
	files, err := filepath.Glob(m.in("state", "npm", "projects", "*", "node_modules", "@openclaw", "*", "index.js"))
	if err != nil {
		m.Fatal(err)
	}
	var all []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			m.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(file), "node_modules")); err != nil {
			m.Error(err)
		}
		all = append(all, string(content))
	}
	return strings.Join(all, " ")
}

func TestThePluginsOfTheVersionArePutInPlace(t *testing.T) {
	m := newMachine(t)
	for _, step := range []struct {
		version string
		plugins []string
		want    string
	}{
		{"1", nil, ""},
		{"1", []string{"discord"}, "discord1"},
		{"1", []string{"discord", "slack"}, "discord1 slack1"},
		{"2", []string{"discord", "slack"}, "discord2 slack2"},
		{"1", []string{"slack"}, "slack1"},
		{"1", nil, ""},
	} {
		if code := m.prepares(step.version, step.plugins...); code != 0 || m.there() != step.want {
			t.Errorf("%+v: it ends with %d, and there is %q", step, code, m.there())
		}
	}
}

func TestNothingIsDoneWhenAllIsInPlace(t *testing.T) {
	m := newMachine(t)
	m.prepares("1", "discord")
	// As OpenClaw 2026.9.6 names it: the beginning of the SHA-256 of the package's name is at the end.
	project := m.in("state", "npm", "projects", "openclaw-discord-c0892df945")
	before, err := os.Stat(project)
	if err != nil {
		t.Fatal(err)
	}
	m.prepares("1", "discord")
	after, err := os.Stat(project)
	if err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("it was put there again (%v)", err)
	}
	host, err := os.Readlink(filepath.Join(project, "node_modules", "@openclaw", "discord", "node_modules", "openclaw"))
	if err != nil || host != m.in("1", "node_modules", "openclaw") {
		t.Errorf("the plugin finds OpenClaw at %q (%v)", host, err)
	}
}

func TestWhatACrashHasLeftIsMended(t *testing.T) {
	project := filepath.Join("state", "npm", "projects", "openclaw-discord-c0892df945")
	for name, crash := range map[string]func(*machine) error{
		"a copy that is not complete": func(m *machine) error {
			return os.MkdirAll(m.in("state", "npm", "open-spawn", "new", "node_modules"), 0o700)
		},
		"the old one away, and the new one not there": func(m *machine) error {
			if m.prepares("2", "discord") != 0 {
				return errors.New("it cannot begin")
			}
			if err := os.Mkdir(m.in("state", "npm", "open-spawn"), 0o700); err != nil {
				return err
			}
			return os.Rename(m.in(project), m.in("state", "npm", "open-spawn", "old"))
		},
		"copies of what it had loaded": func(m *machine) error {
			return os.MkdirAll(m.in("state", "tmp", "plugin-captures", "x"), 0o700)
		},
		"something else in its place": func(m *machine) error { return os.MkdirAll(m.in(project, "x"), 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			if err := crash(m); err != nil {
				t.Fatal(err)
			}
			if code := m.prepares("1", "discord"); code != 0 || m.there() != "discord1" {
				t.Errorf("it ends with %d, and there is %q", code, m.there())
			}
			if _, err := os.Stat(m.in("state", "tmp", "plugin-captures")); err == nil {
				t.Error("the copies are there still")
			}
		})
	}
}

func TestAPluginThatIsNotThereEndsIt(t *testing.T) {
	m := newMachine(t)
	for _, plugin := range []string{"whatsapp", "../discord", "/etc"} {
		if code := m.prepares("1", plugin); code != 78 || m.there() != "" {
			t.Errorf("%s: it ends with %d, and there is %q", plugin, code, m.there())
		}
	}
}

func TestOpenClawStartsOnceItsPluginsAreInPlace(t *testing.T) {
	r := given(t, nil, `echo "$*"`)
	program, err := r.Program()
	if err != nil || program.Command != r.Node {
		t.Errorf("a version without plugins is started by %+v (%v)", program, err)
	}
	script := filepath.Join(r.Versions, reads.Default, "plugins", "prepare")
	for name, c := range map[string]struct{ prepare, says string }{
		"all is in place": {"#!/bin/sh\ncat \"$1\"\n", "discord\n" + r.Versions},
		"it is not":       {"#!/bin/sh\nexit 78\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, script, c.prepare)
			write(t, filepath.Join(r.Directory, "plugins"), "discord\n")
			program, err := r.Program()
			if err != nil {
				t.Fatal(err)
			}
			output, err := exec.CommandContext(t.Context(), program.Command, program.Args...).Output()
			if !strings.HasPrefix(string(output), c.says) || (err == nil) != (c.says != "") {
				t.Errorf("%s (%v)", output, err)
			}
			var ended *exec.ExitError
			if c.says == "" && (!errors.As(err, &ended) || ended.ExitCode() != 78) {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}

func TestAValidationSeesThePlugins(t *testing.T) {
	r := given(t, nil, `cat "$OPENCLAW_STATE_DIR/npm/projects/discord/package.json"`)
	next := filepath.Join(t.TempDir(), "next")
	write(t, filepath.Join(next, "version"), reads.Default)
	write(t, filepath.Join(next, "plugins"), "discord\n")
	if err := r.Validate(t.Context(), next); err == nil || !strings.Contains(err.Error(), "without plugin discord") {
		t.Errorf("a plugin that is not installed: %v", err)
	}
	write(t, filepath.Join(r.Versions, reads.Default, "plugins", "discord", "package.json"), `{"valid":true}`)
	if err := r.Validate(t.Context(), next); err != nil {
		t.Error(err)
	}
}

func TestTheConfigSaysWhichPluginsItNeeds(t *testing.T) {
	r := given(t, nil, "")
	for channels, want := range map[string]string{
		``: "",
		`{"type":"Telegram","token":"a","allowFrom":["1"]}`: "",
		`{"type":"Discord","token":"a","allowFrom":["1"]},` +
			`{"type":"Slack","token":"b","appToken":"c","allowFrom":["1"]}`: "discord\nslack\n",
	} {
		files, err := r.Render([]byte(strings.TrimSuffix(config, "}")+fmt.Sprintf(`,"channels":[%s]}`, channels)),
			map[string]string{"llm": "k"})
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files.Runtime {
			if file.Name == "plugins" && (string(file.Content) != want || !file.AtStart) {
				t.Errorf("%s needs %q", channels, file.Content)
			}
		}
	}
}
