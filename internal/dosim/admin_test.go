// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

// startAdmin gives a simulator with the admin endpoint, and a client that has no token.
func startAdmin(t *testing.T) (a, admin *api) {
	t.Helper()
	a = start(t, func(o *dosim.Options) { o.Admin, o.HourlyLimit = true, 5 })
	without := *a
	without.token = ""
	return a, &without
}

func TestAdminIsMountedOnlyOnRequest(t *testing.T) {
	a := start(t)
	a.want(404, http.MethodGet, "/_sim/journal", nil)
}

func TestAdminLeavesNoTrace(t *testing.T) {
	a, admin := startAdmin(t)
	a.get("/v2/account")
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: 418})
	for range 10 {
		admin.get("/_sim/settings")
	}
	if n := len(a.sim.Journal()); n != 1 {
		t.Errorf("%d entries", n)
	}
	if got := a.want(418, http.MethodGet, "/v2/account", nil).limits(); got != `418 3 of 5 reset +1h0m0s retry ""` {
		t.Errorf("%s", got)
	}
}

func TestAdminJournal(t *testing.T) {
	a, admin := startAdmin(t)
	a.get("/v2/account")
	a.get("/v2/regions")
	got := admin.get("/_sim/journal?since=1")
	if got.length("entries") != 1 || got.text("entries.0.route") != "/v2/regions" ||
		got.number("entries.0.status") != 200 {
		t.Errorf("journal: %s", got.raw)
	}
	admin.want(400, http.MethodGet, "/_sim/journal?since=x", nil)
	admin.want(200, http.MethodDelete, "/_sim/journal", nil)
	if n := admin.get("/_sim/journal").length("entries"); n != 0 {
		t.Errorf("%d entries", n)
	}
}

func TestAdminFaults(t *testing.T) {
	a, admin := startAdmin(t)
	fault := fields{
		"kind": "status", "method": "GET", "route": "/v2/account", "contains": "account", "skip": 1, "count": 2,
		"status": 429, "id": "too_many_requests", "message": "slow down", "retry_after": "1m30s",
	}
	admin.want(200, http.MethodPost, "/_sim/faults", fault)
	want := map[string]any{}
	for name, value := range fault {
		want[name] = fmt.Sprint(value)
	}
	got := admin.get("/_sim/faults")
	shown := map[string]any{}
	for name := range fault {
		shown[name] = got.text("faults.0." + name)
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("fault (-want +got):\n%s", diff)
	}
	a.get("/v2/account")
	if got := a.want(429, http.MethodGet, "/v2/account", nil); got.header.Get("Retry-After") != "90" {
		t.Errorf("header %v", got.header)
	}
	for _, bad := range []fields{{"kind": "meteor"}, {"kind": "hang", "delay": "soon"}, {"kind": "hang", "delay": 5}} {
		admin.want(400, http.MethodPost, "/_sim/faults", bad)
	}
	admin.want(200, http.MethodDelete, "/_sim/faults", nil)
	if n := admin.get("/_sim/faults").length("faults"); n != 0 {
		t.Errorf("%d faults", n)
	}
}

func TestAdminRefusesAFieldThatItDoesNotKnow(t *testing.T) {
	_, admin := startAdmin(t)
	misspelt := fields{"kind": "status", "metod": "POST"}
	if got := admin.want(400, http.MethodPost, "/_sim/faults", misspelt); !strings.Contains(string(got.raw), "metod") {
		t.Errorf("the answer does not name the field: %s", got.raw)
	}
}

