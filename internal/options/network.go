// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// Egress is traffic that the machines may send.
type Egress struct {
	// Protocol is tcp or udp.
	Protocol string
	// Ports is a port such as "8443", or a range such as "9000-9100".
	Ports string
	// Network is where to; the zero value means anywhere.
	Network netip.Prefix
}

// portsPattern is a port or a range of ports.
var portsPattern = regexp.MustCompile(`^([0-9]{1,5})(?:-([0-9]{1,5}))?$`)

// split takes a list apart that is separated by commas.
func split(list string) []string {
	var items []string
	for _, item := range strings.Split(list, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func parseNetworks(items []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, item := range items {
		network, err := parseNetwork(item)
		if err != nil {
			return nil, err
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// parseNetwork takes a network in CIDR notation, or one address.
func parseNetwork(item string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(item); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(item)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network such as 203.0.113.0/24", item)
	}
	if network != network.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q is an address within a network; the network is %s", item, network.Masked())
	}
	return network, nil
}

func parseEgress(items []string) ([]Egress, error) {
	var rules []Egress
	for _, item := range items {
		protocol, rest, _ := strings.Cut(item, ":")
		ports, network, restricted := strings.Cut(rest, ":")
		rule := Egress{Protocol: protocol, Ports: ports}
		if protocol != "tcp" && protocol != "udp" {
			return nil, fmt.Errorf("%q: begin with tcp: or udp:, as in tcp:8443", item)
		}
		if !isPorts(ports) {
			return nil, fmt.Errorf("%q: %q is not a port such as 8443, or a range such as 9000-9100", item, ports)
		}
		if restricted {
			var err error
			if rule.Network, err = parseNetwork(network); err != nil {
				return nil, fmt.Errorf("%q: %w", item, err)
			}
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// isPorts tells whether ports is one port, or a range whose ends are in order.
func isPorts(ports string) bool {
	match := portsPattern.FindStringSubmatch(ports)
	if match == nil {
		return false
	}
	const lowest, highest = 1, 65535
	first, _ := strconv.Atoi(match[1])
	last := first
	if match[2] != "" {
		last, _ = strconv.Atoi(match[2])
	}
	return lowest <= first && first <= last && last <= highest
}
