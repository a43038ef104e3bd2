// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/digitalocean/godo"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// What is being tried, in the words of cloud.Error.Op.
const (
	readingAction  = "reading action"
	listingActions = "listing actions of instance"
)

var _ cloud.Actions = (*Client)(nil)

// Act implements cloud.Actions. Like a create it runs to its answer once it has begun.
func (c *Client) Act(ctx context.Context, id int64, request cloud.ActionRequest) (cloud.Action, error) {
	op := fmt.Sprintf("asking for %s of instance", request.Type)
	if err := ctx.Err(); err != nil {
		return cloud.Action{}, notSent(op, err)
	}
	if err := checkID(op, id); err != nil {
		return cloud.Action{}, err
	}
	act, err := c.actor(request)
	if err != nil {
		return cloud.Action{}, refused(op, err.Error())
	}
	var begun cloud.Action
	err = c.call(context.WithoutCancel(ctx), op, c.timeout, func(ctx context.Context) (*godo.Response, error) {
		found, response, err := act(ctx, int(id))
		if err != nil {
			return response, err
		}
		begun, err = action(found, id)
		return response, err
	})
	if err != nil {
		return cloud.Action{}, err
	}
	return begun, nil
}

// actor is godo's way to ask for an action.
type actor func(ctx context.Context, id int) (*godo.Action, *godo.Response, error)

// actor finds out how to ask for an action. A request that lacks what its type needs is not sent.
func (c *Client) actor(r cloud.ActionRequest) (actor, error) {
	switch r.Type {
	case cloud.ActionShutdown:
		return c.dropletActions.Shutdown, nil
	case cloud.ActionPowerOff:
		return c.dropletActions.PowerOff, nil
	case cloud.ActionPowerOn:
		return c.dropletActions.PowerOn, nil
	case cloud.ActionResize:
		if r.Size == "" {
			return nil, errors.New("no size to resize to")
		}
		const growDisk = false // which could not be undone
		return func(ctx context.Context, id int) (*godo.Action, *godo.Response, error) {
			return c.dropletActions.Resize(ctx, id, r.Size, growDisk)
		}, nil
	case cloud.ActionSnapshot, cloud.ActionRename:
		if r.Name == "" {
			return nil, errors.New("no name")
		}
		act := c.dropletActions.Snapshot
		if r.Type == cloud.ActionRename {
			act = c.dropletActions.Rename
		}
		return func(ctx context.Context, id int) (*godo.Action, *godo.Response, error) { return act(ctx, id, r.Name) }, nil
	}
	return nil, fmt.Errorf("unknown action %q", r.Type)
}

// Action implements cloud.Actions.
func (c *Client) Action(ctx context.Context, id, number int64) (cloud.Action, error) {
	if err := cmp.Or(checkID(readingAction, id), checkID(readingAction, number)); err != nil {
		return cloud.Action{}, err
	}
	var found cloud.Action
	err := c.call(ctx, readingAction, c.timeout, func(ctx context.Context) (*godo.Response, error) {
		read, response, err := c.dropletActions.Get(ctx, int(id), int(number))
		if err != nil {
			return response, err
		}
		found, err = action(read, id)
		if err == nil && found.ID != number {
			err = errors.New("not the action that was asked for")
		}
		return response, err
	})
	if err != nil {
		return cloud.Action{}, err
	}
	return found, nil
}

// Actions implements cloud.Actions. The order of the API's list is not promised, so the page is put in order; an
// instance with more than 200 actions is taken to show its newest on the first page.
func (c *Client) Actions(ctx context.Context, id int64) ([]cloud.Action, error) {
	if err := checkID(listingActions, id); err != nil {
		return nil, err
	}
	var found []cloud.Action
	err := c.call(ctx, listingActions, c.timeout, func(ctx context.Context) (*godo.Response, error) {
		read, response, err := c.droplets.Actions(ctx, int(id), &godo.ListOptions{Page: 1, PerPage: perPage})
		if err != nil {
			return response, err
		}
		if response.Meta == nil { // then it is not the API's, and that no action is in it says nothing
			return response, errors.New("a list that does not tell its total")
		}
		found = make([]cloud.Action, len(read))
		for i := range read {
			if found[i], err = action(&read[i], id); err != nil {
				return response, err
			}
		}
		return response, nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b cloud.Action) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(b.ID, a.ID))
	})
	return found, nil
}

// action is an action in our words. One of another resource is an error.
func action(a *godo.Action, instance int64) (cloud.Action, error) {
	switch {
	case a == nil || a.ID < 1:
		return cloud.Action{}, errors.New("an action without an id")
	case a.ResourceID != 0 && int64(a.ResourceID) != instance:
		return cloud.Action{}, fmt.Errorf("action %d is one of %d, not of %d", a.ID, a.ResourceID, instance)
	}
	translated := cloud.Action{
		ID: int64(a.ID), Type: cloud.ActionType(a.Type), State: cloud.ActionState(a.Status),
	}
	if a.StartedAt != nil {
		translated.StartedAt = a.StartedAt.Time
	}
	return translated, nil
}
