// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"strings"

	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/fleet"
)

// offers is what DigitalOcean has to offer, for the webhooks of every replica. It does not pass the fleet's guard,
// which is the leader's and writes the fleet record: prices are the same for every team, and nothing is done with them.
type offers struct {
	calls *budget.Budget
	token func() string
	dial  func(token string) (fleet.Cloud, error)
}

var _ cloud.Catalogue = offers{}

// Sizes implements cloud.Catalogue.
func (o offers) Sizes(ctx context.Context) ([]cloud.Size, error) {
	api, err := o.open()
	if err != nil {
		return nil, err
	}
	return api.Sizes(ctx)
}

// Image implements cloud.Catalogue.
func (o offers) Image(ctx context.Context, slug string) (cloud.Image, error) {
	api, err := o.open()
	if err != nil {
		return cloud.Image{}, err
	}
	return api.Image(ctx, slug)
}

// open is the cloud with the present token, as far as the budget goes.
func (o offers) open() (cloud.API, error) {
	api, err := o.dial(strings.TrimSpace(o.token()))
	if err != nil {
		return nil, err
	}
	return budget.NewInstances(o.calls, api).For("", ""), nil
}
