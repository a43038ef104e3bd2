// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/status"
)

const (
	// fleetingWait is how long a wait for a pass over the fleet is not written down; most are over in a second or two.
	fleetingWait = 3 * time.Second
	// listedAgain is how often a Bot looks whether the fleet can be listed again.
	listedAgain = 10 * time.Second
)

// allocate gives the Bot a machine name, unless it hibernates without a machine.
func (m *machine) allocate(ctx context.Context, s *scope) (reconcile.Result, error) {
	name, err := m.owned(ctx, s.bot)
	if err != nil {
		return reconcile.Result{}, err
	}
	if name == "" && isHibernated(s.bot) {
		return m.sleep(ctx, s)
	}
	if name == "" && !isAdmitted(s.bot) {
		return m.takeLeft(ctx, s)
	}
	if name == "" {
		if name, err = m.names.find(ctx, s.bot); err != nil {
			return reconcile.Result{}, err
		}
	}
	if name == "" {
		return m.waitForInventory(s), nil
	}
	return m.take(ctx, s, name)
}

// takeLeft is for a Bot that is not admitted and names no machine. It gets no new name; but one of its instances that
// nobody claims is its machine all the same, which its deletion must find and which counts for its Account. No request
// for another can come of that: the Droplet's controller makes none without the Bot's slot.
func (m *machine) takeLeft(ctx context.Context, s *scope) (reconcile.Result, error) {
	name, listed, err := m.names.unclaimedOf(ctx, s.bot)
	switch {
	case err != nil:
		return reconcile.Result{}, err
	case name != "":
		return m.take(ctx, s, name)
	case listed:
		m.names.answered(s.bot)
	}
	s.set(waitingForAdmission())
	return reconcile.Result{}, nil
}

// take stores the Bot's machine name, before a Droplet of that name is created.
func (m *machine) take(ctx context.Context, s *scope, name string) (reconcile.Result, error) {
	s.bot.Status.DropletName = name
	s.bot.Status.Incarnation++
	s.set(waitingForInstance(name))
	s.stillToJudge()
	if err := s.save(ctx); err != nil {
		return reconcile.Result{}, err
	}
	return m.create(ctx, s)
}

// waitForInventory says that the fleet is being listed, and why it cannot be when it cannot. A wait that may be over in
// a moment is not worth a write, unless the Bot says that it is Ready, as one does that has hibernated. The pass wakes
// us; a failure does not, so it is asked for.
func (m *machine) waitForInventory(s *scope) reconcile.Result {
	s.set(status.Unknown(spawnv1.DropletReadyCondition, spawnv1.WaitingForInventoryReason,
		"the fleet is being listed, to see that the Bot has no instance already"))
	if err := m.names.inventory.Failing(); err != nil {
		s.set(unlisted(err, "the fleet cannot be listed, so no machine is created"))
		return reconcile.Result{RequeueAfter: listedAgain}
	}
	s.fleeting = s.now.Sub(m.names.waitingSince(s.bot)) < fleetingWait && !status.IsTrue(s.bot, spawnv1.ReadyCondition)
	return reconcile.Result{RequeueAfter: fleetingWait}
}

// owned is the name of a Droplet that already says it is this Bot's, empty when there is none: the status of a Bot can
// be lost in a restore. The oldest that has an instance wins; while one is being deleted the Bot waits for it to be
// gone.
func (m *machine) owned(ctx context.Context, bot *spawnv1.Bot) (string, error) {
	var droplets spawnv1.DropletList
	err := m.client.List(ctx, &droplets, client.InNamespace(bot.Namespace),
		client.MatchingFields{index.DropletBot: bot.Name})
	if err != nil {
		return "", fmt.Errorf("listing the bot's droplets: %w", err)
	}
	var best *spawnv1.Droplet
	for i := range droplets.Items {
		if d := &droplets.Items[i]; mayTakeUp(bot, d) && (best == nil || precedes(d, best)) {
			best = d
		}
	}
	if best == nil {
		return "", nil
	}
	if bot.Status.SnapshotID == 0 {
		// It may be about to be restored from it, or have been: then the snapshot is to be destroyed once it runs.
		bot.Status.SnapshotID = best.Spec.SnapshotID
	}
	return best.Name, nil
}

// mayTakeUp tells whether a Droplet that a Bot does not name may become its machine. A Bot with a snapshot takes none
// that would begin a machine from elsewhere: the snapshot, which holds all that the Bot was, would be destroyed in
// favour of it.
func mayTakeUp(bot *spawnv1.Bot, droplet *spawnv1.Droplet) bool {
	return bot.Status.SnapshotID == 0 || droplet.Status.InstanceID != 0 || !droplet.DeletionTimestamp.IsZero() ||
		droplet.Spec.SnapshotID == bot.Status.SnapshotID
}

// precedes orders a Bot's Droplets: one being deleted first, because nothing may be created beside it, then one with an
// instance, then the older one.
func precedes(a, b *spawnv1.Droplet) bool {
	if x, y := !a.DeletionTimestamp.IsZero(), !b.DeletionTimestamp.IsZero(); x != y {
		return x
	}
	if x, y := a.Status.InstanceID != 0, b.Status.InstanceID != 0; x != y {
		return x
	}
	return a.CreationTimestamp.Before(&b.CreationTimestamp)
}

// create creates the Droplet of the name that the Bot's stored status has. For a Bot that is not admitted it does so
// only if a pass over the fleet shows an instance of that name, which then stays of the size that it has.
func (m *machine) create(ctx context.Context, s *scope) (reconcile.Result, error) {
	size := s.bot.Spec.Machine.Size
	if !isAdmitted(s.bot) {
		instance := m.names.instanceNamed(s.bot, s.bot.Status.DropletName)
		if instance == nil {
			s.set(waitingForAdmission())
			return reconcile.Result{}, nil
		}
		size = instance.Size
	}
	m.names.forget(client.ObjectKeyFromObject(s.bot))
	snapshot := restoresFrom(s.bot, s.now)
	if snapshot != 0 {
		if there, wait := m.restorable(ctx, s, snapshot); !there {
			return reconcile.Result{RequeueAfter: wait}, nil
		}
	}
	s.set(waitingForInstance(s.bot.Status.DropletName))
	droplet := newDroplet(s.bot, snapshot, s.now)
	droplet.Spec.Size = size
	if m.deliveries != nil {
		if err := m.deliveries.prepare(ctx, s.bot, droplet.Name); err != nil {
			return reconcile.Result{}, err
		}
		droplet.Spec.UserDataSecretName = droplet.Name
	}
	err := m.client.Create(ctx, droplet)
	switch {
	case apierrors.IsAlreadyExists(err):
		return reconcile.Result{}, nil // its own event brings us back
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return reconcile.Result{}, nil // the Bot is about to be deleted with its namespace
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("creating droplet %s: %w", droplet.Name, err)
	}
	log.FromContext(ctx).Info("created droplet", "droplet", droplet.Name, "snapshotID", snapshot)
	return reconcile.Result{}, nil
}
