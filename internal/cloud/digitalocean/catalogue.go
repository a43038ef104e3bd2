// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"context"
	"errors"
	"net/url"

	"github.com/digitalocean/godo"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// What is being tried, in the words of cloud.Error.Op.
const (
	listingSizes = "listing sizes"
	readingImage = "reading image"
)

var _ cloud.Catalogue = (*Client)(nil)

// Sizes implements cloud.Catalogue.
func (c *Client) Sizes(ctx context.Context) ([]cloud.Size, error) {
	return readAll(ctx, lister{c, listingSizes}, c.sizes.List,
		func(s *godo.Size) (cloud.Size, error) {
			if s.Slug == "" {
				return cloud.Size{}, errors.New("a size without a slug")
			}
			return cloud.Size{
				Slug: s.Slug, Available: s.Available, Regions: s.Regions, DiskGB: s.Disk,
				HourlyPriceMicros: micros(s.PriceHourly),
			}, nil
		},
		func(s cloud.Size) string { return s.Slug })
}

// Image implements cloud.Catalogue.
func (c *Client) Image(ctx context.Context, slug string) (cloud.Image, error) {
	if slug == "" {
		return cloud.Image{}, refused(readingImage, "no image to look for")
	}
	var found cloud.Image
	err := c.call(ctx, readingImage, c.timeout, func(ctx context.Context) (*godo.Response, error) {
		image, response, err := c.images.GetBySlug(ctx, url.PathEscape(slug))
		if err != nil {
			return response, err
		}
		if image == nil || image.Slug != slug {
			return response, errors.New("not the image that was asked for")
		}
		found = cloud.Image{Slug: image.Slug, Regions: image.Regions, MinDiskGB: image.MinDiskSize}
		return response, nil
	})
	if err != nil {
		return cloud.Image{}, err
	}
	return found, nil
}
