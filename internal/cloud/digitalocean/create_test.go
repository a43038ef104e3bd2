// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestCreateAsksForEverythingOnce(t *testing.T) {
	client, sim := withSimulator(t)
	wanted := request("scout-abcdefgh12345")
	wanted.Backups, wanted.IPv6 = true, true

	created, err := client.Create(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	if n := sim.Requests(http.MethodPost, ""); n != 1 {
		t.Errorf("%d POSTs, want 1", n)
	}
	made, ok := sim.Instance(created.ID)
	if !ok {
		t.Fatalf("no instance %d", created.ID)
	}
	got := []string{made.Name, made.Region, made.Size, made.Image}
	if diff := cmp.Diff([]string{wanted.Name, wanted.Region, wanted.Size, wanted.Image}, got); diff != "" {
		t.Error(diff)
	}
	slices.Sort(made.Tags)
	if diff := cmp.Diff(slices.Sorted(slices.Values(wanted.Tags)), made.Tags); diff != "" {
		t.Error(diff)
	}
	if data, _ := sim.UserData(created.ID); data != wanted.UserData {
		t.Errorf("user data %q", data)
	}
	if created.Name != wanted.Name || created.State != cloud.StateNew || created.CreatedAt.IsZero() {
		t.Errorf("created %+v", created)
	}
	if agent := sim.Journal()[0].UserAgent; !strings.HasPrefix(agent, "open-spawn/test godo/") {
		t.Errorf("user agent %q", agent)
	}
}

// createFaults are the ways in which a create can fail on the wire, and what may be concluded from each.
var createFaults = map[string]struct {
	fault    dosim.Fault
	wantKind cloud.Kind
	wantLive int
}{
	"the reply is lost after the commit": {
		fault: dosim.Fault{Kind: dosim.FaultDropAfter}, wantKind: cloud.Unavailable, wantLive: 1,
	},
	"the connection closes after the request was read": {
		fault: dosim.Fault{Kind: dosim.FaultDropBefore}, wantKind: cloud.Unavailable,
	},
	"the server fails": {
		fault: dosim.Fault{Kind: dosim.FaultStatus, Status: 500}, wantKind: cloud.Unavailable,
	},
	"the server fails after the commit": {
		fault: dosim.Fault{Kind: dosim.FaultStatusAfter, Status: 503}, wantKind: cloud.Unavailable, wantLive: 1,
	},
	"the edge times out after the commit": {
		fault:    dosim.Fault{Kind: dosim.FaultStatusAfter, Status: 504, HTML: true},
		wantKind: cloud.Unavailable, wantLive: 1,
	},
	"the edge refuses": {
		fault: dosim.Fault{Kind: dosim.FaultStatus, Status: 403, HTML: true}, wantKind: cloud.Unavailable,
	},
	"the reply is cut after the commit": {
		fault: dosim.Fault{Kind: dosim.FaultCutBody}, wantKind: cloud.Unavailable, wantLive: 1,
	},
	"too many requests": {
		fault:    dosim.Fault{Kind: dosim.FaultStatus, Status: 429, RetryAfter: 7 * time.Second},
		wantKind: cloud.Throttled,
	},
	"the edge says too many requests": {
		fault: dosim.Fault{Kind: dosim.FaultStatus, Status: 429, HTML: true}, wantKind: cloud.Unavailable,
	},
	"the request is invalid": {
		fault: dosim.Fault{
			Kind: dosim.FaultStatus, Status: 422, Message: "You specified an invalid image for Droplet creation.",
		},
		wantKind: cloud.Refused,
	},
	"the quota is used up": {
		fault: dosim.Fault{
			Kind: dosim.FaultStatus, Status: 422,
			Message: "creating this/these droplet(s) will exceed your droplet limit",
		},
		wantKind: cloud.Exhausted,
	},
	"the credential is revoked": {
		fault: dosim.Fault{Kind: dosim.FaultStatus, Status: 401}, wantKind: cloud.Unauthorized,
	},
	"the credential lacks a permission": {
		fault: dosim.Fault{Kind: dosim.FaultStatus, Status: 403}, wantKind: cloud.Unauthorized,
	},
	"the endpoint is unknown": {
		fault: dosim.Fault{Kind: dosim.FaultStatus, Status: 404}, wantKind: cloud.NotFound,
	},
	"the request times out at the server": {
		fault: dosim.Fault{Kind: dosim.FaultStatus, Status: 408}, wantKind: cloud.Unavailable,
	},
}