func TestAdminSettings(t *testing.T) {
	a, admin := startAdmin(t)
	got := admin.want(200, http.MethodPatch, "/_sim/settings", fields{
		"droplet_limit": 7, "state_delay": "45s", "list_lag": "1m", "ignore_shutdown": true,
	})
	for name, want := range map[string]string{
		"droplet_limit": "7", "state_delay": "45s", "list_lag": "1m0s", "ignore_shutdown": "true", "action_delay": "1s",
	} {
		if got.text(name) != want {
			t.Errorf("%s is %s, want %s", name, got.text(name), want)
		}
	}
	for _, bad := range []fields{
		{"state_delay": "-1s"}, {"state_delay": "1s", "nonsense": 1}, {"droplet_limit": "many"}, {"list_lag": 5},
	} {
		admin.want(400, http.MethodPatch, "/_sim/settings", bad)
	}
	if got := admin.get("/_sim/settings").text("state_delay"); got != "45s" {
		t.Errorf("a refused change was made: %s", got)
	}
	id := a.create(bot("alpha"))
	a.clock.Step(44 * time.Second)
	if status := a.get(droplet(id)).text("droplet.status"); status != "new" {
		t.Errorf("status %q", status)
	}
}

func TestAdminDroplets(t *testing.T) {
	a, admin := startAdmin(t)
	id := admin.want(200, http.MethodPost, "/_sim/droplets", fields{
		"name": "alpha", "tags": []string{"fleet"}, "user_data": "#!/bin/sh -c osr1.alpha.x_Y-2\n",
		"created_at": "2026-01-01T00:00:00Z",
	}).number("id")
	path := fmt.Sprintf("/_sim/droplets/%d", id)
	if data := admin.get(path + "/user_data").text("user_data"); data != "#!/bin/sh -c (a token)\n" {
		t.Errorf("user data %q", data)
	}
	if agents := admin.get("/_sim/agents").length("agents"); agents != 0 {
		t.Errorf("%d agents run on nothing", agents)
	}
	admin.want(404, http.MethodPost, fmt.Sprintf("/_sim/agents/%d/stop", id), nil)
	admin.want(200, http.MethodPost, path+"/state", fields{"state": "off"})
	admin.want(200, http.MethodPost, path+"/rename", fields{"name": "beta"})
	admin.want(200, http.MethodPost, path+"/retag", fields{"tags": []string{"other"}})
	if got := a.get(droplet(id)); got.text("droplet.status") != "off" || got.text("droplet.name") != "beta" ||
		got.text("droplet.tags.0") != "other" {
		t.Errorf("droplet: %s", got.raw)
	}
	got := admin.get("/_sim/instances?prefix=be&live=true")
	if got.length("instances") != 1 || got.number("live") != 1 || got.number("max_live") != 1 {
		t.Errorf("instances: %s", got.raw)
	}
	admin.want(200, http.MethodPost, path+"/destroy", nil)
	if got := admin.get("/_sim/instances?prefix=be"); got.text("instances.0.state") != "destroyed" {
		t.Errorf("instances: %s", got.raw)
	}
	if n := admin.get("/_sim/instances?live=true").length("instances"); n != 0 {
		t.Errorf("%d live", n)
	}
	admin.want(404, http.MethodPost, path+"/destroy", nil)
	admin.want(404, http.MethodGet, "/_sim/droplets/x/user_data", nil)
	admin.want(400, http.MethodPost, "/_sim/droplets", fields{"region": "mars1"})
	admin.want(400, http.MethodPost, path+"/state", fields{"state": "broken"})
}

func TestAdminAccount(t *testing.T) {
	a, admin := startAdmin(t)
	admin.want(200, http.MethodPut, "/_sim/tokens", fields{"tokens": []string{"fresh"}})
	admin.want(200, http.MethodPut, "/_sim/team", fields{"name": "Others"})
	admin.want(200, http.MethodDelete, "/_sim/sizes/s-1vcpu-2gb/nyc3", nil)
	a.want(401, http.MethodGet, "/v2/account", nil)
	a.token = "fresh"
	if name := a.get("/v2/account").text("account.team.name"); name != "Others" {
		t.Errorf("team %q", name)
	}
	a.refused(422, http.MethodPost, "/v2/droplets", bot("alpha"))
	admin.want(200, http.MethodPut, "/_sim/sizes/s-1vcpu-2gb/nyc3", nil)
	a.create(bot("alpha"))
	admin.want(400, http.MethodPut, "/_sim/sizes/s-9/nyc3", nil)
	for _, path := range []string{"/_sim/tokens", "/_sim/team"} {
		admin.want(400, http.MethodPut, path, []int{1})
	}
}
