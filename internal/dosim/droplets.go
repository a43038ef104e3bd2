// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"iter"
	"slices"
	"strings"
)

// listDroplets lists by ascending id. GPU droplets are left out unless asked for by type or by tag.
func listDroplets(c *call) reply {
	q := c.query
	if q.Has("tag_name") && (q.Has("name") || q.Has("type")) {
		return unprocessable("tag_name cannot be combined with name or type.")
	}
	kind := q.Get("type")
	if kind != "" && kind != "droplets" && kind != "gpus" {
		return unprocessable("type must be droplets or gpus.")
	}
	if q.Has("tag_name") {
		return page(c, "droplets", c.taggedAs(q.Get("tag_name")), c.s.render)
	}
	candidates := c.account.droplets
	if name := q.Get("name"); name != "" {
		candidates = c.account.byName[strings.ToLower(name)]
	}
	return page(c, "droplets", c.listed(candidates, kind == "gpus"), c.s.render)
}

// listed are the droplets, with or without a GPU, that lists know by now.
func (c *call) listed(droplets []*droplet, gpu bool) iter.Seq[*droplet] {
	return func(yield func(*droplet) bool) {
		for _, d := range droplets {
			if d.listedAt.After(c.s.now) || gpu != (c.s.catalogue.sizes[d.size].GPUInfo != nil) {
				continue
			}
			if !yield(d) {
				return
			}
		}
	}
}

// taggedAs are the droplets of which lists know by now that they bear the tag. A tag that does not exist has none.
func (c *call) taggedAs(name string) iter.Seq[*droplet] {
	return func(yield func(*droplet) bool) {
		t, found := c.account.tags[strings.ToLower(name)]
		if !found {
			return
		}
		for _, g := range t.members {
			if g.visibleAt.After(c.s.now) || g.droplet.listedAt.After(c.s.now) {
				continue
			}
			if !yield(g.droplet) {
				return
			}
		}
	}
}

func getDroplet(c *call) reply {
	d, found := c.droplet()
	if !found {
		return notFound()
	}
	return ok(map[string]any{"droplet": c.s.render(d)})
}

// deleteDroplet accepts the deletion of what is there; whether it is carried out is another question.
func deleteDroplet(c *call) reply {
	d, found := c.droplet()
	if !found {
		return notFound()
	}
	if d.destroyed() {
		return noContent()
	}
	if d.pending != nil && d.pending.kind != "create" {
		return pendingEvent()
	}
	c.demolish(d)
	return noContent()
}

// deleteDropletsByTag deletes whatever bears the tag, even what is busy.
func deleteDropletsByTag(c *call) reply {
	name := c.query.Get("tag_name")
	if name == "" {
		return unprocessable("tag_name is required.")
	}
	if _, found := c.account.tags[strings.ToLower(name)]; !found {
		return notFound()
	}
	for _, d := range slices.Collect(c.taggedAs(name)) {
		c.touch(d)
		c.demolish(d)
	}
	return noContent()
}

// demolish destroys a droplet and leaves the trace of it among the account's actions.
func (c *call) demolish(d *droplet) {
	if d.status == statusNew && c.s.opts.IgnoreDeleteWhileNew || d.destroyed() {
		return
	}
	if d.pending != nil {
		c.s.end(d.pending)
	}
	trace := c.s.begin(c.account, d, "destroy", false)
	c.s.end(trace)
	c.s.destroy(c.account, d, c.s.opts.DeleteLag)
}

// listDropletNeighbors finds none: every simulated droplet has a host of its own.
func listDropletNeighbors(c *call) reply { return c.emptyOf("droplets") }

func listDropletBackups(c *call) reply { return c.emptyOf("backups") }

func listDropletKernels(c *call) reply { return c.emptyOf("kernels") }

// listAutoscalePools finds none; the route exists because its path looks like a droplet's.
func listAutoscalePools(c *call) reply {
	return page(c, "autoscale_pools", slices.Values([]int{}), same[int])
}

func (c *call) emptyOf(key string) reply {
	if _, found := c.droplet(); !found {
		return notFound()
	}
	return page(c, key, slices.Values([]int{}), same[int])
}
