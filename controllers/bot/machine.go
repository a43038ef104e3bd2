// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
)

// machine is the step that owns condition DropletReady: the Bot's one Droplet exists and is Ready, and its machine is
// set up, or the Bot hibernates and has none.
type machine struct {
	client    client.Client
	live      client.Reader
	names     *names
	snapshots *snapshots
	redeploy  *redeploy
	// deliveries is nil when machines are not talked to.
	deliveries *deliveries
}

// Reconcile looks after the Droplet the Bot has, or gives it one.
func (m *machine) Reconcile(ctx context.Context, s *scope) (reconcile.Result, error) {
	if s.bot.Status.DropletName == "" {
		return m.allocate(ctx, s)
	}
	droplet, err := m.current(ctx, s.bot)
	switch {
	case apierrors.IsNotFound(err) && (s.bot.Status.InstanceID != 0 || isHibernated(s.bot)):
		// The machine has lived and is gone: the next one is another machine, under another name.
		if err := m.deliveries.retire(ctx, s.bot.Status.DropletName); err != nil {
			return reconcile.Result{}, err
		}
		s.bot.Status.DropletName, s.bot.Status.InstanceID, s.bot.Status.PublicIPv4 = "", 0, ""
		s.bot.Status.SealKey = ""
		return m.allocate(ctx, s)
	case apierrors.IsNotFound(err):
		return m.create(ctx, s)
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("reading droplet %s: %w", s.bot.Status.DropletName, err)
	}
	s.droplet = droplet
	return m.lookAfter(ctx, s)
}

// current is the Droplet that the Bot names. Its absence from the cache is only believed when the API server says so
// too: acting on a cache that lags would give the Bot a second machine.
func (m *machine) current(ctx context.Context, bot *spawnv1.Bot) (*spawnv1.Droplet, error) {
	key := client.ObjectKey{Namespace: bot.Namespace, Name: bot.Status.DropletName}
	var droplet spawnv1.Droplet
	err := m.client.Get(ctx, key, &droplet)
	if apierrors.IsNotFound(err) {
		err = m.live.Get(ctx, key, &droplet)
	}
	return &droplet, err
}

// lookAfter mirrors back how the Droplet is, and brings it to what the Bot says.
func (m *machine) lookAfter(ctx context.Context, s *scope) (reconcile.Result, error) {
	bot, droplet := s.bot, s.droplet
	if droplet.Spec.BotRef.Name != bot.Name {
		s.set(status.False(spawnv1.DropletReadyCondition, spawnv1.NameTakenReason,
			"Droplet %s belongs to Bot %s; an administrator must clear status.dropletName of one of the two",
			droplet.Name, droplet.Spec.BotRef.Name))
		s.droplet = nil
		return reconcile.Result{}, nil
	}
	bot.Status.InstanceID, bot.Status.PublicIPv4 = droplet.Status.InstanceID, droplet.Status.PublicIPv4
	if bot.Status.SnapshotID == 0 {
		standsAlone(bot, droplet)
	}
	switch {
	case isHibernated(bot):
		return m.hibernate(ctx, s)
	case !droplet.DeletionTimestamp.IsZero():
		s.set(replacing(droplet))
		return reconcile.Result{}, nil
	case mustReplaceNow(bot, droplet, s.now):
		return reconcile.Result{}, m.replaceLost(ctx, s)
	}
	return m.keep(ctx, s)
}

// standsAlone notes that the machine of the Droplet is the Bot's last: no other is restored in its place.
func standsAlone(bot *spawnv1.Bot, droplet *spawnv1.Droplet) {
	created := droplet.CreatedAt()
	bot.Status.SnapshotID, bot.Status.MachineCreatedAt = 0, &created
}

