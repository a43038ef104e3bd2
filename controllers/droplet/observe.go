// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/status"
)

const (
	// pollWhileNew is how often a booting instance is looked at; booting takes about half a minute.
	pollWhileNew = 5 * time.Second
	// pollPatience is how long a booting instance is looked at by itself; after that the passes over the fleet do.
	pollPatience = 10 * time.Minute
	// listLag is how long an instance may be missing from a list by tag although it exists: lists lag behind creation,
	// and tags come later still.
	listLag = time.Minute
	// lossInterval separates the two answers that it takes to call an instance lost.
	lossInterval = 30 * time.Second
	// massLossFloor and massLossShare: more instances than the larger of 5 and 2 % of the fleet, or all of it, do not
	// vanish in one pass unless it is we who cannot see.
	massLossFloor = 5
	massLossShare = 0.02
)

// observe looks after an instance whose id is known: from the last pass over the fleet when that can tell, and by
// asking for this one instance while it boots or when it is missing.
func (e *existence) observe(ctx context.Context, s *scope) (reconcile.Result, error) {
	if action := s.droplet.Status.Action; action != nil && action.RetryAt == nil &&
		status.IsTrue(s.droplet, spawnv1.ExistsCondition) {
		// Whoever follows the operation looks at the instance when there is something to see.
		s.keep(spawnv1.ExistsCondition)
		return reconcile.Result{}, nil
	}
	if done := e.fromPass(s); done {
		return e.thinOut(ctx, s)
	}
	instance, err := e.cloud.For(accountOf(s.droplet), botOf(s.droplet)).Get(ctx, s.droplet.Status.InstanceID)
	if cloud.IsNotFound(err) {
		return e.missing(ctx, s)
	}
	if err != nil {
		return e.troubled(s, err)
	}
	e.foundNow(s, instance)
	return reconcile.Result{RequeueAfter: pollIn(s)}, nil
}

// fromPass reads the instance from the last pass over the fleet. It is false when the pass should have shown it and did
// not, while the instance boots, unless the pass has seen it booted, and when nobody has looked since the spec changed.
// What is recorded stands when there is no pass yet, or one from before what is recorded: an instance that has booted
// is never new again.
func (e *existence) fromPass(s *scope) bool {
	pass, ok := e.inventory.Latest()
	if ok && !e.sightings.outdates(s.droplet.Status.InstanceID, pass.StartedAt) {
		instance, listed := pass.ByID(s.droplet.Status.InstanceID)
		switch {
		case listed && instance.State != cloud.StateNew:
			e.found(s, instance)
			return true
		case !listed && !tooYoungToMiss(s.droplet, pass.StartedAt):
			return false
		}
	}
	if isBooting(s.droplet) || !speaksOfSpec(s.droplet) {
		return false
	}
	s.keep(spawnv1.ExistsCondition)
	return true
}

// speaksOfSpec tells whether the instance was compared with the present spec, so that what is recorded can stand.
func speaksOfSpec(droplet *spawnv1.Droplet) bool {
	c := status.Get(droplet, spawnv1.AsSpecifiedCondition)
	return c != nil && c.Status != metav1.ConditionUnknown && c.ObservedGeneration == droplet.Generation
}

// tooYoungToMiss tells whether a pass began too early for the instance to be expected in it.
func tooYoungToMiss(droplet *spawnv1.Droplet, passStartedAt time.Time) bool {
	attempt := droplet.Status.Attempt
	return attempt != nil && passStartedAt.Before(attempt.StartedAt.Add(listLag))
}

func isBooting(droplet *spawnv1.Droplet) bool {
	return droplet.Status.State == "" || droplet.Status.State == string(cloud.StateNew)
}

// found records what the cloud says about the instance.
func (e *existence) found(s *scope, instance cloud.Instance) {
	recorded := &s.droplet.Status
	recorded.InstanceID = instance.ID
	if recorded.Attempt != nil {
		recorded.Attempt.State = spawnv1.AttemptDone
	}
	recorded.State = string(instance.State)
	recorded.PublicIPv4, recorded.PrivateIPv4 = instance.PublicIPv4, instance.PrivateIPv4
	recorded.PublicIPv6 = instance.PublicIPv6
	recorded.HourlyPriceMicros = instance.HourlyPriceMicros
	settleSize(s.droplet, instance)
	s.instance = &instance
	s.exists(status.True, spawnv1.InstanceFoundReason, "instance %d exists", instance.ID)
}

// foundNow records what the cloud says about the instance in an answer of this moment. Passes that began before it no
// longer count.
func (e *existence) foundNow(s *scope, instance cloud.Instance) {
	e.sightings.note(instance.ID, e.clock.Now())
	e.found(s, instance)
	s.fresh = true
}

