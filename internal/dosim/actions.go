// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"iter"
	"slices"
)

// listActions lists every action of the account, the newest first.
func listActions(c *call) reply {
	return page(c, "actions", backward(c.account.actions), c.s.renderAction)
}

func getAction(c *call) reply {
	a, found := c.account.actionIDs[c.id("action")]
	if !found {
		return notFound()
	}
	return ok(map[string]any{"action": c.s.renderAction(a)})
}

func listDropletActions(c *call) reply {
	d, found := c.droplet()
	if !found {
		return notFound()
	}
	return page(c, "actions", backward(d.actions), c.s.renderAction)
}

func getDropletAction(c *call) reply {
	d, found := c.droplet()
	if !found {
		return notFound()
	}
	a, found := c.account.actionIDs[c.id("action")]
	if !found || a.droplet != d {
		return notFound()
	}
	return ok(map[string]any{"action": c.s.renderAction(a)})
}

func startDropletAction(c *call) reply {
	d, found := c.droplet()
	if !found {
		return notFound()
	}
	var request actionRequest
	if problem := c.decode(&request); problem != nil {
		return *problem
	}
	started, problem := c.startAction(d, &request)
	if problem != nil {
		return *problem
	}
	return created(map[string]any{"action": c.s.renderAction(started)})
}

// startActionsByTag starts an action on every droplet with the tag that can take it now; the others are passed over.
func startActionsByTag(c *call) reply {
	var request actionRequest
	if problem := c.decode(&request); problem != nil {
		return *problem
	}
	if !actionTypes[request.Type].byTag {
		return unprocessable("This action type cannot be started by tag.")
	}
	started := []*wireAction{}
	for _, d := range slices.Collect(c.taggedAs(c.query.Get("tag_name"))) {
		if a, problem := c.startAction(d, &request); problem == nil {
			c.touch(d)
			started = append(started, c.s.renderAction(a))
		}
	}
	return created(map[string]any{"actions": started})
}

// startAction starts an action unless the droplet is busy, being created or destroyed, or in the wrong state for it.
func (c *call) startAction(d *droplet, r *actionRequest) (*action, *reply) {
	kind, known := actionTypes[r.Type]
	if !known {
		return nil, invalid("%q is not a valid action type.", r.Type)
	}
	if d.pending != nil || d.status == statusNew || d.destroyed() {
		busy := pendingEvent()
		return nil, &busy
	}
	t := &task{call: c, droplet: d, request: r}
	if kind.check != nil {
		if problem := kind.check(t); problem != nil {
			return nil, problem
		}
	}
	return c.s.start(c.account, d, r.Type, c.dooms(), func() { kind.effect(t) }), nil
}

// backward goes through a list from its end.
func backward[T any](list []T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, item := range slices.Backward(list) {
			if !yield(item) {
				return
			}
		}
	}
}
