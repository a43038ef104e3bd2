// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
)

// resolve finds out what became of a request whose reply was lost. It asks for nothing.
func (e *existence) resolve(ctx context.Context, s *scope) (reconcile.Result, error) {
	attempt := s.droplet.Status.Attempt
	s.exists(status.Unknown, spawnv1.CreateUnresolvedReason,
		"the reply to create request %d was lost; looking for the instance by name before anything is asked again",
		attempt.Number)
	if wait := lookIn(attempt, e.settle, s.now); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	hits, err := e.urgent(s.droplet).FindByName(ctx, s.droplet.Name)
	if err != nil {
		return e.troubled(s, err)
	}
	if len(hits) > 0 {
		return e.adopt(ctx, s, hits)
	}
	attempt.EmptyLooks++
	if hasSettled(attempt, e.settle, s.now) {
		log.FromContext(ctx).Info("the lost create request has created nothing", "attempt", attempt.Number)
		attempt.State = spawnv1.AttemptExpired
		s.exists(status.False, spawnv1.CreateExpiredReason,
			"create request %d has created nothing; trying again", attempt.Number)
		return reconcile.Result{RequeueAfter: soon}, nil
	}
	return reconcile.Result{RequeueAfter: max(lookIn(attempt, e.settle, s.now), time.Second)}, nil
}

// adopt takes the oldest of the instances that bear the machine name for the machine, when the others are gone. One
// whose tags have not arrived, or whose destruction is not obeyed, is waited for as long as the settle window; what is
// left of it then goes when a pass over the fleet shows it. It cannot trade: the gateway serves only the recorded one.
func (e *existence) adopt(ctx context.Context, s *scope, hits []cloud.Instance) (reconcile.Result, error) {
	if s.droplet.Status.Attempt == nil {
		s.droplet.Status.Attempt = nextAttempt(s.droplet, s.now, e.leader.Identity())
	}
	for _, surplus := range hits[1:] {
		if _, err := e.destroySurplus(ctx, s, surplus.ID); err != nil {
			return e.troubled(s, err)
		}
	}
	settled := !s.now.Before(s.droplet.Status.Attempt.StartedAt.Add(e.settle))
	if len(hits) > 1 && !settled {
		s.exists(status.Unknown, spawnv1.CreateUnresolvedReason,
			"%d instances bear this name; the oldest is taken when the others are destroyed", len(hits))
		return reconcile.Result{RequeueAfter: busyPause}, nil
	}
	log.FromContext(ctx).Info("adopted instance", "instanceID", hits[0].ID, "surplus", len(hits)-1)
	e.found(s, hits[0])
	return reconcile.Result{RequeueAfter: pollIn(s)}, nil
}

// thinOut destroys what a pass shows beside the machine under its name: the request of a former leader can be obeyed
// after the doubt was resolved. The sweeper leaves such an instance alone, because its name is a Droplet's.
func (e *existence) thinOut(ctx context.Context, s *scope) (reconcile.Result, error) {
	pass, _ := e.inventory.Latest()
	for _, hit := range pass.ByName(s.droplet.Name) {
		if _, err := e.destroySurplus(ctx, s, hit.ID); err != nil {
			return e.troubled(s, err)
		}
	}
	return reconcile.Result{}, nil
}

// destroySurplus destroys an instance that bears the machine's name but is not the machine. It reports whether the
// instance is on its way out.
func (e *existence) destroySurplus(ctx context.Context, s *scope, id int64) (bool, error) {
	if id == s.droplet.Status.InstanceID {
		return true, nil
	}
	instance, err := e.urgent(s.droplet).Get(ctx, id)
	if cloud.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if !e.owns(s.droplet, instance) {
		return false, nil
	}
	log.FromContext(ctx).Info("destroying surplus instance", "instanceID", id)
	if err := cloud.IgnoreNotFound(e.urgent(s.droplet).Delete(ctx, id)); err != nil {
		return false, fmt.Errorf("destroying surplus instance %d: %w", id, err)
	}
	return true, nil
}
