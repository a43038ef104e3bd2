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
	lines := "# ours\n" + a + "  openclaw-2026.9.6-linux-amd64.tar.gz\n" + b + " *bin/archives/openclaw-2026.9.6-linux-arm64.tar.gz\n"
	env := environment{"OPENSPAWN_OPENCLAW_ARCHIVES": lines, "OPENSPAWN_OPENCLAW_MIRROR": "https://mirror.example/openclaw"}
	got, _, err := parse(env, tokenFile)
	want := options.Archives{"2026.9.6": {"amd64": a, "arm64": b}}
	if err != nil || !reflect.DeepEqual(got.OpenClawArchives, want) || got.OpenClawMirror != "https://mirror.example/openclaw" {
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
	good := digest + " openclaw-2026.9.6-linux-amd64.tar.gz," + digest + " openclaw-2026.9.6-linux-arm64.tar.gz"
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no digest":          {[]string{"--openclaw-archives=abc openclaw-2026.9.6-linux-amd64.tar.gz"}, "64 hexadecimal"},
		"a digest alone":     {[]string{"--openclaw-archives=" + digest}, "is not called openclaw-VERSION"},
		"another file":       {[]string{"--openclaw-archives=" + digest + " node.tar.gz"}, `"node.tar.gz" is not called`},
		"another machine":    {[]string{"--openclaw-archives=" + digest + " openclaw-1.2.3-linux-riscv64.tar.gz"}, "amd64 or arm64"},
		"only one of them":   {[]string{"--openclaw-archives=" + digest + " openclaw-1.2.3-linux-amd64.tar.gz"}, "no archive for arm64"},
		"two digests":        {[]string{"--openclaw-archives=" + good + "," + strings.Repeat("b", 64) + " openclaw-2026.9.6-linux-arm64.tar.gz"}, "twice"},
		"a mirror over http": {[]string{"--openclaw-archives=" + good, "--openclaw-mirror=http://mirror.example"}, "--openclaw-mirror"},
		"a mirror alone":     {[]string{"--openclaw-mirror=https://mirror.example"}, "--openclaw-archives"},
	} {
		_, _, err := parse(nil, append([]string{tokenFile}, test.args...)...)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", name, err, test.want)
		}
	}
}