func TestCreateIsOnePOSTWhateverGoesWrong(t *testing.T) {
	for name, tc := range createFaults {
		for _, connection := range []string{"on a fresh connection", "on a reused connection"} {
			t.Run(name+" "+connection, func(t *testing.T) {
				client, sim := withSimulator(t)
				if connection == "on a reused connection" {
					if _, err := client.FindByName(t.Context(), "warm-up"); err != nil {
						t.Fatal(err)
					}
				}
				tc.fault.Method, tc.fault.Count = http.MethodPost, dosim.Forever
				sim.AddFault(tc.fault)

				_, err := client.Create(t.Context(), request("scout"))
				wantKind(t, err, tc.wantKind)
				if n := sim.Requests(http.MethodPost, ""); n != 1 {
					t.Errorf("%d POSTs, want 1", n)
				}
				if n := len(sim.Live("")); n != tc.wantLive {
					t.Errorf("%d instances, want %d", n, tc.wantLive)
				}
				if got := cloud.RetryAfter(err); tc.fault.RetryAfter > 0 && got != tc.fault.RetryAfter {
					t.Errorf("retry after %v, want %v", got, tc.fault.RetryAfter)
				}
			})
		}
	}
}

func TestCreateOutlivesItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		cancel() // the manager is told to stop while DigitalOcean works
		answering(http.StatusAccepted, "application/json", `{"droplet":{"id":7,"created_at":"2026-01-02T03:04:05Z"}}`)(w, r)
	})
	created, err := client.Create(ctx, request("scout"))
	if err != nil || created.ID != 7 {
		t.Fatalf("created %v, %v", created.ID, err)
	}
}

func TestCreateIsNotBegunForACallerWhoIsGone(t *testing.T) {
	client, sim := withSimulator(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.Create(ctx, request("scout"))
	wantKind(t, err, cloud.NotSent)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the cause is lost: %v", err)
	}
	if n := len(sim.Journal()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

func TestCreateRefusesWhatTheCloudWouldGuess(t *testing.T) {
	client, sim := withSimulator(t)
	for name, spoil := range map[string]func(*cloud.InstanceRequest){
		"no name":              func(r *cloud.InstanceRequest) { r.Name = "" },
		"no region":            func(r *cloud.InstanceRequest) { r.Region = "" },
		"no size":              func(r *cloud.InstanceRequest) { r.Size = "" },
		"no image":             func(r *cloud.InstanceRequest) { r.Image = "" },
		"image and snapshot":   func(r *cloud.InstanceRequest) { r.SnapshotID = 1 },
		"negative snapshot":    func(r *cloud.InstanceRequest) { r.Image, r.SnapshotID = "", -1 },
		"user data too long":   func(r *cloud.InstanceRequest) { r.UserData = strings.Repeat("x", maxUserData+1) },
		"everything is absent": func(r *cloud.InstanceRequest) { *r = cloud.InstanceRequest{} },
	} {
		t.Run(name, func(t *testing.T) {
			bad := request("scout")
			spoil(&bad)
			_, err := client.Create(t.Context(), bad)
			wantKind(t, err, cloud.Refused)
		})
	}
	if n := len(sim.Journal()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

func TestASuccessThatNamesNoInstanceIsADoubt(t *testing.T) {
	const js, html = "application/json", "text/html"
	for name, handler := range map[string]http.HandlerFunc{
		"an empty object":      answering(202, js, `{}`),
		"a null":               answering(202, js, `null`),
		"a null droplet":       answering(202, js, `{"droplet":null}`),
		"id 0":                 answering(202, js, `{"droplet":{"id":0,"name":"scout"}}`),
		"an id that is a word": answering(202, js, `{"droplet":{"id":"seven"}}`),
		"nothing":              answering(202, js, ``),
		"no content":           answering(204, js, ``),
		"a portal":             answering(200, html, `<html>Please log in</html>`),
	} {
		t.Run(name, func(t *testing.T) {
			client := withHandler(t, handler)
			_, err := client.Create(t.Context(), request("scout"))
			wantKind(t, err, cloud.Unavailable)
			_, err = client.Get(t.Context(), 7)
			wantKind(t, err, cloud.Unavailable)
		})
	}
}

func TestANewbornIsNotForgottenForAnOddDetail(t *testing.T) {
	client := withHandler(t, answering(202, "application/json", `{"droplet":{"id":7,"created_at":"yesterday"}}`))
	created, err := client.Create(t.Context(), request("scout"))
	if err != nil || created.ID != 7 {
		t.Fatalf("created %v, %v", created.ID, err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		requests := 0
		client := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
			requests++
			http.Redirect(w, r, "/v2/elsewhere", status)
		})
		_, err := client.Create(t.Context(), request("scout"))
		wantKind(t, err, cloud.Unavailable)
		if requests != 1 {
			t.Errorf("%d: %d requests, want 1", status, requests)
		}
	}
}
