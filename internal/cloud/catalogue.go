// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package cloud

import "context"

// Size is a shape of machine that can be had.
type Size struct {
	// Slug is its name, such as s-1vcpu-2gb.
	Slug string
	// Available tells whether it is offered for new instances at all.
	Available bool
	// Regions are the slugs of the regions that have it now.
	Regions []string
	// DiskGB is how large its disk is.
	DiskGB int
	// HourlyPriceMicros is its price in micro-USD an hour.
	HourlyPriceMicros int64
}

// Image is a disk to make instances from.
type Image struct {
	// Slug is its name, such as ubuntu-24-04-x64.
	Slug string
	// Regions are the slugs of the regions that have it.
	Regions []string
	// MinDiskGB is how large a disk an instance made from it needs.
	MinDiskGB int
}

// Catalogue is the part of a cloud that says what can be had.
type Catalogue interface {
	// Sizes reads all sizes, in one complete pass.
	Sizes(ctx context.Context) ([]Size, error)

	// Image reads one public image by its slug. NotFound means that there is none.
	Image(ctx context.Context, slug string) (Image, error)
}
