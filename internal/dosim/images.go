// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// snapshotSize is what every snapshot weighs, in gigabytes.
const snapshotSize = 2.36

// customImage is the one private image that every account starts with. It exists in one region and has no slug.
func customImage(id int64) *wireImage {
	return &wireImage{
		ID: id, Name: "golden", Type: "custom", Distribution: "Ubuntu", Regions: []string{"nyc3"},
		CreatedAt: time.Date(2026, 2, 1, 8, 0, 0, 0, time.UTC), MinDiskSize: 15, SizeGigabytes: 1.2,
		Description: "a private image", Tags: []string{}, Status: "available",
	}
}

func listImages(c *call) reply {
	private := c.query.Get("private") == "true"
	kind, tagName := c.query.Get("type"), c.query.Get("tag_name")
	matches := func(i *wireImage) bool {
		switch {
		case private && i.Public, kind == "distribution" && i.Type != "base", kind == "application":
			return false
		}
		return tagName == "" || slices.ContainsFunc(i.Tags, func(t string) bool { return strings.EqualFold(t, tagName) })
	}
	all := slices.DeleteFunc(slices.Concat(c.s.catalogue.images, c.account.images), func(i *wireImage) bool {
		return !matches(i)
	})
	return page(c, "images", slices.Values(all), same[*wireImage])
}

// same shows what is in the form of the wire already.
func same[T any](v T) T { return v }

func getImage(c *call) reply {
	image, found := c.s.image(c.account, c.vars("image"))
	if !found {
		return notFound()
	}
	return ok(map[string]any{"image": image})
}

// image finds a public image by slug or id, or one of the account's own by id.
func (s *Server) image(a *account, slugOrID string) (*wireImage, bool) {
	for _, image := range slices.Concat(s.catalogue.images, a.images) {
		if image.handle() == slugOrID || strconv.FormatInt(image.ID, 10) == slugOrID {
			return image, true
		}
	}
	return nil, false
}

// handle is what a request would name the image by: its slug, or its id if it has none.
func (i *wireImage) handle() string {
	if i.Slug != nil {
		return *i.Slug
	}
	return strconv.FormatInt(i.ID, 10)
}

// replaceImage swaps an image of the account for a changed copy.
func (a *account) replaceImage(id int64, change func(*wireImage)) {
	a.images = slices.Clone(a.images)
	for i, image := range a.images {
		if image.ID == id {
			changed := *image
			change(&changed)
			a.images[i] = &changed
		}
	}
}

// slugOrID is an image, or a key, that a request names by text or by number.
type slugOrID string

// UnmarshalJSON takes a string or an integer.
func (v *slugOrID) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*v = slugOrID(text)
		return nil
	}
	var id int64
	err := json.Unmarshal(raw, &id)
	*v = slugOrID(strconv.FormatInt(id, 10))
	return err
}
