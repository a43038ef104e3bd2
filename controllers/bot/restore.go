// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
)

// restorable tells whether the snapshot that the Bot is restored from exists. When it does not, DropletReady says so,
// or that it is looked for again, and wait is when. A snapshot that is lost is not looked for before the spec changes,
// and never replaced by the image without being told: the Bot's memory was in it.
func (m *machine) restorable(ctx context.Context, s *scope, id int64) (there bool, wait time.Duration) {
	known := status.Get(s.bot, spawnv1.DropletReadyCondition)
	if known != nil && known.Reason == spawnv1.SnapshotLostReason && known.ObservedGeneration == s.bot.Generation {
		s.set(*known)
		return false, redeployIn(s.bot, s.now)
	}
	found, since, err := m.snapshots.exists(ctx, s.bot, id, s.now)
	switch missing := s.now.Sub(since); {
	case err != nil:
		s.set(unlisted(err, "the snapshots cannot be listed, to restore the Bot from snapshot %d", id))
		return false, max(cloud.RetryAfter(err), listedAgain)
	case found:
		return true, 0
	case missing < lostAfter:
		s.set(status.Unknown(spawnv1.DropletReadyCondition, spawnv1.WaitingForInstanceReason,
			"DigitalOcean does not list snapshot %d, which the Bot is restored from; looking again", id))
		return false, lostAfter - missing
	}
	s.set(status.False(spawnv1.DropletReadyCondition, spawnv1.SnapshotLostReason,
		"snapshot %d, which the Bot is restored from, does not exist any more; set spec.redeployAt to now, or to any time "+
			"after %s, to begin from the image without what was on its disk", id, clockOf(s.bot.Status.MachineCreatedAt)))
	return false, redeployIn(s.bot, s.now)
}

// dropletOfLostSnapshot discards a Droplet whose creation was refused and whose snapshot is not there: without it, the
// Bot looks for the snapshot, and says that it is lost.
func (m *machine) dropletOfLostSnapshot(
	ctx context.Context, s *scope, otherwise reconcile.Result,
) (reconcile.Result, error) {
	id := s.droplet.Spec.SnapshotID
	if id == 0 || !neverCreated(s.droplet) || s.droplet.Status.Attempt.RetryAt != nil {
		return otherwise, nil
	}
	found, _, err := m.snapshots.exists(ctx, s.bot, id, s.now)
	if err != nil {
		log.FromContext(ctx).Info("cannot look for the snapshot of a refused droplet", "error", err.Error())
		return soonestOf(otherwise, max(cloud.RetryAfter(err), listedAgain)), nil
	}
	if found {
		return otherwise, nil
	}
	s.set(replacing(s.droplet))
	return otherwise, discardUnkept(ctx, m.client, s.droplet)
}

func clockOf(t *metav1.Time) string {
	if t == nil {
		return "its creation"
	}
	return t.UTC().Format(time.RFC3339)
}

func secondOf(t time.Time) *metav1.Time {
	second := metav1.NewTime(t.Truncate(time.Second))
	return &second
}
