// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/digitalocean/godo"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// maxUserData is the API's limit. Beyond it an edge may answer in the API's place, and leave a doubt.
const maxUserData = 64 << 10

// createRequest is the request in godo's words. Its errors name what the API would refuse or, worse, guess: without a
// region it picks one.
func createRequest(r cloud.InstanceRequest) (*godo.DropletCreateRequest, error) {
	switch {
	case r.Name == "" || r.Region == "" || r.Size == "":
		return nil, errors.New("an instance needs a name, a region and a size")
	case (r.Image == "") == (r.SnapshotID == 0), r.SnapshotID < 0:
		return nil, errors.New("an instance is made from exactly one of an image and a snapshot")
	case len(r.UserData) > maxUserData:
		return nil, fmt.Errorf("user data has %d bytes, and at most %d are allowed", len(r.UserData), maxUserData)
	}
	return &godo.DropletCreateRequest{
		Name:       r.Name,
		Region:     r.Region,
		Size:       r.Size,
		Image:      godo.DropletCreateImage{Slug: r.Image, ID: int(r.SnapshotID)},
		SSHKeys:    sshKeys(r.SSHKeys),
		Backups:    r.Backups,
		IPv6:       r.IPv6,
		Monitoring: r.Monitoring,
		UserData:   r.UserData,
		Tags:       append([]string{}, r.Tags...), // never null
		VPCUUID:    r.VPCUUID,
	}, nil
}

// sshKeys tells ids from fingerprints, which contain colons. The result is never null: the API wants a list.
func sshKeys(keys []string) []godo.DropletCreateSSHKey {
	translated := make([]godo.DropletCreateSSHKey, 0, len(keys))
	for _, key := range keys {
		if id, err := strconv.Atoi(key); err == nil {
			translated = append(translated, godo.DropletCreateSSHKey{ID: id})
			continue
		}
		translated = append(translated, godo.DropletCreateSSHKey{Fingerprint: key})
	}
	return translated
}

// instance is a droplet in our words. An id or a time of creation that cannot be read is an error: one is the target
// of destruction, the other decides whether something is old enough to be destroyed.
func instance(d *godo.Droplet) (cloud.Instance, error) {
	i := cloud.Instance{
		ID:      int64(d.ID),
		Name:    d.Name,
		State:   cloud.State(d.Status),
		Size:    d.SizeSlug,
		DiskGB:  d.Disk,
		VPCUUID: d.VPCUUID,
		Tags:    slices.Sorted(slices.Values(d.Tags)), // the API promises no order, and order must not look like change
	}
	if d.Region != nil {
		i.Region = d.Region.Slug
	}
	if d.Image != nil {
		i.Image = d.Image.Slug
	}
	if d.Size != nil {
		i.HourlyPriceMicros = micros(d.Size.PriceHourly)
	}
	if d.Networks != nil {
		i.PublicIPv4, i.PrivateIPv4 = addressV4(d.Networks.V4, "public"), addressV4(d.Networks.V4, "private")
		i.PublicIPv6 = addressV6(d.Networks.V6)
	}
	var err error
	if i.CreatedAt, err = time.Parse(time.RFC3339, d.Created); err != nil {
		return i, fmt.Errorf("instance %d has no readable time of creation", d.ID)
	}
	if d.ID < 1 {
		return i, errors.New("an instance without an id")
	}
	return i, nil
}

// micros is a price in micro-USD: the API tells five decimals as a binary fraction, hence the rounding.
func micros(usd float64) int64 { return int64(math.Round(usd * 1e6)) }

func addressV4(networks []godo.NetworkV4, kind string) string {
	for _, n := range networks {
		if n.Type == kind {
			return n.IPAddress
		}
	}
	return ""
}

func addressV6(networks []godo.NetworkV6) string {
	for _, n := range networks {
		if n.Type == "public" {
			return n.IPAddress
		}
	}
	return ""
}
