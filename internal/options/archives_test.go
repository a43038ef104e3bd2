// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package options_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/options"
)

func TestArchivesAreWhatSha256sumPrints(t *testing.T) {
	a, b, c, d := strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64), strings.Repeat("d", 64)
	const mirror = "https://mirror.example/openclaw"
	lines := "# ours\n" + a + "  openclaw-2026.9.6-linux-amd64.tar.gz\n" +
		b + " *bin/archives/openclaw-2026.9.6-linux-arm64.tar.gz\n"
	env := environment{"OPENSPAWN_OPENCLAW_ARCHIVES": lines, "OPENSPAWN_OPENCLAW_MIRROR": mirror}
	got, _, err := parse(env, tokenFile)
	want := options.Archives{"2026.9.6": {"amd64": a, "arm64": b}}
	if err != nil || !reflect.DeepEqual(got.OpenClawArchives, want) || got.OpenClawMirror != mirror {
		t.Errorf("archives %v, mirror %q, %v", got.OpenClawArchives, got.OpenClawMirror, err)
	}
	flag := c + " openclaw-2026.9.5-linux-amd64.tar.gz, " + d + " openclaw-2026.9.5-linux-arm64.tar.gz"
	got, _, err = parse(env, tokenFile, "--openclaw-archives="+flag)
	want = options.Archives{"2026.9.5": {"amd64": c, "arm64": d}}
	if err != nil || !reflect.DeepEqual(got.OpenClawArchives, want) {
		t.Errorf("archives %v, %v, want those of the flag only", got.OpenClawArchives, err)
	}
	var again options.Archives
	if err := again.Set(got.OpenClawArchives.String()); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("what is printed is read as %v, %v", again, err)
	}
	if got, _, err = parse(nil, tokenFile, "--openclaw-archives=\n"); err != nil || got.OpenClawArchives != nil {
		t.Errorf("nothing is %v, %v", got.OpenClawArchives, err)
	}
}

func TestABadArchiveIsNamed(t *testing.T) {
	digest := strings.Repeat("a", 64)
	file := func(version, kind string) string { return " openclaw-" + version + "-linux-" + kind + ".tar.gz" }
	good := digest + file("1.2.3", "amd64") + "," + digest + file("1.2.3", "arm64")
	archives := func(value string) []string { return []string{"--openclaw-archives=" + value} }
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no digest":          {archives("abc" + file("1.2.3", "amd64")), "64 hexadecimal"},
		"a digest alone":     {archives(digest), "is not called openclaw-VERSION"},
		"another file":       {archives(digest + " node.tar.gz"), `"node.tar.gz" is not called`},
		"another machine":    {archives(digest + file("1.2.3", "riscv64")), "amd64 or arm64"},
		"two digests":        {archives(good + "," + strings.Repeat("b", 64) + file("1.2.3", "arm64")), "twice"},
		"a mirror over http": {append(archives(good), "--openclaw-mirror=http://mirror.example"), "--openclaw-mirror"},
		"a mirror alone":     {[]string{"--openclaw-mirror=https://mirror.example"}, "--openclaw-archives"},
	} {
		_, _, err := parse(nil, append([]string{tokenFile}, test.args...)...)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", name, err, test.want)
		}
	}
}
