// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
)

// hibernate has the Droplet take a snapshot of its machine, stores which one it is, and only then has the machine
// destroyed. The Droplet of a machine that is deleted by other means is asked for one too.
func (m *machine) hibernate(ctx context.Context, s *scope) (reconcile.Result, error) {
	bot, droplet := s.bot, s.droplet
	s.set(hibernating(bot, droplet))
	if skipsSnapshot(bot) || holdsNothing(droplet) {
		return reconcile.Result{}, client.IgnoreNotFound(discardUnkept(ctx, m.client, droplet))
	}
	if err := m.mirror(ctx, bot, droplet); err != nil {
		return reconcile.Result{}, err
	}
	s.set(hibernating(bot, droplet))
	if snapshotOf(droplet) == 0 || droplet.Spec.Snapshot != spawnv1.SwitchEnabled {
		return reconcile.Result{}, nil
	}
	if old := bot.Status.SnapshotID; old != 0 && old != snapshotOf(droplet) {
		// The machine was restored from it, and there is a newer one by now.
		if wait := m.destroySnapshot(ctx, s); wait > 0 {
			return reconcile.Result{RequeueAfter: wait}, nil
		}
	}
	if err := m.storeSnapshot(ctx, s); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{}, discard(ctx, m.client, droplet)
}

// snapshotOf is the snapshot that was taken of the Droplet's machine and seen to exist, 0 when there is none.
func snapshotOf(droplet *spawnv1.Droplet) int64 {
	if droplet.Status.Snapshot == nil {
		return 0
	}
	return droplet.Status.Snapshot.ID
}

// holdsNothing tells whether no snapshot can be taken of the Droplet's machine: it is gone, or was provably never
// created.
func holdsNothing(droplet *spawnv1.Droplet) bool {
	if snapshotOf(droplet) != 0 {
		return false
	}
	return status.Reason(droplet, spawnv1.ExistsCondition) == spawnv1.InstanceLostReason || neverCreated(droplet)
}

// storeSnapshot writes down which snapshot the Bot is to be restored from, before anything is destroyed.
func (m *machine) storeSnapshot(ctx context.Context, s *scope) error {
	if s.bot.Status.SnapshotID == snapshotOf(s.droplet) {
		return nil
	}
	standsAlone(s.bot, s.droplet)
	s.bot.Status.SnapshotID = snapshotOf(s.droplet)
	s.stillToJudge()
	return s.save(ctx)
}

// wake ends a hibernation before the machine was destroyed. That the snapshot is not the Bot's any more is stored
// before the Droplet is told to destroy it.
func (m *machine) wake(ctx context.Context, s *scope) error {
	standsAlone(s.bot, s.droplet)
	s.set(dropletReadyCondition(s.bot, s.droplet))
	s.stillToJudge()
	return s.save(ctx)
}

// dropSnapshot destroys the snapshot that the Bot does not need any more, because a machine runs. It is tried until it
// is done, and nothing waits for it. The result is when to try again.
func (m *machine) dropSnapshot(ctx context.Context, s *scope) time.Duration {
	wait := m.destroySnapshot(ctx, s)
	if wait == 0 {
		standsAlone(s.bot, s.droplet)
	}
	return wait
}

func (m *machine) destroySnapshot(ctx context.Context, s *scope) (again time.Duration) {
	err := m.snapshots.destroy(ctx, s.bot, s.bot.Status.SnapshotID)
	if err == nil {
		return 0
	}
	log.FromContext(ctx).Info("a snapshot that is not needed any more was not destroyed yet",
		"snapshotID", s.bot.Status.SnapshotID, "error", err.Error())
	return max(cloud.RetryAfter(err), listedAgain)
}

// sleep is for a Bot that should hibernate and names no machine. One whose snapshot is not known, as after a restore
// without status, looks for an instance that nobody claims, which it then hibernates, and for the newest of its
// snapshots.
func (m *machine) sleep(ctx context.Context, s *scope) (reconcile.Result, error) {
	bot := s.bot
	known := status.Reason(bot, spawnv1.DropletReadyCondition)
	switch {
	case bot.Status.SnapshotID != 0 && known == spawnv1.SnapshotLostReason:
		s.set(*status.Get(bot, spawnv1.DropletReadyCondition))
		return reconcile.Result{}, nil
	case bot.Status.SnapshotID != 0, known == spawnv1.HibernatedReason:
		return m.asleep(s)
	case !isAdmitted(bot):
		return m.takeLeft(ctx, s)
	}
	name, listed, err := m.names.unclaimedOf(ctx, bot)
	switch {
	case err != nil:
		return reconcile.Result{}, err
	case !listed:
		return m.waitForInventory(s), nil
	case name != "":
		return m.take(ctx, s, name)
	}
	own, err := m.snapshots.own(ctx, bot)
	if err != nil {
		s.set(unlisted(err, "the snapshots cannot be listed, to see what the Bot is restored from"))
		return reconcile.Result{RequeueAfter: max(cloud.RetryAfter(err), listedAgain)}, nil
	}
	if len(own) > 0 {
		bot.Status.SnapshotID = own[0].ID
		bot.Status.MachineCreatedAt = secondOf(own[0].CreatedAt)
	}
	return m.asleep(s)
}

func (m *machine) asleep(s *scope) (reconcile.Result, error) {
	m.names.forget(client.ObjectKeyFromObject(s.bot))
	s.set(hibernated(s.bot))
	return reconcile.Result{}, nil
}
