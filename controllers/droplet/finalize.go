// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/finalizer"
	"github.com/cedros-io/open-spawn/internal/status"
)

const (
	// goneCheck is the wait between asking for the destruction and asking whether it happened.
	goneCheck = 2 * time.Second
	// destroyAgain is how long a destruction may go unobeyed before it is asked for again: a request for an instance
	// that was still new can be accepted and forgotten.
	destroyAgain = 60 * time.Second
)

// finalize destroys the instance and lets the Droplet go when the cloud has said twice over that nothing is left: by id
// and by name. It reads no Secret and creates nothing, so it also works in a namespace that is being deleted.
type finalize struct {
	*operations
	destructions *destructions
}

// Reconcile makes the next move towards nothing. A create whose reply was lost is resolved first.
func (f *finalize) Reconcile(ctx context.Context, s *scope) (reconcile.Result, error) {
	recorded := s.droplet.Status
	switch {
	case recorded.InstanceID != 0:
		return f.destroy(ctx, s)
	case recorded.Attempt != nil && recorded.Attempt.State == spawnv1.AttemptPending:
		result, err := f.resolve(ctx, s)
		if s.droplet.Status.InstanceID != 0 && err == nil {
			result.RequeueAfter = soon
		}
		return result, err
	}
	return f.confirm(ctx, s, f.urgent(s.droplet))
}

// destroy asks for the destruction of the instance, if a fresh look shows that it is the Droplet's own, until it is
// gone.
func (f *finalize) destroy(ctx context.Context, s *scope) (reconcile.Result, error) {
	room, err := f.cloud.ForRemoval(accountOf(s.droplet), botOf(s.droplet))
	if err != nil {
		return f.troubled(s, err)
	}
	defer room.Release()
	return f.destroyWithin(ctx, s, room)
}

func (f *finalize) destroyWithin(ctx context.Context, s *scope, room *budget.Room) (reconcile.Result, error) {
	id := s.droplet.Status.InstanceID
	instance, err := room.Get(ctx, id)
	switch {
	case cloud.IsNotFound(err):
		return f.notFound(ctx, s, room)
	case err != nil:
		return f.troubled(s, err)
	case !f.owns(s.droplet, instance):
		return f.notOurs(s, instance)
	}
	asked := s.droplet.Status.DestroyRequestedAt
	if asked == nil {
		if result, wait, err := f.mayGo(ctx, s, instance); wait || err != nil {
			return result, err
		}
	}
	s.exists(status.True, spawnv1.DestroyingReason, "instance %d is being destroyed", id)
	if asked != nil && s.now.Sub(asked.Time) < destroyAgain {
		return reconcile.Result{RequeueAfter: goneCheck}, nil
	}
	if err := cloud.IgnoreNotFound(room.Delete(ctx, id)); err != nil {
		s.exists(status.True, spawnv1.DestroyingReason, "instance %d is not destroyed yet: %s",
			id, lookTroubleOf(err, s.now).message)
		return f.troubled(s, err)
	}
	log.FromContext(ctx).Info("asked for the destruction of the instance", "instanceID", id, "again", asked != nil)
	s.droplet.Status.DestroyRequestedAt = &metav1.Time{Time: s.now}
	return reconcile.Result{RequeueAfter: goneCheck}, nil
}

// notFound takes an instance for gone, unless it may be too young to be seen.
func (f *finalize) notFound(ctx context.Context, s *scope, in finder) (reconcile.Result, error) {
	if s.droplet.Status.DestroyRequestedAt == nil && f.mayBeNewborn(s) {
		s.exists(status.Unknown, spawnv1.InstanceNotVisibleReason,
			"DigitalOcean does not find instance %d, which may be too new to be seen; looking again",
			s.droplet.Status.InstanceID)
		return reconcile.Result{RequeueAfter: busyPause}, nil
	}
	return f.confirm(ctx, s, in)
}

