// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

const firewallsRoute = "/v2/firewalls"

// wall is a firewall with a rule of every shape that open-spawn asks for.
func wall(name string) cloud.Firewall {
	anywhere := []string{"0.0.0.0/0", "::/0"}
	return cloud.Firewall{
		Name: name, Tags: []string{fleetTag},
		Inbound: []cloud.FirewallRule{
			{Protocol: "tcp", Ports: "22", Addresses: []string{"203.0.113.0/24"}},
			{Protocol: "icmp", Addresses: anywhere},
		},
		Outbound: []cloud.FirewallRule{
			{Protocol: "tcp", Ports: "all", Addresses: anywhere},
			{Protocol: "udp", Ports: "8000-9000", Addresses: []string{"2001:db8::/32"}},
		},
	}
}

func TestAFirewallIsMadeListedAndReplaced(t *testing.T) {
	client, sim := withSimulator(t)
	_, err := client.CreateFirewall(t.Context(), wall("wall"))
	wantKind(t, err, cloud.Refused) // its tag does not exist
	if err := client.EnsureTag(t.Context(), fleetTag); err != nil {
		t.Fatal(err)
	}
	made, err := client.CreateFirewall(t.Context(), wall("wall"))
	if err != nil {
		t.Fatal(err)
	}
	want := wall("wall")
	want.ID = made.ID
	if diff := cmp.Diff(want, made); made.ID == "" || diff != "" {
		t.Errorf("what was made is not what was asked for: %s", diff)
	}
	_, err = client.CreateFirewall(t.Context(), wall("wall"))
	wantKind(t, err, cloud.Refused) // the simulator wants names to be unique

	want.Inbound = nil
	want.Outbound = want.Outbound[:1]
	for range 2 {
		if err := client.UpdateFirewall(t.Context(), want); err != nil {
			t.Fatal(err)
		}
	}
	listed, err := client.ListFirewalls(t.Context())
	if diff := cmp.Diff([]cloud.Firewall{want}, listed); err != nil || diff != "" {
		t.Errorf("%v: %s", err, diff)
	}
	if n := sim.Requests(http.MethodPut, "/v2/firewalls/{id}"); n != 2 {
		t.Errorf("%d PUTs, want 2", n)
	}

	want.ID = "00000000-0000-4000-8000-000000000000"
	wantKind(t, client.UpdateFirewall(t.Context(), want), cloud.NotFound)
	want.ID = ""
	wantKind(t, client.UpdateFirewall(t.Context(), want), cloud.Refused)
}

func TestAListOfFirewallsReadsEveryPage(t *testing.T) {
	client, sim := withSimulator(t)
	if none, err := client.ListFirewalls(t.Context()); err != nil || len(none) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
	if err := client.EnsureTag(t.Context(), fleetTag); err != nil {
		t.Fatal(err)
	}
	for i := range perPage + 1 {
		if _, err := client.CreateFirewall(t.Context(), wall(fmt.Sprint("wall-", i))); err != nil {
			t.Fatal(err)
		}
	}
	before := sim.Requests(http.MethodGet, firewallsRoute)
	all, err := client.ListFirewalls(t.Context())
	if n := sim.Requests(http.MethodGet, firewallsRoute) - before; err != nil || len(all) != perPage+1 || n != 2 {
		t.Errorf("%d firewalls of %d requests, %v", len(all), n, err)
	}
	for page := range 2 {
		sim.AddFault(dosim.Fault{Kind: dosim.FaultCutBody, Method: http.MethodGet, Skip: page})
		all, err = client.ListFirewalls(t.Context())
		wantKind(t, err, cloud.Unavailable)
		if all != nil {
			t.Errorf("%d firewalls beside an error", len(all))
		}
	}
}

