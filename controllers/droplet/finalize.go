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
	*existence
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
	return f.confirm(ctx, s)
}

// destroy asks for the destruction of the instance, if a fresh look shows that it is the Droplet's own, until it is
// gone.
func (f *finalize) destroy(ctx context.Context, s *scope) (reconcile.Result, error) {
	id := s.droplet.Status.InstanceID
	instance, err := f.urgent(s.droplet).Get(ctx, id)
	switch {
	case cloud.IsNotFound(err) && s.droplet.Status.DestroyRequestedAt == nil && f.mayBeNewborn(s):
		s.exists(status.Unknown, spawnv1.InstanceNotVisibleReason,
			"DigitalOcean does not find instance %d, which may be too new to be seen; looking again", id)
		return reconcile.Result{RequeueAfter: busyPause}, nil
	case cloud.IsNotFound(err):
		return f.confirm(ctx, s)
	case err != nil:
		return f.troubled(s, err)
	case !f.owns(s.droplet, instance):
		return f.notOurs(s, instance)
	}
	s.exists(status.True, spawnv1.DestroyingReason, "instance %d is being destroyed", id)
	asked := s.droplet.Status.DestroyRequestedAt
	if asked != nil && s.now.Sub(asked.Time) < destroyAgain {
		return reconcile.Result{RequeueAfter: goneCheck}, nil
	}
	if err := cloud.IgnoreNotFound(f.urgent(s.droplet).Delete(ctx, id)); err != nil {
		s.exists(status.True, spawnv1.DestroyingReason, "instance %d is not destroyed yet: %s",
			id, lookTroubleOf(err, s.now).message)
		return f.troubled(s, err)
	}
	log.FromContext(ctx).Info("asked for the destruction of the instance", "instanceID", id, "again", asked != nil)
	s.droplet.Status.DestroyRequestedAt = &metav1.Time{Time: s.now}
	return reconcile.Result{RequeueAfter: goneCheck}, nil
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

// confirm lets the Droplet go when no instance bears its name. One that does is a duplicate of a lost reply.
func (f *finalize) confirm(ctx context.Context, s *scope) (reconcile.Result, error) {
	hits, err := f.urgent(s.droplet).FindByName(ctx, s.droplet.Name)
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
	if err := finalizer.Remove(ctx, f.client, s.draft.Before(), spawnv1.DropletFinalizer); err != nil {
		return reconcile.Result{}, err
	}
	log.FromContext(ctx).Info("instance is gone", "instanceID", s.droplet.Status.InstanceID)
	s.gone = true
	return reconcile.Result{}, nil
}
