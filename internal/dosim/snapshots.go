// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"slices"
	"strconv"
	"time"
)

// wireSnapshot is a snapshot in the account's list, where its ids are text.
type wireSnapshot struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	CreatedAt     time.Time `json:"created_at"`
	Regions       []string  `json:"regions"`
	MinDiskSize   int       `json:"min_disk_size"`
	SizeGigabytes float64   `json:"size_gigabytes"`
	ResourceID    string    `json:"resource_id"`
	ResourceType  string    `json:"resource_type"`
	Tags          []string  `json:"tags"`
}

// wireDropletSnapshot is a snapshot in its droplet's list, where its id is a number.
type wireDropletSnapshot struct {
	ID            int64     `json:"id"`
	Name          string    `json:"name"`
	CreatedAt     time.Time `json:"created_at"`
	Regions       []string  `json:"regions"`
	MinDiskSize   int       `json:"min_disk_size"`
	SizeGigabytes float64   `json:"size_gigabytes"`
	Type          string    `json:"type"`
}

func listSnapshots(c *call) reply {
	snapshots := c.account.snapshots()
	if kind := c.query.Get("resource_type"); kind != "" && kind != "droplet" {
		snapshots = nil
	}
	return page(c, "snapshots", slices.Values(snapshots), c.account.showSnapshot)
}

func getSnapshot(c *call) reply {
	image, found := c.snapshot()
	if !found {
		return notFound()
	}
	return ok(map[string]any{"snapshot": c.account.showSnapshot(image)})
}

// deleteSnapshot takes effect at once. The droplet, if it still exists, no longer names it.
func deleteSnapshot(c *call) reply {
	image, found := c.snapshot()
	if !found {
		return notFound()
	}
	a := c.account
	if d, exists := a.byID[a.origins[image.ID]]; exists {
		d.snapshots = with(d.snapshots, image.ID, false)
	}
	a.images = slices.DeleteFunc(slices.Clone(a.images), func(other *wireImage) bool { return other.ID == image.ID })
	delete(a.origins, image.ID)
	c.s.machines.Forget(image.ID)
	for _, t := range a.tags {
		t.images = with(t.images, image.ID, false)
	}
	return noContent()
}

func listDropletSnapshots(c *call) reply {
	d, found := c.droplet()
	if !found {
		return notFound()
	}
	own := slices.DeleteFunc(c.account.snapshots(), func(i *wireImage) bool { return c.account.origins[i.ID] != d.id })
	return page(c, "snapshots", slices.Values(own), func(i *wireImage) *wireDropletSnapshot {
		return &wireDropletSnapshot{
			ID: i.ID, Name: i.Name, CreatedAt: i.CreatedAt, Regions: i.Regions,
			MinDiskSize: i.MinDiskSize, SizeGigabytes: i.SizeGigabytes, Type: "snapshot",
		}
	})
}

func (c *call) snapshot() (*wireImage, bool) {
	image, found := c.s.image(c.account, c.vars("snapshot"))
	if !found || image.Type != "snapshot" {
		return nil, false
	}
	return image, true
}

// snapshots are those of the account's images that were taken of droplets.
func (a *account) snapshots() []*wireImage {
	return slices.DeleteFunc(slices.Clone(a.images), func(i *wireImage) bool { return i.Type != "snapshot" })
}

func (a *account) showSnapshot(i *wireImage) *wireSnapshot {
	return &wireSnapshot{
		ID: strconv.FormatInt(i.ID, 10), Name: i.Name, CreatedAt: i.CreatedAt, Regions: i.Regions,
		MinDiskSize: i.MinDiskSize, SizeGigabytes: i.SizeGigabytes,
		ResourceID: strconv.FormatInt(a.origins[i.ID], 10), ResourceType: "droplet", Tags: i.Tags,
	}
}
