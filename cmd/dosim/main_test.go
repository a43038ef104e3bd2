// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func environment(pairs map[string]string) func(string) (string, bool) {
	return func(key string) (string, bool) {
		value, ok := pairs[key]
		return value, ok
	}
}

func TestRunServesUntilItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	exit := make(chan int)
	var stderr bytes.Buffer
	go func() {
		env := environment(map[string]string{"DOSIM_TOKEN": "a,b", "DOSIM_DROPLET_LIMIT": "7", "DOSIM_STATE_DELAY": "9s"})
		exit <- run(ctx, []string{"--listen=127.0.0.1:0", "--state-delay=3s"}, env, writer, &stderr)
	}()
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url, found := strings.CutPrefix(strings.TrimSpace(line), "dosim: serving ")
	if !found {
		t.Fatalf("printed %q", line)
	}
	for path, want := range map[string]string{
		"/v2/account": `"droplet_limit":7`, "/_sim/settings": `"state_delay":"3s"`,
	} {
		if body := get(t, url+path); !strings.Contains(body, want) {
			t.Errorf("%s: %s, want %s in it", path, body, want)
		}
	}
	stop()
	if code := <-exit; code != 0 || stderr.Len() != 0 {
		t.Errorf("exit %d: %s", code, &stderr)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer b")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestRunRefusesWhatCannotBeMeant(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		env  map[string]string
		want string
	}{
		"an unknown flag":       {args: []string{"--nonsense"}, want: "-nonsense"},
		"an argument":           {args: []string{"serve"}, want: "serve"},
		"a bad duration":        {args: []string{"--state-delay=soon"}, want: "-state-delay"},
		"a negative duration":   {args: []string{"--list-lag=-1s"}, want: "--list-lag must not be negative"},
		"a bad number from env": {env: map[string]string{"DOSIM_HOURLY_LIMIT": "many"}, want: "--hourly-limit"},
		"a negative number":     {args: []string{"--minute-limit=-5"}, want: "--minute-limit"},
		"an empty token":        {args: []string{"--token=a,,b"}, want: "--token must not be empty"},
		"no port":               {args: []string{"--listen=127.0.0.1"}, want: "--listen"},
		"an open address":       {args: []string{"--listen=0.0.0.0:0"}, want: "--allow-remote"},
		"an agent alone":        {args: []string{"--agent=x"}, want: "--boot"},
		"an empty host":         {args: []string{"--listen=:0"}, want: "--listen"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), test.args, environment(test.env), &stdout, &stderr)
			said := stderr.String()
			if code != 2 || strings.Count(said, "\n") != 1 || !strings.Contains(said, test.want) {
				t.Errorf("exit %d: %q, want one line with %q", code, said, test.want)
			}
		})
	}
}

func TestRunHelps(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, environment(nil), &stdout, &stderr); code != 0 {
		t.Errorf("exit %d", code)
	}
	if !strings.Contains(stderr.String(), "DOSIM_STATE_DELAY") {
		t.Errorf("help: %s", &stderr)
	}
}

func TestRunCannotListen(t *testing.T) {
	var listen net.ListenConfig
	taken, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"--listen=" + taken.Addr().String()}, environment(nil), &stdout, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "--listen") {
		t.Errorf("exit %d: %s", code, &stderr)
	}
}

func TestAllowRemote(t *testing.T) {
	c := newConfig(io.Discard)
	if err := c.parse([]string{"--listen=0.0.0.0:9091", "--allow-remote", "--token=a"}, environment(nil)); err != nil {
		t.Error(err)
	}
	if text := c.tokens.String(); text != "1 tokens" {
		t.Errorf("tokens print as %q", text)
	}
}