func TestCreateFirewallIsOnePOSTWhateverGoesWrong(t *testing.T) {
	for name, tc := range createFaults {
		t.Run(name, func(t *testing.T) {
			client, sim := withSimulator(t)
			if err := client.EnsureTag(t.Context(), fleetTag); err != nil {
				t.Fatal(err)
			}
			tc.fault.Method, tc.fault.Route, tc.fault.Count = http.MethodPost, firewallsRoute, dosim.Forever
			sim.AddFault(tc.fault)
			_, err := client.CreateFirewall(t.Context(), wall("wall"))
			wantKind(t, err, tc.wantKind)
			if n := sim.Requests(http.MethodPost, firewallsRoute); n != 1 {
				t.Errorf("%d POSTs, want 1", n)
			}
			if all, err := client.ListFirewalls(t.Context()); err != nil || len(all) != tc.wantLive {
				t.Errorf("%d firewalls (%v), want %d", len(all), err, tc.wantLive)
			}
		})
	}
}

func TestUpdateFirewallFails(t *testing.T) {
	client, sim := withSimulator(t)
	if err := client.EnsureTag(t.Context(), fleetTag); err != nil {
		t.Fatal(err)
	}
	made, err := client.CreateFirewall(t.Context(), wall("wall"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range createFaults {
		sim.ClearFaults()
		tc.fault.Method, tc.fault.Count = http.MethodPut, dosim.Forever
		sim.AddFault(tc.fault)
		if err := client.UpdateFirewall(t.Context(), made); cloud.KindOf(err) != tc.wantKind || err == nil {
			t.Errorf("%s: %v, want %s", name, err, tc.wantKind)
		}
	}
}

func TestAnAnswerAboutAnotherFirewallIsADoubt(t *testing.T) {
	const js, html = "application/json", "text/html"
	wanted := wall("wall")
	wanted.ID = "7"
	for name, handler := range map[string]http.HandlerFunc{
		"another":         answering(200, js, `{"firewall":{"id":"8","name":"another"}}`),
		"no id":           answering(200, js, `{"firewall":{"name":"wall"}}`),
		"null":            answering(200, js, `{"firewall":null}`),
		"an empty object": answering(200, js, `{}`),
		"a portal":        answering(200, html, `<html>Please log in</html>`),
	} {
		t.Run(name, func(t *testing.T) {
			client := withHandler(t, handler)
			made, err := client.CreateFirewall(t.Context(), wanted)
			wantKind(t, err, cloud.Unavailable)
			if made.ID != "" {
				t.Errorf("%+v beside an error", made)
			}
			wantKind(t, client.UpdateFirewall(t.Context(), wanted), cloud.Unavailable)
		})
	}
	_, err := withHandler(t, answering(200, js, `{"firewalls":[{"name":"wall"}],"meta":{"total":1}}`)).
		ListFirewalls(t.Context())
	wantKind(t, err, cloud.Unavailable)
}

// TestRulesThatOurWordsCannotSay must not look like one of ours, which would leave somebody's hole in the wall.
func TestRulesThatOurWordsCannotSay(t *testing.T) {
	for _, extra := range []string{
		`"tags":["x"]`, `"droplet_ids":[8]`, `"load_balancer_uids":["x"]`, `"kubernetes_ids":["x"]`,
	} {
		side := `{"addresses":["0.0.0.0/0"],` + extra + `}`
		client := withHandler(t, answering(200, "application/json", `{"meta":{"total":1},"firewalls":[{"id":"7",
			"inbound_rules":[{"protocol":"tcp","ports":"22","sources":`+side+`}],
			"outbound_rules":[{"protocol":"tcp","ports":"0","destinations":`+side+`}]}]}`))
		got, err := client.ListFirewalls(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := []cloud.Firewall{{
			ID: "7", Inbound: []cloud.FirewallRule{{Protocol: "tcp", Ports: "22"}},
			Outbound: []cloud.FirewallRule{{Protocol: "tcp", Ports: "all"}},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", extra, diff)
		}
	}
}
