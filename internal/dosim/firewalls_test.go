// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

var (
	ssh = fields{"protocol": "tcp", "ports": "22", "sources": fields{"addresses": []string{"192.0.2.0/24"}}}
	out = fields{"protocol": "tcp", "ports": "all", "destinations": fields{"addresses": []string{"0.0.0.0/0", "::/0"}}}
)

func fleetWall() fields {
	return fields{"name": "fleet", "inbound_rules": []fields{ssh}, "outbound_rules": []fields{out}}
}

func (a *api) firewall(change fields) string {
	a.t.Helper()
	return a.want(202, http.MethodPost, "/v2/firewalls", fleetWall().with(change)).text("firewall.id")
}

func TestFirewallSettles(t *testing.T) {
	a := start(t)
	id := a.sim.Plant(dosim.Plant{Name: "alpha"})
	path := "/v2/firewalls/" + a.firewall(fields{"droplet_ids": []int64{id}})
	got := a.get(path)
	if got.text("firewall.status") != "waiting" || got.number("firewall.pending_changes.0.droplet_id") != id {
		t.Errorf("at first: %s", got.raw)
	}
	if ports := got.text("firewall.outbound_rules.0.ports"); ports != "0" {
		t.Errorf("all ports are shown as %q", ports)
	}
	a.clock.Step(time.Second)
	got = a.get(path)
	if got.text("firewall.status") != "succeeded" || got.length("firewall.pending_changes") != 0 {
		t.Errorf("later: %s", got.raw)
	}
}

func TestFirewallRefusals(t *testing.T) {
	a := start(t)
	a.firewall(nil)
	many := func(n int, item any) []any {
		list := make([]any, n)
		for i := range list {
			list[i] = item
		}
		return list
	}
	for name, test := range map[string]struct {
		status int
		change fields
	}{
		"a name that is taken":   {409, fields{"name": "FLEET"}},
		"no name":                {400, fields{"name": ""}},
		"no rules":               {400, fields{"inbound_rules": nil, "outbound_rules": nil}},
		"an unknown tag":         {422, fields{"tags": []string{"nobody"}}},
		"an unknown droplet":     {422, fields{"droplet_ids": []int{1}}},
		"too many droplets":      {422, fields{"droplet_ids": many(11, 1)}},
		"too many tags":          {422, fields{"tags": many(6, "x")}},
		"too many rules":         {422, fields{"inbound_rules": many(51, ssh)}},
		"an unknown protocol":    {422, fields{"inbound_rules": []fields{ssh.with(fields{"protocol": "ipx"})}}},
		"a rule without ports":   {422, fields{"inbound_rules": []fields{ssh.with(fields{"ports": ""})}}},
		"a rule without targets": {422, fields{"inbound_rules": []fields{ssh.with(fields{"sources": nil})}}},
		"a body of another kind": {400, fields{"inbound_rules": "all"}},
	} {
		t.Run(name, func(t *testing.T) {
			a.refused(test.status, http.MethodPost, "/v2/firewalls", fleetWall().with(fields{"name": "other"}).with(test.change))
		})
	}
}

func TestFirewallParts(t *testing.T) {
	a := start(t)
	id := a.sim.Plant(dosim.Plant{Name: "alpha", Tags: []string{"Fleet"}})
	path := "/v2/firewalls/" + a.firewall(nil)
	ping := fields{"inbound_rules": []fields{
		{"protocol": "icmp", "ports": "8", "sources": fields{"addresses": []string{"::/0"}}},
	}}
	shape := func() string {
		t.Helper()
		got := a.get(path)
		return fmt.Sprint(got.at("firewall.droplet_ids"), got.at("firewall.tags"), got.length("firewall.inbound_rules"),
			" applies ", a.get(droplet(id)+"/firewalls").length("firewalls"))
	}
	for _, step := range []struct {
		method, part string
		body         fields
		want         string
	}{
		{http.MethodPost, "/tags", fields{"tags": []string{"fleet"}}, "[] [Fleet] 1 applies 1"},
		{http.MethodPost, "/tags", fields{"tags": []string{"Fleet"}}, "[] [Fleet] 1 applies 1"},
		{http.MethodPost, "/rules", ping, "[] [Fleet] 2 applies 1"},
		{http.MethodPost, "/rules", ping, "[] [Fleet] 2 applies 1"},
		{http.MethodDelete, "/rules", ping, "[] [Fleet] 1 applies 1"},
		{http.MethodDelete, "/tags", fields{"tags": []string{"Fleet"}}, "[] [] 1 applies 0"},
		{http.MethodPost, "/droplets", fields{"droplet_ids": []int64{id}}, fmt.Sprintf("[%d] [] 1 applies 1", id)},
		{http.MethodDelete, "/droplets", fields{"droplet_ids": []int64{id}}, "[] [] 1 applies 0"},
	} {
		a.want(204, step.method, path+step.part, step.body)
		if diff := cmp.Diff(step.want, shape()); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", step.method, step.part, diff)
		}
	}
	a.refused(422, http.MethodPost, path+"/tags", fields{"tags": []string{"nobody"}})
	a.refused(422, http.MethodPost, path+"/rules", fields{"inbound_rules": []fields{{"protocol": "ipx"}}})
}

func TestReplaceAndDeleteFirewall(t *testing.T) {
	a := start(t)
	path := "/v2/firewalls/" + a.firewall(nil)
	a.want(200, http.MethodPut, path, fields{"name": "fleet", "inbound_rules": []fields{ssh}})
	if n := a.get(path).length("firewall.outbound_rules"); n != 0 {
		t.Errorf("%d outbound rules: what is not named is gone", n)
	}
	a.refused(400, http.MethodPut, path, fields{"name": "fleet"})
	if n := a.get("/v2/firewalls").length("firewalls"); n != 1 {
		t.Errorf("%d firewalls", n)
	}
	a.want(204, http.MethodDelete, path, nil)
	unknown := "/v2/firewalls/33333333-3333-4333-8333-333333333333"
	for _, request := range []struct{ method, path string }{
		{http.MethodGet, path}, {http.MethodDelete, path}, {http.MethodPut, unknown}, {http.MethodPost, unknown + "/tags"},
		{http.MethodDelete, unknown + "/rules"}, {http.MethodPost, unknown + "/droplets"},
	} {
		a.want(404, request.method, request.path, nil)
	}
}
