// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"context"
	"time"
)

// Snapshot is a copy of an instance's disk, from which another instance can be made.
type Snapshot struct {
	// ID is the cloud's own number, which is also an image's.
	ID int64
	// Name is the name that the snapshot was asked for with; names are not unique.
	Name string
	// InstanceID is the instance that it was taken of; 0 when not told.
	InstanceID int64
	// Regions are the slugs of the regions where it can be used.
	Regions []string
	// MinDiskGB is how large a disk an instance made from it needs.
	MinDiskGB int
	// CreatedAt is the cloud's own time of creation.
	CreatedAt time.Time
}

// Snapshots is the part of a cloud that keeps snapshots of instances. They are taken with ActionSnapshot.
type Snapshots interface {
	// SnapshotsOf reads the snapshots of one instance that exists. A snapshot that is still being taken is not shown.
	SnapshotsOf(ctx context.Context, id int64) ([]Snapshot, error)

	// ListSnapshots reads every snapshot of an instance that the credential can see, in one complete pass, as
	// ListByTag does for instances.
	ListSnapshots(ctx context.Context) ([]Snapshot, error)

	// DeleteSnapshot destroys one snapshot. NotFound means that there was nothing to destroy. The caller has verified
	// that it is its own, and that it is not the only copy of what somebody needs.
	DeleteSnapshot(ctx context.Context, id int64) error
}
