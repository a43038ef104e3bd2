// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/userdata"
)

// image runs the script of an image without an archive, on a machine of which only root's files are real.
func (r *root) image(args ...string) (output string, err error) {
	r.t.Helper()
	script, err := userdata.Image(userdata.Archive{}, "")
	if err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(r.t.TempDir(), "image.sh")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.CommandContext(r.t.Context(), "/bin/sh", append([]string{path}, args...)...)
	cmd.Env = []string{
		"PATH=" + r.stubs + ":" + os.Getenv("PATH"), "OPEN_SPAWN_ROOT=" + r.dir,
		"OPEN_SPAWN_CALLS=" + filepath.Join(r.dir, "calls"),
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestAnImageHasWhatMachinesHaveInCommon(t *testing.T) {
	r := &root{t: t, dir: t.TempDir(), stubs: t.TempDir()}
	for _, name := range []string{
		"systemctl", "systemd-sysusers", "systemd-tmpfiles", "usermod", "sshd", "apt-get", "nft", "cloud-init",
	} {
		r.stub(name, "")
	}
	for name, content := range map[string]string{
		"/agent": "the agent", "/root/.ssh/authorized_keys": "ssh-ed25519 x", "/etc/ssh/ssh_host_ed25519_key": "y",
		"/usr/bin/unattended-upgrade": "", "/etc/open-spawn/agent.yaml": "registrationToken: z",
	} {
		r.write(name, content, 0o755)
	}
	if output, err := r.image(r.path("/agent")); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, file := range parse(t, render(t, machine())) {
		content, err := os.ReadFile(r.path(file.Path))
		switch particular := []string{userdata.AgentConfigPath, userdata.PlanPath, "/etc/open-spawn/gateway-ca.pem"}; {
		case strings.Contains(strings.Join(particular, " "), file.Path):
			if err == nil {
				t.Errorf("%s is on the image", file.Path)
			}
		case err != nil || !bytes.Equal(content, []byte(file.Content)):
			t.Errorf("%s is not what machines have (%v)", file.Path, err)
		}
	}
	if r.read("/usr/local/bin/spawn-agent") != "the agent" {
		t.Error("there is no agent")
	}
	for _, name := range []string{"/root/.ssh/authorized_keys", "/etc/ssh/ssh_host_ed25519_key", "/var/lib/spawn-agent"} {
		if _, err := os.Stat(r.path(name)); err == nil {
			t.Errorf("%s is on the image", name)
		}
	}
	calls := r.read("/calls")
	if strings.Contains(calls, "enable spawn-agent") || !strings.Contains(calls, "cloud-init clean") {
		t.Errorf("it called\n%s", calls)
	}
	r.write("/var/lib/spawn-agent/identity.json", "{}", 0o600)
	for _, args := range [][]string{{r.path("/agent")}, {}, {r.path("/none")}} {
		if output, err := r.image(args...); err == nil {
			t.Errorf("%q: it makes an image: %s", args, output)
		}
	}
}

func TestAnImageHasADigest(t *testing.T) {
	good := machine().Archive
	if _, err := userdata.Image(good, "https://mirror.example"); err != nil {
		t.Error(err)
	}
	for what, spoil := range map[string]func(a *userdata.Archive, mirror *string){
		"no digest":        func(a *userdata.Archive, _ *string) { a.SHA256 = map[string]string{"amd64": ""} },
		"no version":       func(a *userdata.Archive, _ *string) { a.Version = "" },
		"an http mirror":   func(_ *userdata.Archive, mirror *string) { *mirror = "http://mirror.example" },
		"a strange mirror": func(_ *userdata.Archive, mirror *string) { *mirror = "https://x y" },
	} {
		a, mirror := good, "https://mirror.example"
		spoil(&a, &mirror)
		if _, err := userdata.Image(a, mirror); err == nil {
			t.Errorf("%s makes an image", what)
		}
	}
	script, err := userdata.Image(good, "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.sh")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	quiet(t, ".", tool(t, "shellcheck"), path)
}
