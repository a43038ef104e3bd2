// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package catalogue knows what can be had at the cloud, so that a machine is not asked for, or the one that there is
// destroyed for it, when the cloud would refuse the new one. It remembers for some minutes what it was told.
//
// It speaks against a wish only on what it was told within the last minute; that nothing speaks against one is no
// promise, for what there is goes fast.
package catalogue

import (
	"context"
	"errors"
	"time"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

const (
	// keep is how long an answer is good enough when nothing in it speaks against a machine.
	keep = 10 * time.Minute
	// doubt is how old an answer may be on which a machine is refused: capacity comes back, and people mend their
	// images.
	doubt = time.Minute
)

// Options are what a Catalogue needs.
type Options struct {
	// Cloud is asked. Required.
	Cloud cloud.Catalogue
	// Clock is the time; nil means the real one.
	Clock clock.PassiveClock
}

// Catalogue checks wishes against what the cloud offers. It is safe for concurrent use, and asks for one thing once at
// a time, however many want to know.
type Catalogue struct {
	cloud  cloud.Catalogue
	clock  clock.PassiveClock
	sizes  memory[[]cloud.Size]
	images memory[*cloud.Image] // nil is one that does not exist
}

// New makes a Catalogue that knows nothing yet.
func New(o Options) *Catalogue {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return &Catalogue{cloud: o.Cloud, clock: o.Clock}
}

// Check is nil when nothing speaks against a machine of that shape, a *Refusal when the cloud would refuse it, and
// the cloud's error when it could not be asked.
func (c *Catalogue) Check(ctx context.Context, shape Shape) error {
	err := c.check(ctx, shape, keep)
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	return c.check(ctx, shape, doubt)
}

func (c *Catalogue) check(ctx context.Context, shape Shape, maxAge time.Duration) error {
	sizes, err := c.sizes.recall(ctx, c.clock.Now, "", maxAge, c.cloud.Sizes)
	if err != nil {
		return err
	}
	size, err := shape.size(sizes)
	if err != nil || shape.Image == "" {
		return err
	}
	image, err := c.images.recall(ctx, c.clock.Now, shape.Image, maxAge,
		func(ctx context.Context) (*cloud.Image, error) { return c.readImage(ctx, shape.Image) })
	if err != nil {
		return err
	}
	return shape.image(image, size)
}

// HourlyMicroUSD is what a machine of the size costs in micro-USD an hour, without backups; 0 for a size that does not
// exist.
func (c *Catalogue) HourlyMicroUSD(ctx context.Context, size string) (int64, error) {
	sizes, err := c.sizes.recall(ctx, c.clock.Now, "", keep, c.cloud.Sizes)
	if err != nil {
		return 0, err
	}
	for i := range sizes {
		if sizes[i].Slug == size {
			return sizes[i].HourlyPriceMicros, nil
		}
	}
	return 0, nil
}

// readImage is nil for an image that does not exist.
func (c *Catalogue) readImage(ctx context.Context, slug string) (*cloud.Image, error) {
	image, err := c.cloud.Image(ctx, slug)
	if err == nil {
		return &image, nil
	}
	return nil, cloud.IgnoreNotFound(err)
}
