// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What the kernel makes of the rules, in a network of its own in which nobody is at home. On a machine the unit has an
// IPAddressDeny besides, which takes systemd to be tried.
func TestMED003_TheFirewallKeepsMetadataAndPrivateNetworksFromTheRuntime(t *testing.T) {
	for _, name := range []string{"unshare", "nsenter", "nft", "ip", "curl", "setpriv"} {
		tool(t, name)
	}
	r := givenUsers(t)
	passwd := "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\n" + r.read("/etc/passwd")
	r.write("/etc/passwd", passwd, 0o644)
	if err := exec.CommandContext(t.Context(), "unshare", "--mount", "--net", "true").Run(); err != nil {
		t.Skipf("there can be no network of its own here (%v): nothing was checked", err)
	}
	script, err := os.ReadFile("testdata/probe")
	if err != nil {
		t.Fatal(err)
	}
	probe := exec.CommandContext(t.Context(), "unshare", "--mount", "--net", "sh", "-c", string(script), "probe", r.dir)
	output, err := probe.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(output)) {
		line = strings.TrimSpace(line)
		at := strings.LastIndex(line, " ")
		got[line[:max(at, 0)]] = line[at+1:]
	}
	want := map[string]string{"stranger 22": "refused", "stranger 18789": "silence", "stranger 22 often": "silence"}
	for _, user := range []string{"root", "spawn-agent", "openclaw", "nobody"} {
		for _, to := range []string{
			"10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.0.1", "169.254.1.1", "[fd00::1]", "[::ffff:10.1.2.3]",
		} {
			want[user+" "+to] = "silence"
			if user == "openclaw" {
				want[user+" "+to] = "refused"
			}
		}
		want[user+" 198.51.100.1"], want[user+" [2606:4700::1]"] = "silence", "silence"
		want[user+" 127.0.0.1:9"] = "refused" // because nobody listens
		want[user+" 169.254.169.254"] = "silence"
		if user == "openclaw" || user == "nobody" {
			want[user+" 169.254.169.254"] = "refused"
		}
	}
	for call, far := range want {
		if got[call] != far {
			t.Errorf("%s: %q, want %q", call, got[call], far)
		}
	}
	if len(got) != len(want) {
		t.Errorf("it says\n%s", output)
	}
}
