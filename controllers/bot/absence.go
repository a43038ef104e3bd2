// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/index"
)

const (
	// absentFor is how far apart two live reads must be that do not find a Bot, before its Droplets are deleted.
	absentFor = 10 * time.Minute
	// restoredWithin is how long a Droplet that has never asked for an instance is left to its Bot: backup tools restore
	// objects without status and in any order, and people take a day to notice what is missing.
	restoredWithin = 24 * time.Hour
	// watching is what the reporter of an event about absence was doing.
	watching = "WatchBots"
)

// absence deletes the Droplets whose Bot does not exist: its finalizer was taken off by force, so nobody has deleted
// them. It remembers in memory since when a Bot has been absent, so a restart only delays it.
type absence struct {
	client   client.Client
	live     client.Reader
	clock    clock.PassiveClock
	recorder events.EventRecorder
	meters   meters

	mu    sync.Mutex // guards what follows
	since map[types.NamespacedName]time.Time
	told  bool // that the breaker is open
}

func newAbsence(o Options) *absence {
	return &absence{
		client: o.Client, live: o.Live, clock: o.Clock, recorder: o.Recorder, meters: newMeters(),
		since: map[types.NamespacedName]time.Time{},
	}
}

// Reconcile is called for a Bot that the cache does not have. Events of its Droplets bring us here.
func (a *absence) Reconcile(ctx context.Context, key types.NamespacedName) (reconcile.Result, error) {
	droplets, err := a.left(ctx, key)
	if err != nil || len(droplets) == 0 {
		a.forget(key)
		return reconcile.Result{}, err
	}
	switch err := a.live.Get(ctx, key, &spawnv1.Bot{}); {
	case err == nil:
		a.forget(key) // the cache lags: its event comes
		return reconcile.Result{}, nil
	case !apierrors.IsNotFound(err):
		return reconcile.Result{}, fmt.Errorf("looking for an absent bot: %w", err)
	}
	now := a.clock.Now()
	if wait := absentFor - now.Sub(a.firstSeen(key, now)); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	open, err := a.breaks(ctx, droplets)
	if err != nil || open {
		return reconcile.Result{RequeueAfter: absentFor}, err
	}
	result := reconcile.Result{}
	for i := range droplets {
		wait, err := a.remove(ctx, key, &droplets[i], now)
		if err != nil {
			return reconcile.Result{}, err
		}
		result = soonestOf(result, wait)
	}
	return result, nil
}

// left are the Droplets of a Bot that are not being deleted yet.
func (a *absence) left(ctx context.Context, key types.NamespacedName) ([]spawnv1.Droplet, error) {
	var droplets spawnv1.DropletList
	err := a.client.List(ctx, &droplets, client.InNamespace(key.Namespace),
		client.MatchingFields{index.DropletBot: key.Name})
	if err != nil {
		return nil, fmt.Errorf("listing the droplets of an absent bot: %w", err)
	}
	var left []spawnv1.Droplet
	for _, droplet := range droplets.Items {
		if droplet.DeletionTimestamp.IsZero() {
			left = append(left, droplet)
		}
	}
	return left, nil
}

// remove deletes a Droplet after a fresh look at it, or says how long it is left to a Bot that may be restored yet.
func (a *absence) remove(
	ctx context.Context, key types.NamespacedName, droplet *spawnv1.Droplet, now time.Time,
) (wait time.Duration, err error) {
	var fresh spawnv1.Droplet
	err = a.live.Get(ctx, client.ObjectKeyFromObject(droplet), &fresh)
	switch {
	case apierrors.IsNotFound(err):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("reading droplet %s: %w", droplet.Name, err)
	case fresh.UID != droplet.UID || fresh.Spec.BotRef.Name != key.Name:
		return 0, nil
	}
	if wait := mayBeRestored(&fresh, now); wait > 0 {
		return wait, nil
	}
	a.recorder.Eventf(&fresh, nil, corev1.EventTypeWarning, spawnv1.BotAbsentReason, watching,
		"Bot %s does not exist, for more than %s; the machine is destroyed", key.Name, absentFor)
	return 0, discard(ctx, a.client, &fresh)
}

// mayBeRestored is how long a Droplet is still left to a Bot that may be restored after it.
func mayBeRestored(droplet *spawnv1.Droplet, now time.Time) time.Duration {
	if droplet.Status.Attempt != nil || droplet.Status.InstanceID != 0 {
		return 0
	}
	return max(restoredWithin-now.Sub(droplet.CreationTimestamp.Time), 0)
}

// breaks tells whether so many Bots are absent that it is rather we who do not see them, or somebody who restores them:
// then nothing is deleted, and it is said once.
func (a *absence) breaks(ctx context.Context, droplets []spawnv1.Droplet) (bool, error) {
	c, err := a.count(ctx)
	if err != nil {
		return false, err
	}
	open := c.isMass()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.meters.open(open)
	if open && !a.told {
		a.recorder.Eventf(&droplets[0], nil, corev1.EventTypeWarning, spawnv1.MassAbsenceReason, watching,
			"%d of %d Droplets have no Bot, and there are %d Bots; none of these Droplets is deleted before the Bots are "+
				"back, or the Droplets are deleted by hand", c.absent, c.droplets, c.bots)
	}
	a.told = open
	return open, nil
}

// census is how many there are in the cache.
type census struct{ bots, droplets, absent int }

// isMass is false only for a few absent Bots among many.
func (c census) isMass() bool {
	const few, percent, most = 5, 2, 20
	switch {
	case c.bots == 0:
		return true
	case c.absent > max(few, c.droplets*percent/100):
		return true
	}
	return c.absent > 1 && c.absent*100 > c.droplets*most
}

func (a *absence) count(ctx context.Context) (census, error) {
	var bots spawnv1.BotList
	if err := a.client.List(ctx, &bots, client.UnsafeDisableDeepCopy); err != nil {
		return census{}, fmt.Errorf("counting bots: %w", err)
	}
	var droplets spawnv1.DropletList
	if err := a.client.List(ctx, &droplets, client.UnsafeDisableDeepCopy); err != nil {
		return census{}, fmt.Errorf("counting droplets: %w", err)
	}
	present := make(map[types.NamespacedName]bool, len(bots.Items))
	for i := range bots.Items {
		present[client.ObjectKeyFromObject(&bots.Items[i])] = true
	}
	c := census{bots: len(bots.Items), droplets: len(droplets.Items)}
	for i := range droplets.Items {
		d := &droplets.Items[i]
		if !present[types.NamespacedName{Namespace: d.Namespace, Name: d.Spec.BotRef.Name}] {
			c.absent++
		}
	}
	return c, nil
}

// firstSeen is since when the Bot has been absent.
func (a *absence) firstSeen(key types.NamespacedName, now time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.since[key]; !known {
		a.since[key] = now
	}
	a.meters.absent(len(a.since))
	return a.since[key]
}

// forget is for a Bot that exists, or has left nothing behind.
func (a *absence) forget(key types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.since, key)
	a.meters.absent(len(a.since))
	if len(a.since) == 0 {
		a.told = false
		a.meters.open(false)
	}
}
