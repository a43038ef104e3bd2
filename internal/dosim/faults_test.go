// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

const createRoute = "/v2/droplets"

// lost sends a request that must not be answered.
func (a *api) lost(method, path string, body any) {
	a.t.Helper()
	if got, err := a.try(a.t.Context(), method, path, body); err == nil {
		a.t.Fatalf("%s %s was answered: %d %s", method, path, got.status, got.raw)
	}
}

// last is the newest entry of the journal.
func (a *api) last() dosim.Entry {
	a.t.Helper()
	entries := a.sim.Journal()
	return entries[len(entries)-1]
}

func TestFaultStatusDoesNothing(t *testing.T) {
	a := start(t)
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Route: createRoute, Status: 503, RetryAfter: 90 * time.Second})
	got := a.want(503, http.MethodPost, createRoute, bot("alpha"))
	if got.text("id") != "server_error" || got.text("request_id") == "" || got.header.Get("Retry-After") != "90" {
		t.Errorf("%v %s", got.header, got.raw)
	}
	if n := len(a.sim.Instances()); n != 0 {
		t.Errorf("%d instances", n)
	}
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: 403, ID: "forbidden", Message: "no scope"})
	if message := a.refused(403, http.MethodGet, "/v2/account", nil); message != "no scope" {
		t.Errorf("message %q", message)
	}
	for _, status := range []int{401, 403, 404, 409, 422, 429, 500} {
		a.sim.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: status})
		if got := a.want(status, http.MethodGet, "/v2/account", nil); got.text("id") == "" || got.text("message") == "" {
			t.Errorf("%d: %s", status, got.raw)
		}
	}
}

func TestFaultStatusAfterIsAPageOfTheEdge(t *testing.T) {
	a := start(t)
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultStatusAfter, Method: "POST", Status: 504, HTML: true})
	got := a.want(504, http.MethodPost, createRoute, bot("alpha"))
	if !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") || !strings.Contains(string(got.raw), "<html>") {
		t.Errorf("%v %s", got.header, got.raw)
	}
	if n := len(a.sim.Live("alpha")); n != 1 {
		t.Errorf("%d instances", n)
	}
	if e := a.last(); e.Status != 504 || !e.Committed || e.Fault != dosim.FaultStatusAfter || len(e.DropletIDs) != 1 {
		t.Errorf("entry: %+v", e)
	}
}

func TestFaultsThatDropTheReply(t *testing.T) {
	for kind, want := range map[dosim.FaultKind]int{dosim.FaultDropBefore: 0, dosim.FaultDropAfter: 1} {
		a := start(t)
		a.sim.AddFault(dosim.Fault{Kind: kind, Route: createRoute})
		a.lost(http.MethodPost, createRoute, bot("alpha"))
		if got := len(a.sim.Live("alpha")); got != want {
			t.Errorf("%s: %d instances, want %d", kind, got, want)
		}
		if e := a.last(); e.Status != 0 || e.Committed != (want == 1) || e.Fault != kind {
			t.Errorf("%s: entry %+v", kind, e)
		}
	}
}

func TestFaultCutBody(t *testing.T) {
	a := start(t)
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultCutBody, Route: createRoute})
	got, err := a.try(t.Context(), http.MethodPost, createRoute, bot("alpha"))
	if !errors.Is(err, io.ErrUnexpectedEOF) || got.status != 202 || len(got.raw) == 0 {
		t.Errorf("status %d, %d bytes, error %v", got.status, len(got.raw), err)
	}
	if n := len(a.sim.Live("alpha")); n != 1 {
		t.Errorf("%d instances", n)
	}
}

func TestFaultDelayWaitsOnTheClock(t *testing.T) {
	a := start(t)
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultDelay, Delay: time.Minute})
	answered := make(chan int64)
	go func() {
		got, err := a.try(t.Context(), http.MethodPost, createRoute, bot("alpha"))
		if err != nil || got.status != 202 {
			answered <- 0
			return
		}
		answered <- got.number("droplet.id")
	}()
	spin(t, a.clock.HasWaiters)
	if n := len(a.sim.Live("")); n != 0 {
		t.Errorf("%d instances while it waits", n)
	}
	a.clock.Step(time.Minute)
	instance, _ := a.sim.Instance(<-answered)
	if !instance.CreatedAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("instance: %+v", instance)
	}
}

// abandon sends a request and leaves as soon as the simulator has it.
func (a *api) abandon(method, path string, body any) {
	a.t.Helper()
	ctx, leave := context.WithCancel(a.t.Context())
	gone := make(chan error)
	before := len(a.sim.Journal())
	go func() {
		_, err := a.try(ctx, method, path, body)
		gone <- err
	}()
	spin(a.t, func() bool { return len(a.sim.Journal()) > before })
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func TestFaultsThatOutlastTheClient(t *testing.T) {
	a := start(t)
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultHang, Route: createRoute})
	a.abandon(http.MethodPost, createRoute, bot("hung"))
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultDelay, Route: createRoute, Delay: time.Minute})
	a.abandon(http.MethodPost, createRoute, bot("delayed"))
	a.clock.Step(time.Hour)
	if live := a.sim.Live(""); len(live) != 0 {
		t.Errorf("live: %+v", live)
	}
}

