// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// largestAgent is more than any machine should have to fetch.
const largestAgent = 15 << 20

// Whatever a machine's system is, the agent brings all that it needs.
func TestTheAgentIsStaticAndSmallForEveryKindOfMachine(t *testing.T) {
	dir := t.TempDir()
	makes(t, "agents", "AGENTS="+dir)
	for file, machine := range map[string]elf.Machine{
		"agent-linux-amd64": elf.EM_X86_64, "agent-linux-arm64": elf.EM_AARCH64,
	} {
		path := filepath.Join(dir, file)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() >= largestAgent {
			t.Errorf("%s has %d bytes, want less than %d", file, info.Size(), largestAgent)
		}
		program, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		needsLoader := slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
		if libraries, _ := program.ImportedLibraries(); needsLoader || len(libraries) > 0 {
			t.Errorf("%s is not static: it needs %q", file, libraries)
		}
		if program.Machine != machine {
			t.Errorf("%s is for %s", file, program.Machine)
		}
		if err := program.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Nobody finds out from machines that never register.
func TestNoManifestsWithoutAGateway(t *testing.T) {
	for _, url := range []string{"", "http://gateway.example", "gateway.example", "https://gateway.example/path"} {
		output, err := makeCommand(t, "manifests", "GATEWAY_URL="+url).CombinedOutput()
		if err == nil || !strings.Contains(string(output), "GATEWAY_URL=https://") {
			t.Errorf("%q: %v: %s", url, err, output)
		}
	}
	makes(t, "gateway-url", "GATEWAY_URL=https://gateway.example,https://other.example:8443")
}

// makes runs make, which must succeed.
func makes(t *testing.T, args ...string) {
	t.Helper()
	if output, err := makeCommand(t, args...).CombinedOutput(); err != nil {
		t.Fatalf("make %q: %v\n%s", args, err, output)
	}
}

func makeCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), "make", append([]string{"-C", "../.."}, args...)...)
}
