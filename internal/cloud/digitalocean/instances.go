// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/digitalocean/godo"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// What is being tried, in the words of cloud.Error.Op.
const (
	creating    = "creating instance"
	reading     = "reading instance"
	findingName = "finding instances by name"
	listingTag  = "listing instances by tag"
	listing     = "listing all instances"
	destroying  = "destroying instance"
)

// passTimeouts is how many times the deadline of one request a list of many pages may take: 5 min for the 50 pages of
// 10,000 instances, at 6 s each. A slower list would be older than it is worth.
const passTimeouts = 10

var _ cloud.Instances = (*Client)(nil)

// Create implements cloud.Instances. Once begun it runs to its answer or its deadline even when ctx is cancelled: a
// create that is torn by our own shutdown would have to be resolved for minutes. A ctx that is done already means
// NotSent.
func (c *Client) Create(ctx context.Context, request cloud.InstanceRequest) (cloud.Instance, error) {
	if err := ctx.Err(); err != nil {
		return cloud.Instance{}, notSent(creating, err)
	}
	wanted, err := createRequest(request)
	if err != nil {
		return cloud.Instance{}, refused(creating, err.Error())
	}
	var created cloud.Instance
	err = c.call(context.WithoutCancel(ctx), creating, c.createTimeout,
		func(ctx context.Context) (*godo.Response, error) {
			droplet, response, err := c.droplets.Create(ctx, wanted)
			if err != nil {
				return response, err
			}
			if droplet == nil || droplet.ID < 1 {
				return response, errors.New("no instance id")
			}
			created, _ = instance(droplet) // the id is what matters: the rest is read again, and judged then
			return response, nil
		})
	return created, err
}

// Get implements cloud.Instances. An id below 1 is Refused: it is no instance's, so it cannot be "not found" either.
func (c *Client) Get(ctx context.Context, id int64) (cloud.Instance, error) {
	if err := checkID(reading, id); err != nil {
		return cloud.Instance{}, err
	}
	var found cloud.Instance
	err := c.call(ctx, reading, c.timeout, func(ctx context.Context) (*godo.Response, error) {
		droplet, response, err := c.droplets.Get(ctx, int(id))
		if err != nil {
			return response, err
		}
		if droplet == nil || int64(droplet.ID) != id {
			return response, errors.New("not the instance that was asked for")
		}
		found, err = instance(droplet)
		return response, err
	})
	if err != nil {
		return cloud.Instance{}, err
	}
	return found, nil
}

// FindByName implements cloud.Instances. The API compares names without regard to case, so its answer is filtered.
func (c *Client) FindByName(ctx context.Context, name string) ([]cloud.Instance, error) {
	if name == "" {
		return nil, refused(findingName, "no name to look for") // the API would list everything
	}
	all, err := readAll(ctx, lister{c, findingName},
		func(ctx context.Context, o *godo.ListOptions) ([]godo.Droplet, *godo.Response, error) {
			return c.droplets.ListByName(ctx, url.QueryEscape(name), o) // godo pastes it into the query as it is
		}, instance, instanceID)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(i cloud.Instance) bool { return i.Name != name })
	slices.SortFunc(all, func(a, b cloud.Instance) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// ListByTag implements cloud.Instances.
func (c *Client) ListByTag(ctx context.Context, tag string) ([]cloud.Instance, error) {
	if tag == "" {
		return nil, refused(listingTag, "no tag to look for") // the API would list everything
	}
	return readAll(ctx, lister{c, listingTag},
		func(ctx context.Context, o *godo.ListOptions) ([]godo.Droplet, *godo.Response, error) {
			return c.droplets.ListByTag(ctx, url.QueryEscape(tag), o)
		}, instance, instanceID)
}

// List implements cloud.Instances. The API leaves machines with a GPU out of it, which are none of ours.
func (c *Client) List(ctx context.Context) ([]cloud.Instance, error) {
	return readAll(ctx, lister{c, listing}, c.droplets.List, instance, instanceID)
}

func instanceID(i cloud.Instance) int64 { return i.ID }

// Delete implements cloud.Instances. An id below 1 is Refused, as in Get.
func (c *Client) Delete(ctx context.Context, id int64) error {
	if err := checkID(destroying, id); err != nil {
		return err
	}
	return c.call(ctx, destroying, c.timeout, func(ctx context.Context) (*godo.Response, error) {
		response, err := c.droplets.Delete(ctx, int(id))
		if err == nil && response.StatusCode != http.StatusNoContent {
			err = only204(response.StatusCode)
		}
		return response, err
	})
}

// only204 is a success that is not the API's: a portal's 200, say.
func only204(status int) error { return fmt.Errorf("HTTP %d where only 204 means accepted", status) }

func checkID(op string, id int64) error {
	if id < 1 {
		return refused(op, fmt.Sprintf("%d is not an id", id))
	}
	return nil
}
