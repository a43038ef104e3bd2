// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/finalizer"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/status"
)

const (
	// confirmedAfter is the wait between destroying snapshots and asking whether any is left.
	confirmedAfter = 2 * time.Second
	// deleting is what the reporter of an event about a deletion was doing.
	deleting = "Delete"
)

// finalize deletes the Bot's Droplet and, unless they are kept, its snapshots, gives its slot back when they are gone,
// and lets the Bot go.
// It reads no Secret and creates nothing, so it also works in a namespace that is being deleted.
type finalize struct {
	client    client.Client
	live      client.Reader
	recorder  events.EventRecorder
	snapshots *snapshots
	book      slots.Book
	// deliveries is nil when machines are not talked to.
	deliveries *deliveries
}

func newFinalize(o Options, snapshots *snapshots, deliveries *deliveries) *finalize {
	return &finalize{
		client: o.Client, live: o.Live, recorder: o.Recorder, snapshots: snapshots, deliveries: deliveries,
		book: slots.Book{Client: o.Client, Clock: o.Clock},
	}
}

// Reconcile makes the next move towards nothing; the Droplet's deletion wakes us.
func (f *finalize) Reconcile(ctx context.Context, s *scope) (reconcile.Result, error) {
	f.snapshots.forget(s.bot)
	// First of all: its machine may do nothing more with what it was given.
	if err := f.deliveries.retire(ctx, s.bot.Status.DropletName); err != nil {
		return reconcile.Result{}, err
	}
	droplets, err := f.droplets(ctx, s.bot)
	if err != nil {
		return reconcile.Result{}, err
	}
	for i := range droplets {
		if id := snapshotOf(&droplets[i]); id != 0 {
			s.bot.Status.SnapshotID = id // it may outlive the Droplet, which tells of it
		}
		if err := f.dismiss(ctx, s.bot, &droplets[i]); err != nil {
			return reconcile.Result{}, err
		}
	}
	if len(droplets) > 0 {
		reason, message := waitsFor(&droplets[0])
		status.NotReady(s.bot, s.now, reason, message)
		return reconcile.Result{}, nil
	}
	if wait := f.settleSnapshots(ctx, s); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	if err := f.release(ctx, s.bot); err != nil {
		return reconcile.Result{}, err
	}
	if err := finalizer.Remove(ctx, f.client, s.bot, spawnv1.BotFinalizer); err != nil {
		return reconcile.Result{}, err
	}
	log.FromContext(ctx).Info("bot is gone")
	s.gone = true
	return reconcile.Result{}, nil
}

// release gives the Bot's slot back, unless a machine of it was given up without a proof that it is gone: the account
// controller removes the slot when a pass over the fleet shows none. The Droplet's controller says so on the Bot before
// it lets the Droplet go, and the cache may not have been told yet, so the Bot is read anew.
func (f *finalize) release(ctx context.Context, bot *spawnv1.Bot) error {
	var fresh spawnv1.Bot
	if err := f.live.Get(ctx, client.ObjectKeyFromObject(bot), &fresh); err != nil {
		if apierrors.IsNotFound(err) {
			return nil // it was let go already
		}
		return fmt.Errorf("reading bot %s: %w", client.ObjectKeyFromObject(bot), err)
	}
	if given := fresh.Annotations[spawnv1.AbandonedAnnotation]; given != "" {
		log.FromContext(ctx).Info("the slot is kept until no instance is seen", "abandoned", given)
		return nil
	}
	return f.book.Release(ctx, bot.Spec.AccountRef.Name, bot)
}

// dismiss tells a Droplet what is kept of its machine, and deletes it. One that is being deleted already is told too.
func (f *finalize) dismiss(ctx context.Context, bot *spawnv1.Bot, droplet *spawnv1.Droplet) error {
	if err := f.deliveries.retire(ctx, droplet.Name); err != nil {
		return err
	}
	err := change(ctx, f.client, droplet, func(spec *spawnv1.DropletSpec) {
		if spec.DeletionPolicy = keptAfter(bot); spec.DeletionPolicy == spawnv1.DeletionPolicyDelete {
			forgoSnapshot(spec)
		}
	})
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	return discard(ctx, f.client, droplet)
}

// settleSnapshots tells of the snapshots that are kept, or destroys them all. The result is how long to wait before it
// is done.
func (f *finalize) settleSnapshots(ctx context.Context, s *scope) (wait time.Duration) {
	switch {
	case keptAfter(s.bot) == spawnv1.DeletionPolicySnapshot:
		f.tellOfKept(ctx, s.bot)
		return 0
	case s.bot.Status.SnapshotID == 0 && !isHibernated(s.bot):
		return 0
	}
	none, err := f.snapshots.destroyAll(ctx, s.bot)
	switch {
	case err != nil:
		c := unlisted(err, "the bot's snapshots are not destroyed yet")
		status.NotReady(s.bot, s.now, c.Reason, c.Message)
		return max(cloud.RetryAfter(err), listedAgain)
	case !none:
		status.NotReady(s.bot, s.now, spawnv1.DeletingReason, "waiting for the bot's snapshots to be gone")
		return confirmedAfter
	}
	return 0
}

// tellOfKept records an event that names what a deleted Bot leaves behind. Nothing waits for it.
func (f *finalize) tellOfKept(ctx context.Context, bot *spawnv1.Bot) {
	var kept []string
	own, err := f.snapshots.own(ctx, bot)
	switch {
	case err != nil && bot.Status.SnapshotID != 0:
		kept = append(kept, fmt.Sprint(bot.Status.SnapshotID))
	case err != nil:
		log.FromContext(ctx).Info("cannot tell which snapshots are kept", "error", err.Error())
	}
	for _, snapshot := range own {
		kept = append(kept, fmt.Sprintf("%d %q", snapshot.ID, snapshot.Name))
	}
	if len(kept) > 0 {
		f.recorder.Eventf(bot, nil, corev1.EventTypeNormal, spawnv1.SnapshotKeptReason, deleting,
			"kept, as spec.deletionPolicy says: snapshot %s", strings.Join(kept, ", "))
	}
}

// droplets are the Droplets that say they are this Bot's, and the one that the Bot says is its own, on a live read.
func (f *finalize) droplets(ctx context.Context, bot *spawnv1.Bot) ([]spawnv1.Droplet, error) {
	var found spawnv1.DropletList
	err := f.client.List(ctx, &found, client.InNamespace(bot.Namespace),
		client.MatchingFields{index.DropletBot: bot.Name})
	if err != nil {
		return nil, fmt.Errorf("listing the bot's droplets: %w", err)
	}
	if len(found.Items) > 0 || bot.Status.DropletName == "" {
		return found.Items, nil
	}
	var named spawnv1.Droplet
	err = f.live.Get(ctx, client.ObjectKey{Namespace: bot.Namespace, Name: bot.Status.DropletName}, &named)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading droplet %s: %w", bot.Status.DropletName, err)
	case named.Spec.BotRef.Name != bot.Name:
		return nil, nil
	}
	return []spawnv1.Droplet{named}, nil
}

// waitsFor is why the Bot is not gone yet: what its Droplet says when that needs a person, else that it is under way.
func waitsFor(droplet *spawnv1.Droplet) (reason, message string) {
	if ready := status.Get(droplet, spawnv1.ReadyCondition); ready != nil &&
		status.IsTrue(droplet, spawnv1.StalledCondition) && !droplet.DeletionTimestamp.IsZero() {
		return ready.Reason, ready.Message
	}
	return spawnv1.DeletingReason, "waiting for Droplet " + droplet.Name + " to be gone"
}
