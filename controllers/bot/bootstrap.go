// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

// setUp is what condition DropletReady says of a machine that runs: it is Ready once it is set up, too, as far as it
// says. Nothing is known of that before it has registered. It reads the letter, which the steps after it go on with.
func (m *machine) setUp(ctx context.Context, s *scope, ready condition) (condition, error) {
	if m.deliveries == nil {
		return ready, nil
	}
	var err error
	if s.letter, err = m.deliveries.read(ctx, s.bot, s.droplet.Name); err != nil {
		return ready, err
	}
	if ready.Reason != spawnv1.DropletReadyReason || s.letter.presence == nil {
		return ready, nil
	}
	step := s.letter.presence.Facts.Bootstrap
	switch {
	case step == nil:
		return ready, nil
	case step.Failed:
		return status.False(ready.Type, spawnv1.BootstrapFailedReason,
			"setting up machine %s, step %q has failed and is tried again: %s", s.droplet.Name, step.Name,
			wordsOf(step.Message)), nil
	}
	return status.Unknown(ready.Type, spawnv1.BootstrappingReason,
		"machine %s is being set up, and is at step %q", s.droplet.Name, step.Name), nil
}
