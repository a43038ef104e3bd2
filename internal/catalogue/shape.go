// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// Shape is what of a machine the cloud can refuse.
type Shape struct {
	// Region and Size are slugs.
	Region, Size string
	// Image is the slug of a public image; empty for a machine that exists, or that is made from a snapshot.
	Image string
	// MinDiskGB is the disk that the machine has, or that its snapshot needs; 0 when there is none yet.
	MinDiskGB int
}

// Refusal is what speaks against a Shape, in one sentence that is fit for a condition.
type Refusal struct{ message string }

// Error is the sentence.
func (r *Refusal) Error() string { return r.message }

func refuse(format string, args ...any) error {
	return &Refusal{fmt.Sprintf(format, args...)}
}

// size is the size that the shape names, or a Refusal.
func (s Shape) size(sizes []cloud.Size) (cloud.Size, error) {
	i := slices.IndexFunc(sizes, func(size cloud.Size) bool { return size.Slug == s.Size })
	if i < 0 {
		return cloud.Size{}, refuse("size %q does not exist", s.Size)
	}
	size := sizes[i]
	switch {
	case !size.Available || len(size.Regions) == 0:
		return size, refuse("size %q is not offered in any region now", s.Size)
	case !s.isIn(size.Regions):
		return size, refuse("size %q is not offered in region %q now; it is in %s",
			s.Size, s.Region, list(size.Regions))
	case size.DiskGB < s.MinDiskGB:
		return size, refuse("size %q has a disk of %d GB and the machine's is %d GB: DigitalOcean cannot shrink a disk",
			s.Size, size.DiskGB, s.MinDiskGB)
	}
	return size, nil
}

// image is a Refusal unless the image, nil when it does not exist, can be had on the size.
func (s Shape) image(image *cloud.Image, size cloud.Size) error {
	switch {
	case image == nil:
		return refuse("image %q does not exist", s.Image)
	case len(image.Regions) == 0:
		return refuse("image %q is not in any region now", s.Image)
	case !s.isIn(image.Regions):
		return refuse("image %q is not in region %q now; it is in %s", s.Image, s.Region, list(image.Regions))
	case size.DiskGB < image.MinDiskGB:
		return refuse("image %q needs a disk of %d GB and size %q has one of %d GB",
			s.Image, image.MinDiskGB, s.Size, size.DiskGB)
	}
	return nil
}

// isIn tells whether one of the regions is the shape's. The cloud takes the beginning of a slug, such as nyc, for any
// region there.
func (s Shape) isIn(regions []string) bool {
	return slices.ContainsFunc(regions, func(region string) bool {
		return region == s.Region || strings.TrimRight(region, "0123456789") == s.Region
	})
}

// list names regions in an order that does not change, so that a condition does not change with it.
func list(regions []string) string {
	return strings.Join(slices.Sorted(slices.Values(regions)), ", ")
}
