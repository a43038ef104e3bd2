// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// called has a helper behind a real socket that lets that user call, and tells which commands it ran.
func called(t *testing.T, uid uint32, fails error) (Client, func() [][]string) {
	t.Helper()
	var ran [][]string
	client, stop := calledOn(t, uid, machine{run: func(_ context.Context, c []string) ([]byte, error) {
		ran = append(ran, c)
		return []byte("said\nso"), fails
	}})
	return client, func() [][]string { stop(); return ran }
}

// calledOn is called, with a machine to work on.
func calledOn(t *testing.T, uid uint32, m machine) (client Client, stop func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "helper.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = serve(context.WithoutCancel(t.Context()), conn, uid, m)
			_ = conn.Close()
		}
	}()
	stop = func() {
		_ = listener.Close()
		<-ended
	}
	t.Cleanup(stop)
	return Client{Path: path}, stop
}

func self() uint32 { return uint32(os.Getuid()) }

func TestEachVerbIsItsCommands(t *testing.T) {
	client, ran := called(t, self(), nil)
	for _, call := range []func(context.Context) error{client.Start, client.Stop, client.Kill} {
		if err := call(t.Context()); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"/usr/bin/systemctl start openclaw.service",
		"/usr/bin/systemctl stop --no-block openclaw.service",
		"/usr/bin/systemctl stop --no-block openclaw.service",
		"/usr/bin/systemctl kill --signal=SIGKILL openclaw.service",
	}
	var got []string
	for _, c := range ran() {
		got = append(got, strings.Join(c, " "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("it ran %q, want %q", got, want)
	}
}

func TestWhatFailsSaysWhy(t *testing.T) {
	client, _ := called(t, self(), errors.New("exit status 5"))
	err := client.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "exit status 5: said so") {
		t.Errorf("it says %v", err)
	}
	if err := (Client{Path: filepath.Join(t.TempDir(), "none")}).Stop(t.Context()); err == nil {
		t.Error("nobody is there, and it was done")
	}
}

func TestNobodyElseMayCall(t *testing.T) {
	client, ran := called(t, self()+1, nil)
	if err := client.Start(t.Context()); err == nil || !strings.Contains(err.Error(), errStranger.Error()) {
		t.Errorf("a stranger is told %v", err)
	}
	if got := ran(); len(got) > 0 {
		t.Errorf("it ran %q", got)
	}
}

func TestWhatIsNoVerbIsRefused(t *testing.T) {
	client, ran := called(t, self(), nil)
	for _, verb := range []string{
		"", "start", "start-runtime ", "start-runtime;reboot", "start-runtime\x00", "use-agent /bin/sh", "$(reboot)",
		strings.Repeat("x", maxVerb), strings.Repeat("start-runtime", 1<<12),
	} {
		if err := client.call(t.Context(), verb); err == nil {
			t.Errorf("%.40q is a verb", verb)
		}
	}
	if got := ran(); len(got) > 0 {
		t.Errorf("it ran %q", got)
	}
}

func TestAClientThatHasEnoughIsLetGo(t *testing.T) {
	client, _ := called(t, self(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Kill(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("it says %v", err)
	}
}

func TestACallComesByAUnixSocket(t *testing.T) {
	ours, theirs := net.Pipe()
	defer func() { _ = ours.Close() }()
	go func() { _ = serve(context.WithoutCancel(t.Context()), theirs, self(), machine{}) }()
	answer := make([]byte, maxAnswer)
	n, err := ours.Read(answer)
	if err != nil || !strings.HasPrefix(string(answer[:n]), "finding out who calls") {
		t.Errorf("it says %q (%v)", answer[:n], err)
	}
}
