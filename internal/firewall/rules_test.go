// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package firewall

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

func rule(protocol, ports string, addresses ...string) cloud.FirewallRule {
	return cloud.FirewallRule{Protocol: protocol, Ports: ports, Addresses: addresses}
}

func TestTheRulesAreThoseOfTheFlags(t *testing.T) {
	all := []string{"0.0.0.0/0", "::/0"}
	standard := []cloud.FirewallRule{
		rule("tcp", "443", all...), rule("tcp", "53", all...), rule("udp", "123", all...), rule("udp", "53", all...),
	}
	for name, test := range map[string]struct {
		ssh      []string
		egress   []cloud.FirewallRule
		inbound  []cloud.FirewallRule
		outbound []cloud.FirewallRule
	}{
		"no flag": {outbound: standard},
		"SSH from two networks, one of them twice": {
			ssh:      []string{"2001:db8::/32", "203.0.113.0/24", "203.0.113.0/24"},
			inbound:  []cloud.FirewallRule{rule("tcp", "22", "2001:db8::/32", "203.0.113.0/24")},
			outbound: standard,
		},
		"another port, anywhere and in a network": {
			egress: []cloud.FirewallRule{rule("tcp", "08443"), rule("udp", "9000-9000", "198.51.100.7")},
			outbound: []cloud.FirewallRule{
				standard[0], standard[1], rule("tcp", "8443", all...), standard[2], standard[3],
				rule("udp", "9000", "198.51.100.7/32"),
			},
		},
		"what is let through already": {
			egress:   []cloud.FirewallRule{rule("tcp", "443"), rule("tcp", "443", "0.0.0.0/0")},
			outbound: standard,
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Fleet: "desk_7", Egress: test.egress}
			for _, network := range test.ssh {
				o.SSHFrom = append(o.SSHFrom, netip.MustParsePrefix(network))
			}
			want := cloud.Firewall{
				Name: "open-spawn-desk.7", Tags: []string{"open-spawn-fleet:desk_7"},
				Inbound: test.inbound, Outbound: test.outbound,
			}
			if diff := cmp.Diff(want, wanted(o)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestADifferenceIsWhatMeansSomethingElse(t *testing.T) {
	right := func() cloud.Firewall {
		return cloud.Firewall{
			Name: "wall", Tags: []string{"Fleet"},
			Inbound:  []cloud.FirewallRule{rule("tcp", "22", "203.0.113.0/24", "198.51.100.7/32", "2001:db8::/32")},
			Outbound: []cloud.FirewallRule{rule("tcp", "443", anywhere...), rule("udp", "9000-9100", anywhere...)},
		}
	}
	for name, test := range map[string]struct {
		edit func(*cloud.Firewall)
		want []string
	}{
		"nothing":             {edit: func(*cloud.Firewall) {}},
		"a tag in capitals":   {edit: func(f *cloud.Firewall) { f.Tags = []string{"FLEET"} }},
		"the order of rules":  {edit: func(f *cloud.Firewall) { slices.Reverse(f.Outbound) }},
		"the order of a rule": {edit: func(f *cloud.Firewall) { slices.Reverse(f.Inbound[0].Addresses) }},
		"a rule in two parts": {edit: func(f *cloud.Firewall) {
			f.Outbound[0] = rule("tcp", "443", "::/0")
			f.Outbound = append(f.Outbound, rule("tcp", "443", "0.0.0.0/0"))
		}},
		"another notation": {edit: func(f *cloud.Firewall) {
			f.Inbound[0] = rule("tcp", "22-22", "203.0.113.9/24", "198.51.100.7", "2001:0db8:0:0::/32")
		}},
		"a name":       {func(f *cloud.Firewall) { f.Name = "WALL" }, []string{"name"}},
		"no tag":       {func(f *cloud.Firewall) { f.Tags = nil }, []string{"tags"}},
		"one tag more": {func(f *cloud.Firewall) { f.Tags = append(f.Tags, "x") }, []string{"tags"}},
		"one network more": {func(f *cloud.Firewall) {
			f.Inbound[0].Addresses = append(f.Inbound[0].Addresses, "0.0.0.0/0")
		}, []string{"inbound rules"}},
		"no inbound rule": {func(f *cloud.Firewall) { f.Inbound = nil }, []string{"inbound rules"}},
		"a rule that our words cannot say": {func(f *cloud.Firewall) {
			f.Outbound = append(f.Outbound, rule("tcp", "443"))
		}, []string{"outbound rules"}},
		"another protocol and no tag": {func(f *cloud.Firewall) {
			f.Tags, f.Outbound[0].Protocol = nil, "udp"
		}, []string{"tags", "outbound rules"}},
		"all ports": {func(f *cloud.Firewall) { f.Outbound[0].Ports = "all" }, []string{"outbound rules"}},
	} {
		t.Run(name, func(t *testing.T) {
			found := right()
			test.edit(&found)
			if got := differences(found, right()); !slices.Equal(got, test.want) {
				t.Errorf("differences %q, want %q", got, test.want)
			}
		})
	}
}