// mayGo makes an instance wait that must not be destroyed yet: too many go at once, or its snapshot is not there. wait
// tells that the reconcile ends with it.
func (f *finalize) mayGo(ctx context.Context, s *scope, instance cloud.Instance) (reconcile.Result, bool, error) {
	count, tooMany, err := f.destructions.tooMany(ctx, s.droplet, s.now)
	if err != nil {
		return reconcile.Result{}, true, err
	}
	if tooMany {
		s.exists(status.True, spawnv1.MassDestructionReason,
			"instance %d is kept: %d machines were to be destroyed within %d min and nobody has deleted their Bots; "+
				"delete the Bot, or annotate the Droplet with %s=true", instance.ID, count,
			int(massDestructionWindow.Minutes()), spawnv1.ConfirmDestroyAnnotation)
		return reconcile.Result{RequeueAfter: time.Minute}, true, nil
	}
	if !isSnapshotDue(s.droplet) {
		return reconcile.Result{}, false, nil
	}
	f.foundNow(s, instance)
	result, err := f.advance(ctx, s)
	f.tellSnapshot(s)
	return result, true, err
}

// advance makes the next move towards the snapshot.
func (f *finalize) advance(ctx context.Context, s *scope) (reconcile.Result, error) {
	if s.droplet.Status.Action != nil {
		if over, result, err := f.follow(ctx, s); err != nil || !over {
			return result, err
		}
	}
	if !isSnapshotDue(s.droplet) {
		return reconcile.Result{RequeueAfter: soon}, nil
	}
	if nextOperation(s.droplet, *s.instance, s.now, f.grace) == nil {
		s.droplet.Status.Action = nil
		return reconcile.Result{RequeueAfter: pollWhileNew}, nil // it boots, or is in a state that nobody can mend
	}
	return f.begin(ctx, s)
}

// tellSnapshot says in condition Exists how the snapshot comes along that the destruction waits for.
func (f *finalize) tellSnapshot(s *scope) {
	if !status.IsTrue(s.droplet, spawnv1.ExistsCondition) {
		return // the instance was not found, which has been said
	}
	reason, message := spawnv1.DestroyingReason, "a snapshot is taken of it first"
	switch c := underWayCondition(s.droplet, s.trouble); {
	case s.droplet.Status.State == string(cloud.StateNew):
		message = "it is booting, and a snapshot is taken of it first"
	case c != nil && c.Reason != spawnv1.SnapshottingReason:
		reason, message = c.Reason, c.Message
	}
	s.exists(status.True, reason, "instance %d is not destroyed yet: %s", s.droplet.Status.InstanceID, message)
}

// notOurs leaves an instance alone that does not carry the Droplet's name and the fleet's tag. Tags come after
// creation, so a young instance is given the time to get them.
func (f *finalize) notOurs(s *scope, instance cloud.Instance) (reconcile.Result, error) {
	attempt := s.droplet.Status.Attempt
	if instance.Name == s.droplet.Name && attempt != nil && s.now.Before(attempt.StartedAt.Add(f.settle)) {
		s.exists(status.True, spawnv1.DestroyingReason, "waiting for instance %d to get its tags", instance.ID)
		return reconcile.Result{RequeueAfter: busyPause}, nil
	}
	s.exists(status.True, spawnv1.InstanceNotOursReason,
		"instance %d is named %q and not destroyed: it does not carry the name %q and our fleet tag; "+
			"put them back, or destroy it by hand", instance.ID, instance.Name, s.droplet.Name)
	return reconcile.Result{RequeueAfter: time.Minute}, nil
}

// finder looks for instances by name.
type finder interface {
	FindByName(ctx context.Context, name string) ([]cloud.Instance, error)
}

// confirm lets the Droplet go when no instance bears its name. One that does is a duplicate of a lost reply.
func (f *finalize) confirm(ctx context.Context, s *scope, in finder) (reconcile.Result, error) {
	hits, err := in.FindByName(ctx, s.droplet.Name)
	if err != nil {
		return f.troubled(s, err)
	}
	for _, hit := range hits {
		goes, err := f.destroySurplus(ctx, s, hit.ID)
		if err != nil {
			return f.troubled(s, err)
		}
		if !goes {
			return f.notOurs(s, hit)
		}
	}
	if len(hits) > 0 {
		s.exists(status.True, spawnv1.DestroyingReason, "waiting for %d instance(s) of this name to be gone", len(hits))
		return reconcile.Result{RequeueAfter: goneCheck}, nil
	}
	if result, done, err := f.dropSnapshot(ctx, s); done {
		return result, err
	}
	if err := finalizer.Remove(ctx, f.client, s.draft.Before(), spawnv1.DropletFinalizer); err != nil {
		return reconcile.Result{}, err
	}
	log.FromContext(ctx).Info("instance is gone", "instanceID", s.droplet.Status.InstanceID)
	f.sightings.forget(s.droplet.Status.InstanceID)
	s.gone = true
	return reconcile.Result{}, nil
}