func TestFaultHangEndsByItself(t *testing.T) {
	a := start(t)
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultHang, Delay: time.Minute})
	ended := make(chan error)
	go func() {
		_, err := a.try(t.Context(), http.MethodGet, "/v2/account", nil)
		ended <- err
	}()
	spin(t, a.clock.HasWaiters)
	a.clock.Step(time.Minute)
	if err := <-ended; err == nil {
		t.Error("it was answered")
	}
}

func TestCloseLetsGoOfWhatHangs(t *testing.T) {
	a := start(t)
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultHang})
	ended := make(chan error)
	go func() {
		_, err := a.try(t.Context(), http.MethodGet, "/v2/account", nil)
		ended <- err
	}()
	spin(t, func() bool { return len(a.sim.Journal()) == 1 })
	a.sim.Close()
	if err := <-ended; err == nil {
		t.Error("it was answered")
	}
}

func TestFaultLateCommit(t *testing.T) {
	a := start(t)
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultLateCommit, Route: createRoute, Delay: 40 * time.Second})
	a.lost(http.MethodPost, createRoute, bot("alpha"))
	if n := len(a.sim.Instances()); n != 0 {
		t.Errorf("%d instances at once", n)
	}
	if e := a.last(); e.Committed {
		t.Errorf("entry: %+v", e)
	}
	a.clock.Step(41 * time.Second)
	live := a.sim.Live("alpha")
	if len(live) != 1 || !live[0].CreatedAt.Equal(noon.Add(40*time.Second)) || live[0].State != "new" {
		t.Fatalf("live: %+v", live)
	}
	if e := a.last(); !e.Committed || !cmp.Equal(e.DropletIDs, []int64{live[0].ID}) {
		t.Errorf("entry: %+v", e)
	}
	a.clock.Step(time.Second)
	if i, _ := a.sim.Instance(live[0].ID); i.State != "active" {
		t.Errorf("it lives its life from its own birth on: %+v", i)
	}
}

func TestFaultLateCommitCanWaitForTheClientToLeave(t *testing.T) {
	a := start(t)
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultLateCommit, Route: createRoute, Hang: true})
	a.abandon(http.MethodPost, createRoute, bot("alpha"))
	spin(t, func() bool { return len(a.sim.Live("alpha")) == 1 })
}

func TestFaultIgnore(t *testing.T) {
	a := start(t)
	id := a.running("alpha")
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultIgnore, Method: "DELETE", Route: "/v2/droplets/{id}"})
	a.want(204, http.MethodDelete, droplet(id), nil)
	a.get(droplet(id))
	a.want(204, http.MethodDelete, droplet(id), nil)
	a.want(404, http.MethodGet, droplet(id), nil)
}

func TestFaultsAreScripted(t *testing.T) {
	a := start(t)
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: 500, Contains: "page=2", Skip: 1, Count: 2})
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: 503, Contains: `"beta"`, Count: dosim.Forever})
	statuses := []int{}
	for _, path := range []string{"?page=2", "?page=1", "?page=2", "?page=2", "?page=2"} {
		statuses = append(statuses, a.do(http.MethodGet, createRoute+path, nil).status)
	}
	for _, name := range []string{"alpha", "beta", "beta"} {
		statuses = append(statuses, a.do(http.MethodPost, createRoute, bot(name)).status)
	}
	if diff := cmp.Diff([]int{200, 200, 500, 500, 200, 202, 503, 503}, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if rest := a.sim.Faults(); len(rest) != 1 || rest[0].Count != dosim.Forever {
		t.Errorf("left: %+v", rest)
	}
	a.sim.ClearFaults()
	a.create(bot("beta"))
}

func TestFaultsDoNotMeetRefusedRequests(t *testing.T) {
	a := start(t)
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultDropBefore})
	a.token = "wrong"
	a.want(401, http.MethodGet, "/v2/account", nil)
	a.token = token
	a.lost(http.MethodGet, "/v2/account", nil)
}

func TestFaultsThatCannotBe(t *testing.T) {
	for name, fault := range map[string]dosim.Fault{
		"no kind":          {},
		"an unknown kind":  {Kind: "meteor"},
		"an unknown route": {Kind: dosim.FaultHang, Route: "/v2/droplets/{droplet_id}"},
		"a good status":    {Kind: dosim.FaultStatus, Status: 200},
		"a negative skip":  {Kind: dosim.FaultHang, Skip: -1},
	} {
		if fault.Validate() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("AddFault took what does not validate")
		}
	}()
	start(t).sim.AddFault(dosim.Fault{})
}
