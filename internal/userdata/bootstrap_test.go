// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package userdata_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cedros-io/open-spawn/internal/agent/facts"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/userdata"
)

// shop serves what a gateway serves by digest, with a CA of its own.
type shop struct {
	*httptest.Server
	wares map[string][]byte
	asked atomic.Int32
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{wares: map[string][]byte{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		ware, known := s.wares[strings.TrimPrefix(r.URL.Path, protocol.AgentPath)]
		if !known {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(ware)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shop) sell(ware []byte) (digest string) {
	sum := sha256.Sum256(ware)
	digest = hex.EncodeToString(sum[:])
	s.wares[digest] = ware
	return digest
}

// archive is as hack/openclaw/archive makes them.
func archive(t *testing.T, version string) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	w := tar.NewWriter(zipped)
	for _, header := range []*tar.Header{
		{Name: "node/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "node/bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "node/real", Typeflag: tar.TypeReg, Mode: 0o755},
		{Name: "node/bin/node", Typeflag: tar.TypeSymlink, Linkname: "../real"},
		{Name: version + "/node_modules/openclaw/openclaw.mjs", Typeflag: tar.TypeReg, Mode: 0o644, Uid: 4711},
	} {
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []interface{ Close() error }{w, zipped} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func both(digest string) map[string]string {
	return map[string]string{"amd64": digest, "arm64": digest}
}

// sold is a machine that finds all that it needs in the shop.
func sold(t *testing.T, s *shop) userdata.Machine {
	t.Helper()
	m := machine()
	m.Gateways, m.Mirror = []string{s.URL}, ""
	m.GatewayCA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	m.AgentSHA256 = both(s.sell([]byte("#!/bin/sh\necho agent\n")))
	m.Archive = userdata.Archive{Version: "2026.9.6", SHA256: both(s.sell(archive(t, "2026.9.6")))}
	return m
}

func TestAnEmptyMachineIsMadeOneThatRunsOpenClaw(t *testing.T) {
	tool(t, "curl")
	s := newShop(t)
	r := givenRoot(t, sold(t, s))
	r.real("systemd-sysusers")
	if os.Getuid() == 0 {
		r.real("systemd-tmpfiles")
	}
	calls, output, err := r.bootstrap()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	want := []string{
		"systemctl start spawn-helper.socket", "systemctl restart spawn-agent.service",
		"fallocate -l 2G " + r.path("/swapfile"), "swapon " + r.path("/swapfile"),
		"systemctl restart spawn-firewall.service", "usermod --lock root", "sshd -t",
		"systemctl restart systemd-journald.service", "apt-cache show -- jq", "apt-cache show -- g++",
		"systemctl disable spawn-bootstrap.service",
	}
	at := 0
	for _, call := range calls {
		if at < len(want) && call == want[at] {
			at++
		}
	}
	if at < len(want) {
		t.Errorf("%q is not called in its turn:\n%s", want[at], strings.Join(calls, "\n"))
	}
	if !strings.Contains(strings.Join(calls, "\n"), "install --no-install-recommends -- jq g++\n") {
		t.Errorf("the packages are not installed:\n%s", strings.Join(calls, "\n"))
	}
	if strings.Contains(strings.Join(calls, "\n"), "openclaw.service") {
		t.Errorf("the bootstrap touches OpenClaw:\n%s", strings.Join(calls, "\n"))
	}
	for _, program := range []string{"/usr/local/bin/spawn-agent", "/opt/openclaw/node/bin/node"} {
		if info, err := os.Stat(r.path(program)); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v (%v)", program, info, err)
		}
	}
	r.read("/opt/openclaw/2026.9.6/node_modules/openclaw/openclaw.mjs")
	if !strings.Contains(r.read("/etc/passwd"), "spawn-agent:") || strings.Count(r.read("/etc/fstab"), "/swapfile") != 1 {
		t.Errorf("users %s\nfstab %s", r.read("/etc/passwd"), r.read("/etc/fstab"))
	}
	if left, err := os.ReadDir(r.path("/run/open-spawn")); err != nil || len(left) > 0 {
		t.Errorf("left are %v (%v)", left, err)
	}

	asked := s.asked.Load()
	if _, output, err := r.bootstrap(); err != nil {
		t.Fatalf("again: %v\n%s", err, output)
	}
	if s.asked.Load() != asked || strings.Count(r.read("/etc/fstab"), "/swapfile") != 1 {
		t.Errorf("what is there was fetched again, or written again: %s", r.read("/etc/fstab"))
	}
}

func TestAStepThatFailsSaysSoAndIsTriedAgain(t *testing.T) {
	s := newShop(t)
	r := givenRoot(t, sold(t, s))
	// It fails twice: the second time it finds what the first has left, and notes what the agent reads meanwhile.
	r.stub("usermod", `if [ ! -e "$OPEN_SPAWN_ROOT/second" ]; then
		if [ -e "$OPEN_SPAWN_ROOT/first" ]; then
			cp "$OPEN_SPAWN_ROOT/run/open-spawn/bootstrap.json" "$OPEN_SPAWN_ROOT/second"
		else
			touch "$OPEN_SPAWN_ROOT/first"
		fi
		printf 'usermod: "root" is	\\locked\nbÿ another $(id)\n' >&2
		exit 9
	fi`)
	calls, output, err := r.bootstrap()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	step, err := facts.Bootstrap(r.path("/second"))
	want := protocol.BootstrapStep{Name: "login", Failed: true, Message: "usermod: 'root' is /locked b another $(id) "}
	if err != nil || *step != want {
		t.Errorf("the agent reads %+v (%v), want %+v", step, err, want)
	}
	pauses := slices.DeleteFunc(calls, func(call string) bool { return !strings.HasPrefix(call, "sleep ") })
	if !slices.Equal(pauses, []string{"sleep 2", "sleep 4"}) {
		t.Errorf("it waits %q", pauses)
	}
	if !strings.Contains(output, "tried again in 4 s") {
		t.Errorf("the journal has %s", output)
	}
}

func TestLastWordsAreCut(t *testing.T) {
	r := givenRoot(t, machine())
	r.stub("usermod", "yes | head -n 5000; exit 1")
	r.stub("sleep", `cp "$OPEN_SPAWN_ROOT/run/open-spawn/bootstrap.json" "$OPEN_SPAWN_ROOT/seen"; kill "$PPID"`)
	r.stub("curl", "exit 1")
	r.write("/usr/local/bin/spawn-agent", "", 0o755)
	r.write(userdata.PlanPath, "gateway https://gateway.example\n", 0o644)
	if _, output, err := r.bootstrap(); err == nil {
		t.Fatal(output)
	}
	var step protocol.BootstrapStep
	if err := json.Unmarshal([]byte(r.read("/seen")), &step); err != nil || len(step.Message) != 1000 || !step.Failed {
		t.Errorf("%+v has %d characters (%v)", step, len(step.Message), err)
	}
}

func TestNothingIsUsedThatHasAnotherDigest(t *testing.T) {
	tool(t, "curl")
	s := newShop(t)
	m := sold(t, s)
	for digest := range s.wares {
		s.wares[digest] = append(s.wares[digest], '!')
	}
	r := givenRoot(t, m)
	for _, step := range []string{"agent", "runtime"} {
		if _, output, err := r.bootstrap(step); err == nil || !strings.Contains(output, "does not have") {
			t.Errorf("%s: %v\n%s", step, err, output)
		}
	}
	for _, dir := range []string{"/usr/local/bin", "/opt/openclaw"} {
		_ = filepath.WalkDir(r.path(dir), func(path string, entry os.DirEntry, _ error) error {
			if entry != nil && !entry.IsDir() {
				t.Errorf("%s is there", path)
			}
			return nil
		})
	}
}

// A mirror is asked first, and needs no CA of ours; what it has wrong a gateway has right.
func TestAMirrorIsAskedFirst(t *testing.T) {
	s := newShop(t)
	m := sold(t, s)
	m.Mirror = "https://mirror.example/openclaw"
	r := givenRoot(t, m)
	ware := filepath.Join(t.TempDir(), "ware")
	if err := os.WriteFile(ware, s.wares[m.Archive.SHA256["amd64"]], 0o600); err != nil {
		t.Fatal(err)
	}
	curl := func(url string) string {
		return `while [ "$1" != --output ]; do shift; done
			case "$*" in *"` + url + `"*) cp ` + ware + ` "$2" ;; *) exit 22 ;; esac`
	}
	name := "openclaw-2026.9.6-linux-" + runtime.GOARCH + ".tar.gz"
	r.stub("curl", curl("https://mirror.example/openclaw/"+name))
	if calls := r.step("runtime"); len(calls) != 1 || strings.Contains(calls[0], "--cacert") {
		t.Errorf("the mirror is asked by %q", calls)
	}
	again := givenRoot(t, m)
	again.stub("curl", curl(s.URL+protocol.AgentPath))
	if calls := again.step("runtime"); len(calls) != 2 || !strings.Contains(calls[1], "--cacert") {
		t.Errorf("the gateway is asked by %q", calls)
	}
}

func TestAnImageThatHasEverythingFetchesNothing(t *testing.T) {
	m := machine()
	m.AgentSHA256, m.Archive, m.Packages = nil, userdata.Archive{}, nil
	r := givenRoot(t, m)
	r.stub("curl", "exit 1")
	if _, output, err := r.bootstrap("agent"); err == nil || !strings.Contains(output, "there is no agent on this image") {
		t.Errorf("%v\n%s", err, output)
	}
	r.write("/usr/local/bin/spawn-agent", "", 0o755)
	r.write("/usr/bin/unattended-upgrade", "", 0o755)
	calls, output, err := r.bootstrap()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, call := range calls {
		if strings.HasPrefix(call, "curl") || strings.HasPrefix(call, "apt-get") {
			t.Errorf("it calls %s", call)
		}
	}
}

func TestMachinesWithMemoryGetNoSwap(t *testing.T) {
	r := givenRoot(t, machine())
	r.write("/proc/meminfo", "MemTotal:        4009372 kB\n", 0o644)
	if calls := r.step("swap"); len(calls) != 1 || calls[0] != "" {
		t.Errorf("it calls %q", calls)
	}
}

func TestAPackageThatAptWouldTakeForSomethingElseIsNotInstalled(t *testing.T) {
	m := machine()
	m.Packages = []string{"jq-"}
	r := givenRoot(t, m)
	r.stub("apt-cache", "exit 100")
	calls, output, err := r.bootstrap("packages")
	if err == nil || !strings.Contains(output, "there is no package jq-") {
		t.Errorf("%v\n%s", err, output)
	}
	if slices.ContainsFunc(calls, func(call string) bool { return strings.Contains(call, " install ") }) {
		t.Errorf("it calls %q", calls)
	}
}

func TestOnlyStepsAreSteps(t *testing.T) {
	r := givenRoot(t, machine())
	for _, word := range []string{"", "reboot", "users agent", "s", "done"} {
		if calls, _, err := r.bootstrap(word); err == nil || calls[0] != "" {
			t.Errorf("%q is a step: %q", word, calls)
		}
	}
}
