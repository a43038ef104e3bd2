// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/dosim/conformance"
)

const token = "dop_v1_good"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// api is a client of a simulator whose clock stands still. Everything that it sends and receives is held to the
// contract, when that is at hand.
type api struct {
	t      *testing.T
	sim    *dosim.Server
	clock  *testclock.FakeClock
	url    string
	client *http.Client
	token  string
}

func start(t *testing.T, changes ...func(*dosim.Options)) *api {
	t.Helper()
	clock := testclock.NewFakeClock(noon)
	opts := dosim.Options{
		Clock: clock, Tokens: []string{token}, TeamUUID: "11111111-1111-4111-8111-111111111111",
		StateDelay: 2 * time.Second, ActionDelay: time.Second,
	}
	for _, change := range changes {
		change(&opts)
	}
	sim := dosim.New(opts)
	server := httptest.NewServer(sim)
	t.Cleanup(func() {
		sim.Close()
		server.Close()
	})
	// The list of autoscale pools and the unknown route are not part of the description that we hold.
	validator := conformance.FromEnv(t, "/v2/droplets/autoscale", "/v2/unknown", "/_sim/")
	client := &http.Client{Transport: validator.Wrap(server.Client().Transport)}
	return &api{t: t, sim: sim, clock: clock, url: server.URL, client: client, token: token}
}

// answer is a response that was read completely.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	raw    []byte
	body   any
}

func (a *api) request(ctx context.Context, method, path string, body any) *http.Request {
	a.t.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			a.t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, a.url+path, reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	return r
}

// try sends a request of which the reply may be lost.
func (a *api) try(ctx context.Context, method, path string, body any) (answer, error) {
	a.t.Helper()
	response, err := a.client.Do(a.request(ctx, method, path, body))
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	got := answer{t: a.t, status: response.StatusCode, header: response.Header}
	if got.raw, err = io.ReadAll(response.Body); err != nil {
		return got, err
	}
	if len(got.raw) > 0 && strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		decoder := json.NewDecoder(bytes.NewReader(got.raw))
		decoder.UseNumber()
		if err := decoder.Decode(&got.body); err != nil {
			a.t.Fatalf("%s %s: %v in %s", method, path, err, got.raw)
		}
	}
	return got, nil
}

func (a *api) do(method, path string, body any) answer {
	a.t.Helper()
	got, err := a.try(a.t.Context(), method, path, body)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

// want is do for a request of which the status is known beforehand.
func (a *api) want(status int, method, path string, body any) answer {
	a.t.Helper()
	got := a.do(method, path, body)
	if got.status != status {
		a.t.Fatalf("%s %s: status %d, want %d: %s", method, path, got.status, status, got.raw)
	}
	return got
}

func (a *api) get(path string) answer {
	a.t.Helper()
	return a.want(http.StatusOK, http.MethodGet, path, nil)
}

// refused sends a request that must be refused, and gives the message.
func (a *api) refused(status int, method, path string, body any) string {
	a.t.Helper()
	return a.want(status, method, path, body).text("message")
}

// at follows a dotted path through objects and lists: droplets.0.name.
func (r answer) at(path string) any {
	r.t.Helper()
	value := r.body
	for _, step := range strings.Split(path, ".") {
		switch node := value.(type) {
		case map[string]any:
			value = node[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(node) {
				r.t.Fatalf("no %q of %q in %s", step, path, r.raw)
			}
			value = node[i]
		default:
			return nil
		}
	}
	return value
}

func (r answer) text(path string) string {
	r.t.Helper()
	if r.at(path) == nil {
		return ""
	}
	return fmt.Sprint(r.at(path))
}

func (r answer) number(path string) int64 {
	r.t.Helper()
	n, err := strconv.ParseInt(r.text(path), 10, 64)
	if err != nil {
		r.t.Fatalf("no number at %q in %s", path, r.raw)
	}
	return n
}

func (r answer) length(path string) int {
	r.t.Helper()
	list, ok := r.at(path).([]any)
	if !ok {
		r.t.Fatalf("no list at %q in %s", path, r.raw)
	}
	return len(list)
}

type fields map[string]any

// with gives a copy in which some fields are different.
func (f fields) with(changes fields) fields {
	changed := fields{}
	for _, from := range []fields{f, changes} {
		for name, value := range from {
			changed[name] = value
		}
	}
	return changed
}

func bot(name string) fields {
	return fields{"name": name, "region": "nyc3", "size": "s-1vcpu-2gb", "image": "ubuntu-24-04-x64"}
}

// create makes a droplet that is new.
func (a *api) create(body fields) int64 {
	a.t.Helper()
	return a.want(http.StatusAccepted, http.MethodPost, "/v2/droplets", body).number("droplet.id")
}

// running makes a droplet and lets it become active.
func (a *api) running(name string) int64 {
	a.t.Helper()
	id := a.create(bot(name))
	a.clock.Step(2 * time.Second)
	return id
}

func droplet(id int64) string { return fmt.Sprintf("/v2/droplets/%d", id) }

// act starts an action, and gives its id.
func (a *api) act(id int64, action fields) int64 {
	a.t.Helper()
	return a.want(http.StatusCreated, http.MethodPost, droplet(id)+"/actions", action).number("action.id")
}

// done starts an action and lets it complete.
func (a *api) done(id int64, action fields) {
	a.t.Helper()
	a.act(id, action)
	a.clock.Step(time.Second)
}

// spin waits for what another goroutine is about to do.
func spin(t *testing.T, until func() bool) {
	t.Helper()
	for !until() {
		if t.Context().Err() != nil {
			t.Fatal("it did not happen")
		}
		runtime.Gosched()
	}
}
