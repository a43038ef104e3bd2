// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package cloud

import "context"

// FirewallRule lets traffic pass in one direction.
type FirewallRule struct {
	// Protocol is tcp, udp or icmp.
	Protocol string
	// Ports is a port such as "443", a range such as "8000-9000", or "all"; empty for icmp.
	Ports string
	// Addresses are the networks, in CIDR notation, that traffic may come from, or go to.
	Addresses []string
}

// Firewall lets through what its rules name, for the instances that bear one of its tags, and nothing else.
type Firewall struct {
	// ID is the cloud's own name for it; empty before it was created.
	ID string
	// Name is ours.
	Name string
	// Tags select the instances that it applies to.
	Tags []string
	// Inbound and Outbound are the rules. The order means nothing.
	Inbound, Outbound []FirewallRule
}

// Firewalls is the part of a cloud that keeps traffic from instances.
type Firewalls interface {
	// ListFirewalls reads every firewall that the credential can see, in one complete pass.
	ListFirewalls(ctx context.Context) ([]Firewall, error)

	// CreateFirewall makes one firewall; its tags must exist. Names are not unique, so after an error for which
	// IsDefinite does not hold, list before asking again.
	CreateFirewall(ctx context.Context, firewall Firewall) (Firewall, error)

	// UpdateFirewall replaces all that a firewall says. It may be repeated.
	UpdateFirewall(ctx context.Context, firewall Firewall) error
}
