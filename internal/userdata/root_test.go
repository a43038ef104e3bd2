// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/userdata"
)

// root is a directory that stands for a machine's file system.
type root struct {
	t   *testing.T
	dir string
	// stubs are the programs that stand for those that would change this machine; each writes its arguments to calls.
	stubs string
}

// givenRoot has the files of the user data in it.
func givenRoot(t *testing.T, m userdata.Machine) *root {
	t.Helper()
	r := &root{t: t, dir: t.TempDir(), stubs: t.TempDir()}
	for _, file := range parse(t, render(t, m)) {
		mode, err := strconv.ParseUint(file.Permissions, 8, 32)
		if err != nil {
			t.Fatal(err)
		}
		r.write(file.Path, file.Content, os.FileMode(mode))
	}
	r.write("/proc/meminfo", "MemTotal:        2014448 kB\n", 0o644)
	r.write("/proc/swaps", "Filename Type Size Used Priority\n", 0o644)
	r.write("/etc/fstab", "LABEL=cloudimg-rootfs / ext4 defaults 0 1\n", 0o644)
	for _, name := range []string{
		"systemctl", "systemd-sysusers", "systemd-tmpfiles", "usermod", "sshd", "apt-get", "apt-cache", "mkswap", "swapon",
		"fallocate", "nft", "sleep",
	} {
		r.stub(name, "")
	}
	return r
}

func (r *root) path(name string) string { return filepath.Join(r.dir, name) }

func (r *root) write(name, content string, mode os.FileMode) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path(name), []byte(content), mode); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Chmod(r.path(name), mode); err != nil {
		r.t.Fatal(err)
	}
}

func (r *root) read(name string) string {
	r.t.Helper()
	content, err := os.ReadFile(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(content)
}

// stub makes a program that notes how it was called and then does what it is told.
func (r *root) stub(name, does string) {
	r.t.Helper()
	script := "#!/bin/sh\necho \"" + name + " $*\" >>\"$OPEN_SPAWN_CALLS\"\n" + does + "\n"
	if err := os.WriteFile(filepath.Join(r.stubs, name), []byte(script), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

// real has a program of this machine used.
func (r *root) real(name string) {
	r.t.Helper()
	if err := os.Remove(filepath.Join(r.stubs, name)); err != nil {
		r.t.Fatal(err)
	}
	tool(r.t, name)
}

// bootstrap runs the bootstrap and returns what was called, line by line.
func (r *root) bootstrap(args ...string) (calls []string, output string, err error) {
	r.t.Helper()
	called := filepath.Join(r.t.TempDir(), "calls")
	cmd := exec.CommandContext(r.t.Context(), r.path(userdata.BootstrapPath), args...)
	cmd.Env = []string{
		"PATH=" + r.stubs + ":" + os.Getenv("PATH"), "OPEN_SPAWN_ROOT=" + r.dir, "OPEN_SPAWN_CALLS=" + called,
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	content, _ := os.ReadFile(called)
	return strings.Split(strings.TrimSpace(string(content)), "\n"), out.String(), err
}

// step runs one step that succeeds.
func (r *root) step(name string) (calls []string) {
	r.t.Helper()
	calls, output, err := r.bootstrap(name)
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", name, err, output)
	}
	return calls
}
