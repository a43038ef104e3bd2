// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"reflect"
	"slices"
)

// firewallRule lets traffic in from its sources, or out to its destinations.
type firewallRule struct {
	Protocol     string          `json:"protocol"`
	Ports        string          `json:"ports"`
	Sources      *firewallTarget `json:"sources,omitempty"`
	Destinations *firewallTarget `json:"destinations,omitempty"`
}

type firewallTarget struct {
	Addresses        []string `json:"addresses,omitempty"`
	DropletIDs       []int64  `json:"droplet_ids,omitempty"`
	LoadBalancerUIDs []string `json:"load_balancer_uids,omitempty"`
	KubernetesIDs    []string `json:"kubernetes_ids,omitempty"`
	Tags             []string `json:"tags,omitempty"`
}

// normalRules gives a copy of the rules as the API shows them: all ports are "0", and so are those of ICMP.
func normalRules(rules []firewallRule) ([]firewallRule, *reply) {
	normal := make([]firewallRule, 0, len(rules))
	for _, rule := range rules {
		switch rule.Protocol {
		case "icmp":
			rule.Ports = "0"
		case "tcp", "udp":
			if rule.Ports == "all" {
				rule.Ports = "0"
			}
		default:
			return nil, invalid("%q is not a protocol that a firewall knows.", rule.Protocol)
		}
		if rule.Ports == "" || rule.Sources == nil && rule.Destinations == nil {
			return nil, invalid("A firewall rule needs ports, and sources or destinations.")
		}
		normal = append(normal, rule)
	}
	return normal, nil
}

func addFirewallDroplets(c *call) reply    { return c.changeFirewall(true) }
func removeFirewallDroplets(c *call) reply { return c.changeFirewall(false) }
func addFirewallTags(c *call) reply        { return c.changeFirewall(true) }
func removeFirewallTags(c *call) reply     { return c.changeFirewall(false) }
func addFirewallRules(c *call) reply       { return c.changeFirewall(true) }
func removeFirewallRules(c *call) reply    { return c.changeFirewall(false) }

// changeFirewall adds what the body lists to a firewall, or takes it away: droplets, tags and rules alike.
func (c *call) changeFirewall(in bool) reply {
	f, found := c.firewall()
	if !found {
		return notFound()
	}
	var change firewallSpec
	if problem := c.decode(&change); problem != nil {
		return *problem
	}
	next := f.firewallSpec
	next.DropletIDs = eachWith(next.DropletIDs, change.DropletIDs, in)
	next.Tags = eachWith(next.Tags, change.Tags, in)
	for _, direction := range []struct {
		rules  *[]firewallRule
		change []firewallRule
	}{{&next.InboundRules, change.InboundRules}, {&next.OutboundRules, change.OutboundRules}} {
		changed, problem := normalRules(direction.change)
		if problem != nil {
			return *problem
		}
		*direction.rules = rulesWith(*direction.rules, changed, in)
	}
	if in {
		if problem := c.checkReach(&next); problem != nil {
			return *problem
		}
	}
	f.firewallSpec = next
	c.s.settle(f)
	return noContent()
}

func eachWith[T comparable](list, items []T, in bool) []T {
	changed := append([]T{}, list...)
	for _, item := range items {
		changed = with(changed, item, in)
	}
	return changed
}

func rulesWith(rules, changed []firewallRule, in bool) []firewallRule {
	rest := slices.DeleteFunc(slices.Clone(rules), func(r firewallRule) bool {
		return slices.ContainsFunc(changed, func(other firewallRule) bool { return reflect.DeepEqual(r, other) })
	})
	if in {
		rest = append(rest, changed...)
	}
	return rest
}