// keep looks after a machine that is to stay: it is woken if it was about to hibernate, replaced when spec.redeployAt
// says so, and otherwise given what may change of it.
func (m *machine) keep(ctx context.Context, s *scope) (reconcile.Result, error) {
	bot, droplet := s.bot, s.droplet
	if id := snapshotOf(droplet); id != 0 && id == bot.Status.SnapshotID {
		if err := m.wake(ctx, s); err != nil {
			return reconcile.Result{}, err
		}
	}
	wait := redeployIn(bot, s.now)
	if redeployDue(bot, droplet.CreatedAt(), s.now) {
		if s.hindrance, wait = m.redeploy.hindrance(ctx, bot, s.now); wait == 0 {
			s.set(replacing(droplet))
			return reconcile.Result{}, discardUnkept(ctx, m.client, droplet)
		}
	}
	if err := m.mirror(ctx, bot, droplet); err != nil {
		return reconcile.Result{}, err
	}
	ready, err := m.setUp(ctx, s, dropletReadyCondition(bot, droplet))
	if err != nil {
		return reconcile.Result{}, err
	}
	s.set(ready)
	result := reconcile.Result{RequeueAfter: wait}
	if bot.Status.SnapshotID != 0 && runs(droplet) {
		return soonestOf(result, m.dropSnapshot(ctx, s)), nil
	}
	return m.dropletOfLostSnapshot(ctx, s, result)
}

// mirror writes down to the Droplet what of its spec may change. A snapshot is asked for only once an earlier one is
// out of the way: what it reports then was taken since.
func (m *machine) mirror(ctx context.Context, bot *spawnv1.Bot, droplet *spawnv1.Droplet) error {
	return change(ctx, m.client, droplet, func(spec *spawnv1.DropletSpec) {
		before := spec.Snapshot
		mirrorTo(bot, spec)
		if before != spawnv1.SwitchEnabled && droplet.Status.Snapshot != nil {
			spec.Snapshot = before
		}
	})
}

// replaceLost has a Droplet replaced that can never become the Bot's machine. What snapshot there is of it is kept, to
// restore it from.
func (m *machine) replaceLost(ctx context.Context, s *scope) error {
	bot, droplet := s.bot, s.droplet
	if !isAdmitted(bot) {
		s.set(dropletReadyCondition(bot, droplet))
		return nil
	}
	s.set(replacing(droplet))
	if snapshotOf(droplet) == 0 || droplet.Spec.Snapshot != spawnv1.SwitchEnabled {
		return discardUnkept(ctx, m.client, droplet)
	}
	if err := m.storeSnapshot(ctx, s); err != nil {
		return err
	}
	return discard(ctx, m.client, droplet)
}

// runs tells whether the machine exists and has booted once.
func runs(droplet *spawnv1.Droplet) bool {
	state := cloud.State(droplet.Status.State)
	return status.IsTrue(droplet, spawnv1.ExistsCondition) && (state == cloud.StateActive || state == cloud.StateOff)
}

// discard asks for the deletion of a Droplet, this one and no other of its name. Its finalizer sees to the instance.
func discard(ctx context.Context, c client.Client, droplet *spawnv1.Droplet) error {
	if !droplet.DeletionTimestamp.IsZero() {
		return nil
	}
	log.FromContext(ctx).Info("deleting droplet", "droplet", droplet.Name)
	err := c.Delete(ctx, droplet, client.Preconditions{UID: &droplet.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting droplet %s: %w", droplet.Name, err)
	}
	return nil
}

// discardUnkept is discard of a Droplet of whose machine nothing is kept.
func discardUnkept(ctx context.Context, c client.Client, droplet *spawnv1.Droplet) error {
	if err := change(ctx, c, droplet, forgoSnapshot); err != nil {
		return client.IgnoreNotFound(err)
	}
	return discard(ctx, c, droplet)
}

// soonestOf is the result that looks again first.
func soonestOf(result reconcile.Result, in time.Duration) reconcile.Result {
	if in > 0 && (result.RequeueAfter == 0 || in < result.RequeueAfter) {
		result.RequeueAfter = in
	}
	return result
}
