// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/digitalocean/godo"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// What is being tried, in the words of cloud.Error.Op.
const (
	makingTag = "making tag"
	tagging   = "tagging instance"
)

var _ cloud.Tagger = (*Client)(nil)

// EnsureTag implements cloud.Tagger. The API answers a tag that exists as it answers a new one.
func (c *Client) EnsureTag(ctx context.Context, tag string) error {
	if tag == "" {
		return refused(makingTag, "no tag to make")
	}
	return c.call(ctx, makingTag, c.timeout, func(ctx context.Context) (*godo.Response, error) {
		made, response, err := c.tags.Create(ctx, &godo.TagCreateRequest{Name: tag})
		if err == nil && (made == nil || !strings.EqualFold(made.Name, tag)) { // it keeps the capitals it was made with
			err = errors.New("not the tag that was asked for")
		}
		return response, err
	})
}

// Tag implements cloud.Tagger.
func (c *Client) Tag(ctx context.Context, id int64, tag string) error {
	if err := checkID(tagging, id); err != nil {
		return err
	}
	if tag == "" {
		return refused(tagging, "no tag to put on it")
	}
	request := &godo.TagResourcesRequest{Resources: []godo.Resource{
		{ID: strconv.FormatInt(id, 10), Type: godo.DropletResourceType},
	}}
	return c.call(ctx, tagging, c.timeout, func(ctx context.Context) (*godo.Response, error) {
		response, err := c.tags.TagResources(ctx, tag, request)
		if err == nil && response.StatusCode != http.StatusNoContent {
			err = only204(response.StatusCode)
		}
		return response, err
	})
}
