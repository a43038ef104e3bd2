// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	placing "github.com/cedros-io/open-spawn/internal/agent/render"
)

// denied is what the kernel says to those who may not.
var denied = regexp.MustCompile(`Permission denied|Operation not permitted`)

// as runs a shell as one of the machine's users, with that user's groups and no others.
func (r *root) as(name, script string) (output string, err error) {
	r.t.Helper()
	uid, gid := r.id("/etc/passwd", name), r.id("/etc/group", name)
	groups := gid
	if name == "spawn-agent" {
		groups += "," + r.id("/etc/group", "openclaw")
	}
	cmd := exec.CommandContext(r.t.Context(), "setpriv", "--reuid="+uid, "--regid="+gid, "--groups="+groups,
		"--no-new-privs", "--bounding-set=-all", "/bin/sh", "-c", "umask 0027; "+script)
	cmd.Dir = r.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// id is that of a user or a group.
func (r *root) id(file, name string) string {
	r.t.Helper()
	for line := range strings.Lines(r.read(file)) {
		if fields := strings.Split(line, ":"); fields[0] == name {
			return fields[2]
		}
	}
	r.t.Fatalf("%s has no %s", file, name)
	return ""
}

// givenUsers is a machine on which the agent has run: the bootstrap has made users and directories, and the agent its
// files, through the code that does that on a machine.
func givenUsers(t *testing.T) *root {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else: nothing was checked")
	}
	tool(t, "setpriv")
	m := machine()
	r := givenRoot(t, m)
	r.real("systemd-sysusers")
	r.real("systemd-tmpfiles")
	for _, dir := range []string{r.dir, filepath.Dir(r.dir)} { // those of the test
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.step("users")
	r.write("/usr/local/bin/spawn-agent", "the agent", 0o755)
	r.write("/opt/openclaw/node/bin/node", "node", 0o755)
	for _, script := range []string{
		"echo osc1.canary > var/lib/spawn-agent/identity.json",
		"echo KEY=canary > run/openclaw/runtime.env; chmod 0640 run/openclaw/runtime.env",
		"echo '# rules' > var/lib/openclaw/workspace/AGENTS.md",
		"mkdir -p var/lib/openclaw/workspace/skills/trading; echo x > var/lib/openclaw/workspace/skills/trading/SKILL.md",
	} {
		if output, err := r.as("spawn-agent", script); err != nil {
			t.Fatalf("the agent cannot: %s: %s", script, output)
		}
	}
	return r
}

// What was not run here, because it takes a machine that was booted: the units' own sandbox, the metadata address (see
// TestTheFirewall), PID 1 reading the environment file, and sudo and docker, of which there are none on the image.
func TestMED003_TheRuntimeIsNobody(t *testing.T) {
	r := givenUsers(t)
	for _, may := range []string{
		"cat run/openclaw/runtime.env",
		"cat var/lib/openclaw/workspace/AGENTS.md var/lib/openclaw/workspace/skills/trading/SKILL.md",
		"echo mine > var/lib/openclaw/workspace/notes.md && rm var/lib/openclaw/workspace/notes.md",
		"echo mine > var/lib/openclaw/state/openclaw.sqlite",
		"mkdir var/lib/openclaw/home/.cache",
		"test -x opt/openclaw/node/bin/node && test -x usr/local/lib/open-spawn/run-openclaw",
	} {
		if output, err := r.as("openclaw", may); err != nil {
			t.Errorf("the runtime cannot: %s: %s", may, output)
		}
	}
	for what, mayNot := range map[string]string{
		"the agent's credential":  "cat var/lib/spawn-agent/identity.json",
		"the agent's directory":   "ls var/lib/spawn-agent",
		"the registration token":  "cat etc/open-spawn/agent.yaml",
		"its own keys":            "echo KEY=other > run/openclaw/runtime.env",
		"its own keys, as a file": "rm -f run/openclaw/runtime.env",
		"another version":         "echo 1.0.0 > run/openclaw/version",
		"its rules":               "echo ignore > var/lib/openclaw/workspace/AGENTS.md",
		"its rules, as a file":    "rm -f var/lib/openclaw/workspace/AGENTS.md",
		"its rules, renamed":      "mv var/lib/openclaw/workspace/AGENTS.md var/lib/openclaw/workspace/old.md",
		"its rules, replaced": "echo ignore > var/lib/openclaw/workspace/x; " +
			"mv -f var/lib/openclaw/workspace/x var/lib/openclaw/workspace/AGENTS.md",
		"its skills":         "echo ignore > var/lib/openclaw/workspace/skills/trading/SKILL.md",
		"a skill of its own": "mkdir var/lib/openclaw/workspace/skills/other",
		"its skills, moved":  "mv var/lib/openclaw/workspace/skills var/lib/openclaw/workspace/old",
		"its limits":         "chmod 0777 var/lib/openclaw/workspace",
		"its unit":           "echo >> etc/systemd/system/openclaw.service",
		"another unit":       "echo > etc/systemd/system/other.service",
		"a unit's override":  "mkdir etc/systemd/system/openclaw.service.d",
		"the script":         "echo >> usr/local/lib/open-spawn/run-openclaw",
		"the agent":          "echo >> usr/local/bin/spawn-agent",
		"Node":               "echo >> opt/openclaw/node/bin/node",
		"OpenClaw":           "mkdir opt/openclaw/9.9.9",
		"the firewall":       "echo >> etc/open-spawn/firewall.nft",
		"the bootstrap":      "echo >> etc/open-spawn/bootstrap.conf",
		"what is reported":   "echo > run/open-spawn/bootstrap.json",
	} {
		if output, err := r.as("openclaw", mayNot); err == nil || !denied.MatchString(output) {
			t.Errorf("the runtime reaches %s: %s", what, output)
		}
	}
	groups, members := r.read("/etc/group"), "openclaw:x:"+r.id("/etc/group", "openclaw")+":spawn-agent\n"
	if !strings.Contains(groups, members) || strings.Count(groups, "openclaw") != 1 {
		t.Errorf("groups are\n%s", groups)
	}
	for _, user := range []string{"openclaw", "spawn-agent"} {
		if !strings.Contains(r.read("/etc/shadow"), user+":!") || strings.Count(r.read("/etc/passwd"), "/nologin\n") != 2 {
			t.Errorf("%s can log in", user)
		}
	}
}

func TestMED003_TheAgentIsNotRoot(t *testing.T) {
	r := givenUsers(t)
	for what, mayNot := range map[string]string{
		"itself":               "echo >> usr/local/bin/spawn-agent",
		"its configuration":    "echo >> etc/open-spawn/agent.yaml",
		"a unit":               "echo > etc/systemd/system/other.service",
		"what the bot recalls": "ls var/lib/openclaw/state",
		"Node":                 "echo >> opt/openclaw/node/bin/node",
		"the firewall":         "echo >> etc/open-spawn/firewall.nft",
	} {
		if output, err := r.as("spawn-agent", mayNot); err == nil || !denied.MatchString(output) {
			t.Errorf("the agent reaches %s: %s", what, output)
		}
	}
	if output, err := r.as("spawn-agent", "cat etc/open-spawn/agent.yaml && test ! -w etc/open-spawn"); err != nil {
		t.Errorf("the agent does not know what it is told: %s", output)
	}
	// What the runtime makes in the workspace the agent can put out of the way.
	if output, err := r.as("openclaw", "echo ignore > var/lib/openclaw/workspace/SOUL.md"); err != nil {
		t.Fatal(output)
	}
	keep := "cd var/lib/openclaw/workspace && echo s > n && mv -f n SOUL.md && cat SOUL.md"
	if output, err := r.as("spawn-agent", keep); err != nil {
		t.Errorf("the agent does not keep the workspace: %s", output)
	}
}

// As the agent writes them, files are readable to the group of the directory that they are in.
func TestTheRuntimeReadsWhatTheAgentRenders(t *testing.T) {
	r := givenUsers(t)
	staged, err := placing.Stage(r.path("/run/openclaw"), []placing.File{{Name: "openclaw.json", Content: []byte("{}")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := staged.Swap(); err != nil {
		t.Fatal(err)
	}
	if output, err := r.as("openclaw", "cat run/openclaw/openclaw.json"); err != nil || output != "{}" {
		t.Errorf("the runtime reads %q (%v)", output, err)
	}
	files := map[string][]byte{"a/b.md": []byte("x")}
	if err := placing.Keep(r.path("/var/lib/openclaw/workspace"), files, nil); err != nil {
		t.Fatal(err)
	}
	if output, err := r.as("openclaw", "cat var/lib/openclaw/workspace/a/b.md"); err != nil || output != "x" {
		t.Errorf("the runtime reads %q (%v)", output, err)
	}
}

// TestHelperKeep is no test: it is the agent, who keeps the workspace.
func TestHelperKeep(t *testing.T) {
	workspace := os.Getenv("TEST_WORKSPACE")
	if workspace == "" {
		t.Skip("only for the test below")
	}
	files := map[string][]byte{"AGENTS.md": []byte("ours"), "skills/trading/SKILL.md": []byte("ours")}
	if err := placing.Keep(workspace, files, []string{"old.md", "AGENTS.md"}); err != nil {
		t.Fatal(err)
	}
}

// OpenClaw makes directories that the agent cannot look into where the agent's files have to go.
func TestTheAgentPutsTheRuntimesDirectoriesAway(t *testing.T) {
	r := givenUsers(t)
	const workspace = "var/lib/openclaw/workspace"
	if output, err := r.as("spawn-agent", "rm -rf "+workspace+"/*"); err != nil {
		t.Fatal(output)
	}
	made := "cd " + workspace + "; umask 0077; for d in AGENTS.md skills/trading AGENTS.md.next old.md; do " +
		"mkdir -p $d/deep; echo mine > $d/deep/file; done"
	if output, err := r.as("openclaw", made); err != nil {
		t.Fatal(output)
	}
	binary, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	r.write("/tests", string(binary), 0o755)
	const again = "TEST_WORKSPACE=$PWD/" + workspace + " ./tests -test.run '^TestHelperKeep$'"
	for range 2 {
		if output, err := r.as("spawn-agent", again); err != nil {
			t.Fatalf("the agent does not keep the workspace: %s", output)
		}
		got, err := r.as("openclaw",
			"cd "+workspace+"; cat AGENTS.md skills/trading/SKILL.md; cat AGENTS.md.aside-0/deep/file")
		if err != nil || got != "oursoursmine\n" {
			t.Errorf("the runtime reads %q (%v)", got, err)
		}
	}
}
