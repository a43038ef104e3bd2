// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What one firewall may hold.
const (
	maxFirewallDroplets = 10
	maxFirewallTags     = 5
	maxFirewallRules    = 50
)

var firewallName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.-]+$`)

// firewallSpec is what a client says about a firewall. Its lists are replaced, never changed in place.
type firewallSpec struct {
	Name          string         `json:"name"`
	InboundRules  []firewallRule `json:"inbound_rules"`
	OutboundRules []firewallRule `json:"outbound_rules"`
	DropletIDs    []int64        `json:"droplet_ids"`
	Tags          []string       `json:"tags"`
}

// firewall is one that exists; it is being applied until settledAt.
type firewall struct {
	firewallSpec
	id                   string
	createdAt, settledAt time.Time
}

type wireFirewall struct {
	ID             string        `json:"id"`
	Status         string        `json:"status"`
	CreatedAt      time.Time     `json:"created_at"`
	PendingChanges []wirePending `json:"pending_changes"`
	firewallSpec
}

type wirePending struct {
	DropletID int64  `json:"droplet_id"`
	Removing  bool   `json:"removing"`
	Status    string `json:"status"`
}

func listFirewalls(c *call) reply {
	return page(c, "firewalls", slices.Values(c.account.firewalls), c.s.showFirewall)
}

func createFirewall(c *call) reply {
	var spec firewallSpec
	if problem := c.decode(&spec); problem != nil {
		return *problem
	}
	if problem := c.checkFirewall(&spec, nil); problem != nil {
		return *problem
	}
	f := &firewall{firewallSpec: spec, id: c.s.ids.uuid(), createdAt: c.s.now}
	c.s.settle(f)
	c.account.firewalls = append(c.account.firewalls, f)
	return accepted(map[string]any{"firewall": c.s.showFirewall(f)})
}

func getFirewall(c *call) reply {
	f, found := c.firewall()
	if !found {
		return notFound()
	}
	return ok(map[string]any{"firewall": c.s.showFirewall(f)})
}

func replaceFirewall(c *call) reply {
	f, found := c.firewall()
	if !found {
		return notFound()
	}
	var spec firewallSpec
	if problem := c.decode(&spec); problem != nil {
		return *problem
	}
	if problem := c.checkFirewall(&spec, f); problem != nil {
		return *problem
	}
	f.firewallSpec = spec
	c.s.settle(f)
	return ok(map[string]any{"firewall": c.s.showFirewall(f)})
}

func deleteFirewall(c *call) reply {
	f, found := c.firewall()
	if !found {
		return notFound()
	}
	c.account.firewalls = slices.DeleteFunc(slices.Clone(c.account.firewalls), func(other *firewall) bool {
		return other == f
	})
	return noContent()
}

// listDropletFirewalls are those that name the droplet or one of its tags.
func listDropletFirewalls(c *call) reply {
	d, found := c.droplet()
	if !found {
		return notFound()
	}
	tags := d.tagNames(c.s.now)
	applies := slices.DeleteFunc(slices.Clone(c.account.firewalls), func(f *firewall) bool {
		byTag := slices.ContainsFunc(tags, func(tag string) bool { return slices.Contains(f.Tags, tag) })
		return !byTag && !slices.Contains(f.DropletIDs, d.id)
	})
	return page(c, "firewalls", slices.Values(applies), c.s.showFirewall)
}

func (c *call) firewall() (*firewall, bool) {
	id := c.vars("id")
	i := slices.IndexFunc(c.account.firewalls, func(f *firewall) bool { return f.id == id })
	if i < 0 {
		return nil, false
	}
	return c.account.firewalls[i], true
}

// checkFirewall looks at a whole firewall, which may replace another, and puts it into the form that is shown.
func (c *call) checkFirewall(spec *firewallSpec, replaced *firewall) *reply {
	if !firewallName.MatchString(spec.Name) || len(spec.InboundRules)+len(spec.OutboundRules) == 0 {
		refusal := refuse(http.StatusBadRequest, "bad_request", "A firewall needs a valid name and at least one rule.")
		return &refusal
	}
	taken := func(f *firewall) bool { return f != replaced && strings.EqualFold(f.Name, spec.Name) }
	if slices.ContainsFunc(c.account.firewalls, taken) {
		refusal := refuse(http.StatusConflict, "conflict", "duplicate name")
		return &refusal
	}
	spec.DropletIDs, spec.Tags = append([]int64{}, spec.DropletIDs...), append([]string{}, spec.Tags...)
	for _, rules := range []*[]firewallRule{&spec.InboundRules, &spec.OutboundRules} {
		normal, problem := normalRules(*rules)
		if problem != nil {
			return problem
		}
		*rules = normal
	}
	return c.checkReach(spec)
}

// checkReach looks at what a firewall applies to: the tags must exist, and so must the droplets.
func (c *call) checkReach(spec *firewallSpec) *reply {
	switch {
	case len(spec.DropletIDs) > maxFirewallDroplets:
		return invalid("A firewall can be applied to at most %d Droplets.", maxFirewallDroplets)
	case len(spec.Tags) > maxFirewallTags:
		return invalid("A firewall can be applied to at most %d tags.", maxFirewallTags)
	case len(spec.InboundRules)+len(spec.OutboundRules) > maxFirewallRules:
		return invalid("A firewall can have at most %d rules.", maxFirewallRules)
	}
	for _, id := range spec.DropletIDs {
		if _, found := c.account.byID[id]; !found {
			return invalid("Droplet %d was not found.", id)
		}
	}
	for i, name := range spec.Tags {
		t, found := c.account.tags[strings.ToLower(name)]
		if !found {
			return invalid("Tag %q does not exist.", name)
		}
		spec.Tags[i] = t.name
	}
	return nil
}

// settle says that a change to a firewall takes as long as an action.
func (s *Server) settle(f *firewall) { f.settledAt = s.now.Add(s.opts.ActionDelay) }

func (s *Server) showFirewall(f *firewall) *wireFirewall {
	shown := &wireFirewall{
		ID: f.id, Status: "succeeded", CreatedAt: instant(f.createdAt),
		PendingChanges: []wirePending{}, firewallSpec: f.firewallSpec,
	}
	if f.settledAt.After(s.now) {
		shown.Status = "waiting"
		for _, id := range f.DropletIDs {
			shown.PendingChanges = append(shown.PendingChanges, wirePending{DropletID: id, Status: "waiting"})
		}
	}
	return shown
}
