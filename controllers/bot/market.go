// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"errors"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/catalogue"
)

// Offers is the Market that the catalogue makes.
type Offers struct{ Catalogue *catalogue.Catalogue }

// Refuses implements Market.
func (o Offers) Refuses(ctx context.Context, machine spawnv1.Machine) (reason string, err error) {
	err = o.Catalogue.Check(ctx, catalogue.Shape{Region: machine.Region, Size: machine.Size, Image: machine.Image})
	var refusal *catalogue.Refusal
	if errors.As(err, &refusal) {
		return refusal.Error(), nil
	}
	return "", err
}

// HourlyMicroUSD implements Market.
func (o Offers) HourlyMicroUSD(ctx context.Context, size string) (int64, error) {
	return o.Catalogue.HourlyMicroUSD(ctx, size)
}
