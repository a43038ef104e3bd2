// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/digitalocean/godo"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// What is being tried, in the words of cloud.Error.Op.
const (
	listingSnapshotsOf = "listing snapshots of instance"
	listingSnapshots   = "listing snapshots"
	destroyingSnapshot = "destroying snapshot"
)

var _ cloud.Snapshots = (*Client)(nil)

// SnapshotsOf implements cloud.Snapshots.
func (c *Client) SnapshotsOf(ctx context.Context, id int64) ([]cloud.Snapshot, error) {
	if err := checkID(listingSnapshotsOf, id); err != nil {
		return nil, err
	}
	return readAll(ctx, lister{c, listingSnapshotsOf},
		func(ctx context.Context, o *godo.ListOptions) ([]godo.Image, *godo.Response, error) {
			return c.droplets.Snapshots(ctx, int(id), o)
		},
		func(i *godo.Image) (cloud.Snapshot, error) { return snapshotOf(i, id) }, snapshotID)
}

// ListSnapshots implements cloud.Snapshots.
func (c *Client) ListSnapshots(ctx context.Context) ([]cloud.Snapshot, error) {
	return readAll(ctx, lister{c, listingSnapshots}, c.snapshotPage, snapshot, snapshotID)
}

// snapshotPage reads a page of all snapshots. godo's own way drops the total, without which no list is complete.
func (c *Client) snapshotPage(ctx context.Context, o *godo.ListOptions) ([]godo.Snapshot, *godo.Response, error) {
	path := fmt.Sprintf("v2/snapshots?resource_type=droplet&page=%d&per_page=%d", o.Page, o.PerPage)
	request, err := c.api.NewRequest(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, nil, err
	}
	var found struct {
		Snapshots []godo.Snapshot `json:"snapshots"`
		Links     *godo.Links     `json:"links"`
		Meta      *godo.Meta      `json:"meta"`
	}
	response, err := c.api.Do(ctx, request, &found)
	if err != nil {
		return nil, response, err
	}
	response.Links, response.Meta = found.Links, found.Meta
	return found.Snapshots, response, nil
}

// DeleteSnapshot implements cloud.Snapshots.
func (c *Client) DeleteSnapshot(ctx context.Context, id int64) error {
	if err := checkID(destroyingSnapshot, id); err != nil {
		return err
	}
	return c.call(ctx, destroyingSnapshot, c.timeout, func(ctx context.Context) (*godo.Response, error) {
		response, err := c.snapshots.Delete(ctx, strconv.FormatInt(id, 10))
		if err == nil && response.StatusCode != http.StatusNoContent {
			err = only204(response.StatusCode)
		}
		return response, err
	})
}

func snapshotID(s cloud.Snapshot) int64 { return s.ID }

// snapshot is an entry of the list of all snapshots in our words: there, ids are strings.
func snapshot(s *godo.Snapshot) (cloud.Snapshot, error) {
	id, err := strconv.ParseInt(s.ID, 10, 64)
	if err != nil || id < 1 {
		return cloud.Snapshot{}, errors.New("a snapshot without a readable id")
	}
	instance, _ := strconv.ParseInt(s.ResourceID, 10, 64) // it may not be told
	created, err := time.Parse(time.RFC3339, s.Created)
	if err != nil {
		return cloud.Snapshot{}, fmt.Errorf("snapshot %d has no readable time of creation", id)
	}
	return cloud.Snapshot{
		ID: id, Name: s.Name, InstanceID: instance, Regions: s.Regions, MinDiskGB: s.MinDiskSize, CreatedAt: created,
	}, nil
}

// snapshotOf is an entry of the list of one instance's snapshots in our words: there, they are images.
func snapshotOf(i *godo.Image, instance int64) (cloud.Snapshot, error) {
	if i.ID < 1 {
		return cloud.Snapshot{}, errors.New("a snapshot without an id")
	}
	created, err := time.Parse(time.RFC3339, i.Created)
	if err != nil {
		return cloud.Snapshot{}, fmt.Errorf("snapshot %d has no readable time of creation", i.ID)
	}
	return cloud.Snapshot{
		ID: int64(i.ID), Name: i.Name, InstanceID: instance, Regions: i.Regions, MinDiskGB: i.MinDiskSize,
		CreatedAt: created,
	}, nil
}
