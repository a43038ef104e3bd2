// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"context"
	"errors"

	"github.com/digitalocean/godo"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// What is being tried, in the words of cloud.Error.Op.
const (
	listingFirewalls = "listing firewalls"
	makingFirewall   = "making firewall"
	changingFirewall = "changing firewall"
)

// everyPort is how the API writes a rule for all ports, and one of a protocol that has none, such as ICMP.
const everyPort = "0"

var _ cloud.Firewalls = (*Client)(nil)

// ListFirewalls implements cloud.Firewalls.
func (c *Client) ListFirewalls(ctx context.Context) ([]cloud.Firewall, error) {
	return readAll(ctx, lister{c, listingFirewalls}, c.firewalls.List, firewall,
		func(f cloud.Firewall) string { return f.ID })
}

// CreateFirewall implements cloud.Firewalls. Like a create of an instance it runs to its answer once it has begun.
func (c *Client) CreateFirewall(ctx context.Context, wanted cloud.Firewall) (cloud.Firewall, error) {
	if err := ctx.Err(); err != nil {
		return cloud.Firewall{}, notSent(makingFirewall, err)
	}
	var made cloud.Firewall
	err := c.call(context.WithoutCancel(ctx), makingFirewall, c.timeout,
		func(ctx context.Context) (*godo.Response, error) {
			found, response, err := c.firewalls.Create(ctx, firewallRequest(wanted))
			if err != nil {
				return response, err
			}
			if made, err = firewall(found); err == nil && made.Name != wanted.Name {
				err = errors.New("not the firewall that was asked for")
			}
			return response, err
		})
	if err != nil {
		return cloud.Firewall{}, err
	}
	return made, nil
}

// UpdateFirewall implements cloud.Firewalls.
func (c *Client) UpdateFirewall(ctx context.Context, wanted cloud.Firewall) error {
	if wanted.ID == "" {
		return refused(changingFirewall, "no id of a firewall")
	}
	return c.call(ctx, changingFirewall, c.timeout, func(ctx context.Context) (*godo.Response, error) {
		changed, response, err := c.firewalls.Update(ctx, wanted.ID, firewallRequest(wanted))
		if err == nil && (changed == nil || changed.ID != wanted.ID) {
			err = errors.New("not the firewall that was to be changed")
		}
		return response, err
	})
}

// firewallRequest is a firewall in godo's words. Lists are never null: the API wants them.
func firewallRequest(f cloud.Firewall) *godo.FirewallRequest {
	request := &godo.FirewallRequest{
		Name: f.Name, Tags: append([]string{}, f.Tags...), DropletIDs: []int{},
		InboundRules: []godo.InboundRule{}, OutboundRules: []godo.OutboundRule{},
	}
	for _, r := range f.Inbound {
		request.InboundRules = append(request.InboundRules, godo.InboundRule{
			Protocol: r.Protocol, PortRange: portRange(r.Ports), Sources: &godo.Sources{Addresses: r.Addresses},
		})
	}
	for _, r := range f.Outbound {
		request.OutboundRules = append(request.OutboundRules, godo.OutboundRule{
			Protocol: r.Protocol, PortRange: portRange(r.Ports), Destinations: &godo.Destinations{Addresses: r.Addresses},
		})
	}
	return request
}

// firewall is a firewall in our words. A rule that lets through what our words cannot say, such as another droplet's
// traffic, becomes one without addresses, which equals no rule of ours.
func firewall(f *godo.Firewall) (cloud.Firewall, error) {
	if f == nil || f.ID == "" {
		return cloud.Firewall{}, errors.New("a firewall without an id")
	}
	translated := cloud.Firewall{ID: f.ID, Name: f.Name, Tags: f.Tags}
	for _, r := range f.InboundRules {
		rule := cloud.FirewallRule{Protocol: r.Protocol, Ports: ports(r.Protocol, r.PortRange)}
		if s := r.Sources; s != nil &&
			len(s.Tags)+len(s.DropletIDs)+len(s.LoadBalancerUIDs)+len(s.KubernetesIDs) == 0 {
			rule.Addresses = s.Addresses
		}
		translated.Inbound = append(translated.Inbound, rule)
	}
	for _, r := range f.OutboundRules {
		rule := cloud.FirewallRule{Protocol: r.Protocol, Ports: ports(r.Protocol, r.PortRange)}
		if d := r.Destinations; d != nil &&
			len(d.Tags)+len(d.DropletIDs)+len(d.LoadBalancerUIDs)+len(d.KubernetesIDs) == 0 {
			rule.Addresses = d.Addresses
		}
		translated.Outbound = append(translated.Outbound, rule)
	}
	return translated, nil
}

// portRange is the ports of a rule in the API's words, which wants some of every rule.
func portRange(ports string) string {
	if ports == "" || ports == "all" {
		return everyPort
	}
	return ports
}

// ports are those of a rule in our words: what has no ports, like ICMP, is shown with a number all the same.
func ports(protocol, told string) string {
	switch {
	case protocol == "icmp":
		return ""
	case told == everyPort:
		return "all"
	}
	return told
}