// missing weighs an answer that there is no such instance: a newborn can be invisible, and one answer proves nothing.
func (e *existence) missing(ctx context.Context, s *scope) (reconcile.Result, error) {
	id := s.droplet.Status.InstanceID
	was := status.Get(s.droplet, spawnv1.ExistsCondition)
	if was == nil || (was.Reason != spawnv1.InstanceNotVisibleReason && was.Reason != spawnv1.MassLossReason &&
		was.Reason != spawnv1.InstanceLostReason) {
		// The interval begins with this answer, whatever had made the condition Unknown before it.
		status.Remove(s.droplet, spawnv1.ExistsCondition)
		s.exists(status.Unknown, spawnv1.InstanceNotVisibleReason,
			"DigitalOcean does not find instance %d; looking again before it is called lost", id)
		return reconcile.Result{RequeueAfter: lossInterval}, nil
	}
	if was.Reason == spawnv1.InstanceLostReason {
		s.keep(spawnv1.ExistsCondition)
		return reconcile.Result{}, nil
	}
	if wait := lossInterval - s.now.Sub(was.LastTransitionTime.Time); wait > 0 || e.mayBeNewborn(s) {
		s.keep(spawnv1.ExistsCondition)
		return reconcile.Result{RequeueAfter: max(wait, lossInterval/6)}, nil
	}
	lost, known, err := e.countLost(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	if isMassLoss(lost, known) {
		s.exists(status.Unknown, spawnv1.MassLossReason, "%d of %d instances are missing at once and none is replaced: "+
			"check the token and its team; delete the Droplets of instances that are really gone", lost, known)
		return reconcile.Result{RequeueAfter: time.Minute}, nil
	}
	return e.lost(ctx, s)
}

// lost calls an instance lost, once it is known which snapshot of it there is.
func (e *existence) lost(ctx context.Context, s *scope) (reconcile.Result, error) {
	id := s.droplet.Status.InstanceID
	if err := e.rescueSnapshot(ctx, s); err != nil {
		s.keep(spawnv1.ExistsCondition)
		return reconcile.Result{RequeueAfter: max(lookTroubleOf(err, s.now).wait, busyPause)}, nil
	}
	log.FromContext(ctx).Info("instance is lost", "instanceID", id)
	s.exists(status.False, spawnv1.InstanceLostReason, "instance %d is gone, and open-spawn did not destroy it", id)
	return reconcile.Result{}, nil
}

func (e *existence) mayBeNewborn(s *scope) bool {
	attempt := s.droplet.Status.Attempt
	return isBooting(s.droplet) && attempt != nil && s.now.Before(attempt.StartedAt.Add(e.settle))
}

// countLost counts the Droplets that should have an instance, and those of them that the last pass should have shown
// and did not. What a Droplet that is being deleted misses, we have destroyed.
func (e *existence) countLost(ctx context.Context) (lost, known int, err error) {
	pass, ok := e.inventory.Latest()
	if !ok {
		return 0, 0, fmt.Errorf("no complete pass over the fleet yet")
	}
	var droplets spawnv1.DropletList
	if err := e.client.List(ctx, &droplets, client.UnsafeDisableDeepCopy); err != nil {
		return 0, 0, fmt.Errorf("listing droplets: %w", err)
	}
	for i := range droplets.Items {
		droplet := &droplets.Items[i]
		if droplet.Status.InstanceID == 0 || !droplet.DeletionTimestamp.IsZero() {
			continue
		}
		known++
		if _, listed := pass.ByID(droplet.Status.InstanceID); !listed && !tooYoungToMiss(droplet, pass.StartedAt) {
			lost++
		}
	}
	return lost, known, nil
}

// isMassLoss also holds when a whole fleet of two or more is missing: that is what a token of another team shows.
func isMassLoss(lost, known int) bool {
	return lost > max(massLossFloor, int(massLossShare*float64(known))) || (lost == known && known > 1)
}

// pollIn is how soon to look at the instance again; 0 leaves it to the passes over the fleet.
func pollIn(s *scope) time.Duration {
	attempt := s.droplet.Status.Attempt
	if s.droplet.Status.State != string(cloud.StateNew) || attempt == nil ||
		s.now.After(attempt.StartedAt.Add(pollPatience)) {
		return 0
	}
	return pollWhileNew
}

// owns tells whether the instance may be destroyed on behalf of the Droplet: it bears its name and the fleet's tag.
func (e *existence) owns(droplet *spawnv1.Droplet, instance cloud.Instance) bool {
	return instance.Name == droplet.Name && instance.HasTag(identity.FleetTag(e.fleet))
}
