// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"slices"
	"time"
)

// State is what the cloud says an instance is doing.
type State string

// The states of an instance, in the words of the DigitalOcean API.
const (
	// StateNew is an instance that was accepted and is being placed or booted.
	StateNew State = "new"
	// StateActive is an instance that is powered on.
	StateActive State = "active"
	// StateOff is an instance that is powered off; it is still billed.
	StateOff State = "off"
	// StateArchive is an instance that the cloud has put away.
	StateArchive State = "archive"
)

// InstanceRequest is everything that is asked for when an instance is created.
type InstanceRequest struct {
	// Name becomes the host name and is the identity by which a lost reply is resolved.
	Name string
	// Region is a slug such as nyc3.
	Region string
	// Size is a slug such as s-1vcpu-2gb.
	Size string
	// Image is a public image's slug. Exactly one of Image and SnapshotID is set.
	Image string
	// SnapshotID is the numeric id of a snapshot to start from.
	SnapshotID int64
	// UserData is handed to cloud-init, at most 64 KiB of plain text.
	UserData string
	// SSHKeys are fingerprints or numeric ids of keys that the account holds.
	SSHKeys []string
	// VPCUUID is the network to join; empty means the region's default network.
	VPCUUID string
	// Tags are put on the instance after it was created, by the cloud, in its own time.
	Tags []string
	// Backups, Monitoring and IPv6 switch the features of these names.
	Backups, Monitoring, IPv6 bool
}

// Instance is one machine as the cloud describes it.
type Instance struct {
	// ID is the cloud's own number, never reused.
	ID int64
	// Name is the instance's current name; a person can change it.
	Name string
	// State is what the instance is doing.
	State State
	// Region and Size are slugs.
	Region, Size string
	// Image is the slug of the image it was made from; empty for a snapshot or a private image.
	Image string
	// DiskGB is how large its disk is; 0 when not told.
	DiskGB int
	// VPCUUID is the network it is in.
	VPCUUID string
	// Tags are the tags that the cloud shows so far.
	Tags []string
	// PublicIPv4, PrivateIPv4 and PublicIPv6 are empty until the cloud has given them.
	PublicIPv4, PrivateIPv4, PublicIPv6 string
	// HourlyPriceMicros is the price of its size in micro-USD an hour, without backups; 0 when not told.
	HourlyPriceMicros int64
	// CreatedAt is the cloud's own time of creation.
	CreatedAt time.Time
}

// HasTag tells whether the cloud shows that tag on the instance.
func (i Instance) HasTag(tag string) bool {
	return slices.Contains(i.Tags, tag)
}
