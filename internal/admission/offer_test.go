// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"context"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// offer is a cloud with one size in one region.
type offer struct{}

func (offer) Sizes(context.Context) ([]cloud.Size, error) {
	return []cloud.Size{{Slug: "s-1vcpu-2gb", Available: true, Regions: []string{"nyc3"}, DiskGB: 50}}, nil
}

func (offer) Image(context.Context, string) (cloud.Image, error) { panic("nobody asks about images") }
