// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package firewall

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/identity"
)

const (
	tcp, udp = "tcp", "udp"
	sshPort  = "22"
)

// anywhere is every address there is.
var anywhere = []string{"0.0.0.0/0", "::/0"}

// always is what every machine may reach: names, the time, and the exchanges.
var always = []cloud.FirewallRule{
	{Protocol: tcp, Ports: "53", Addresses: anywhere},
	{Protocol: udp, Ports: "53", Addresses: anywhere},
	{Protocol: udp, Ports: "123", Addresses: anywhere},
	{Protocol: tcp, Ports: "443", Addresses: anywhere},
}

// nameOf is the name of a fleet's firewall. A fleet id may have an underscore in it, and the name of a firewall may
// not; no fleet id has a dot.
func nameOf(fleet string) string { return "open-spawn-" + strings.ReplaceAll(fleet, "_", ".") }

// wanted is the firewall of a fleet.
func wanted(o Options) cloud.Firewall {
	f := cloud.Firewall{Name: nameOf(o.Fleet), Tags: []string{identity.FleetTag(o.Fleet)}}
	var from []string
	for _, network := range o.SSHFrom {
		from = append(from, network.String())
	}
	if len(from) > 0 {
		f.Inbound = merge([]cloud.FirewallRule{{Protocol: tcp, Ports: sshPort, Addresses: from}})
	}
	outbound := slices.Clone(always)
	for _, rule := range o.Egress {
		if len(rule.Addresses) == 0 {
			rule.Addresses = anywhere
		}
		outbound = append(outbound, rule)
	}
	f.Outbound = merge(outbound)
	return f
}

// way is one thing that passes: the smallest part of a rule.
type way struct{ protocol, ports, address string }

// waysOf takes rules apart, so that it does not matter how they are put together or written.
func waysOf(rules []cloud.FirewallRule) map[way]bool {
	ways := map[way]bool{}
	for _, rule := range rules {
		addresses := rule.Addresses
		if len(addresses) == 0 {
			addresses = []string{""} // it lets through what our words cannot say
		}
		for _, address := range addresses {
			ways[way{rule.Protocol, plainPorts(rule.Ports), plainAddress(address)}] = true
		}
	}
	return ways
}

// merge puts rules together anew: one for each protocol and ports, in order, and nothing twice.
func merge(rules []cloud.FirewallRule) []cloud.FirewallRule {
	ways := slices.SortedFunc(maps.Keys(waysOf(rules)), func(a, b way) int {
		return cmp.Or(strings.Compare(a.protocol, b.protocol), strings.Compare(a.ports, b.ports),
			strings.Compare(a.address, b.address))
	})
	var merged []cloud.FirewallRule
	for _, w := range ways {
		last := len(merged) - 1
		if last < 0 || merged[last].Protocol != w.protocol || merged[last].Ports != w.ports {
			merged = append(merged, cloud.FirewallRule{Protocol: w.protocol, Ports: w.ports})
			last++
		}
		merged[last].Addresses = append(merged[last].Addresses, w.address)
	}
	return merged
}

// differences names what of a firewall is other than wanted. Nothing is written when it is empty, so it sees no
// difference in what means the same.
func differences(found, wanted cloud.Firewall) []string {
	var parts []string
	if found.Name != wanted.Name {
		parts = append(parts, "name")
	}
	if !slices.Equal(foldedTags(found.Tags), foldedTags(wanted.Tags)) {
		parts = append(parts, "tags")
	}
	if !maps.Equal(waysOf(found.Inbound), waysOf(wanted.Inbound)) {
		parts = append(parts, "inbound rules")
	}
	if !maps.Equal(waysOf(found.Outbound), waysOf(wanted.Outbound)) {
		parts = append(parts, "outbound rules")
	}
	return parts
}

// foldedTags is a set of tags as the cloud tells them apart: it shows each as it was first written.
func foldedTags(tags []string) []string {
	var folded []string
	for _, tag := range tags {
		folded = append(folded, strings.ToLower(tag))
	}
	slices.Sort(folded)
	return slices.Compact(folded)
}

// plainAddress is the one way to write a network; what is none stays as it is, and equals nothing of ours.
func plainAddress(text string) string {
	if address, err := netip.ParseAddr(text); err == nil {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()).String()
	}
	if network, err := netip.ParsePrefix(text); err == nil {
		return network.Masked().String()
	}
	return text
}

// plainPorts is the one way to write ports: a range of one is that one, and no number begins with 0.
func plainPorts(text string) string {
	first, last, isRange := strings.Cut(text, "-")
	if first = plainPort(first); !isRange || plainPort(last) == first {
		return first
	}
	return first + "-" + plainPort(last)
}

func plainPort(text string) string {
	if n, err := strconv.Atoi(text); err == nil {
		return strconv.Itoa(n)
	}
	return text
}
