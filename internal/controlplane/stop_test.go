// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// abandonVariable makes the test binary start a plane in the named directory and wait to be killed.
const abandonVariable = "CONTROLPLANE_ABANDON_DIR"

// abandon never returns.
func abandon(dir string) {
	if _, err := Start(context.Background(), Options{Dir: dir, ControllerManager: true}); err != nil {
		fmt.Fprintln(os.Stdout, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, "started")
	select {}
}

func TestStopLeavesNeitherProcessNorSecret(t *testing.T) {
	requireProc(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	p, err := Start(ctx, Options{Dir: dir, ControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"etcd", "kube-apiserver", "kube-controller-manager"}
	if got := processes(t, dir); !slices.Equal(got, want) {
		t.Errorf("running: %v, want %v", got, want)
	}
	// The plane outlives the context it was started with, and stops without it.
	cancel()
	if _, err := p.Kubectl(t.Context(), "get", "--raw", "/readyz"); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if got := processes(t, dir); len(got) != 0 {
		t.Errorf("still running: %v", got)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"logs"}) {
		t.Errorf("left in the directory: %v, want only logs", got)
	}
}

func TestAKilledProgramLeavesNoProcess(t *testing.T) {
	requireProc(t)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), abandonVariable+"="+dir)
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if line != "started\n" {
		t.Fatalf("starting a plane to abandon: %q, %v", line, err)
	}
	if got := processes(t, dir); len(got) != 3 {
		t.Errorf("running before the kill: %v, want three", got)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // It says that it was killed.
	poll(t, "the end of the abandoned processes", func(context.Context) (bool, error) {
		return len(processes(t, dir)) == 0, nil
	})
}

func TestStartFailsWithTheReason(t *testing.T) {
	t.Run("an unknown flag of kube-apiserver", func(t *testing.T) {
		requireProc(t)
		dir := t.TempDir()
		_, err := Start(t.Context(), Options{
			Dir: dir, ExtraAPIServerArgs: map[string][]string{"no-such-flag": {"1"}},
		})
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte("unknown flag: --no-such-flag")) {
			t.Errorf("Start: %v, want the flag named", err)
		}
		if got := processes(t, dir); len(got) != 0 {
			t.Errorf("still running: %v", got)
		}
	})
	t.Run("a context that is done", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Start(ctx, Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Start: %v, want %v", err, context.Canceled)
		}
	})
	t.Run("programs that are not built", func(t *testing.T) {
		t.Setenv(assetsVariable, t.TempDir())
		_, err := AssetsDir()
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte("make controlplane")) {
			t.Errorf("AssetsDir: %v, want advice to run make controlplane", err)
		}
	})
}

func TestAPortThatIsTakenIsChosenAnew(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	layout, err := newLayout(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &Plane{layout: layout, assets: plane.assets, options: Options{Output: t.Output()}}
	attempts := 0
	err = p.withOtherPorts(t.Context(), func() error {
		attempts++
		url := "http://" + listener.Addr().String()
		if attempts == 2 {
			url = "http://127.0.0.1:port" // Not a port at all: another reason.
		}
		return etcdOn(t, p, url)
	})
	if err == nil || attempts != 2 {
		t.Errorf("after %d attempts: %v; want another port after the first, and the reason after the second", attempts, err)
	}
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("the log of etcd ends with")) {
		t.Errorf("%v, want what etcd says", err)
	}
}

// etcdOn runs etcd with an address that it cannot listen on.
func etcdOn(t *testing.T, p *Plane, url string) error {
	t.Helper()
	log, err := p.openLog("etcd")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.CommandContext(t.Context(), filepath.Join(p.assets, "etcd"),
		"--data-dir="+p.layout.etcdData(), "--listen-client-urls="+url, "--advertise-client-urls="+url,
		"--listen-peer-urls=http://127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = log, log
	return cmd.Run()
}

func requireProc(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc to see processes")
	}
}

// processes returns the sorted names of the programs that carry the directory in their flags. A zombie carries none.
func processes(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // It ended since we looked.
		}
		path, flags, _ := bytes.Cut(line, []byte{0})
		if bytes.Contains(flags, []byte("-dir="+dir+"/")) && filepath.Base(string(path)) != "grep" {
			found = append(found, filepath.Base(string(path)))
		}
	}
	slices.Sort(found)
	return found
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := make([]string, 0, len(entries))
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}
