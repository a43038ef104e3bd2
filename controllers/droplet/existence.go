// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/leadership"
	"github.com/cedros-io/open-spawn/internal/status"
)

// soon is the wait before a step goes on with what it has just stored. It is not zero, so that others get their turn.
const soon = 10 * time.Millisecond

// existence is the step that owns condition Exists: one Droplet object, one instance. It looks before it asks, stores
// the intent before the one request, and after a lost reply it only looks, until the doubt is resolved.
type existence struct {
	client    client.Client
	live      client.Reader
	cloud     *budget.Instances
	inventory Fleet
	firewall  Firewall
	clock     clock.PassiveClock
	leader    leadership.Check
	fleet     string
	settle    time.Duration
	sightings *sightings
	// systemNamespace is where user data is.
	systemNamespace string
}

// Reconcile makes the next move.
func (e *existence) Reconcile(ctx context.Context, s *scope) (reconcile.Result, error) {
	switch nextMove(s.droplet, s.now) {
	case moveObserve:
		return e.observe(ctx, s)
	case moveResolve:
		return e.resolve(ctx, s)
	case moveWait:
		s.keep(spawnv1.ExistsCondition)
		return reconcile.Result{RequeueAfter: retryIn(s)}, nil
	case moveCreate:
	}
	return e.create(ctx, s)
}

// troubled says in condition Exists why the instance could not be looked for, and when that is tried again. An answer
// that never came is also an error, so that tries back off by themselves.
func (e *existence) troubled(s *scope, err error) (reconcile.Result, error) {
	t := lookTroubleOf(err, s.now)
	if isBudget(err) {
		return e.outOfBudget(s, t)
	}
	if s.droplet.Status.InstanceID != 0 && status.IsTrue(s.droplet, spawnv1.ExistsCondition) &&
		t.reason != spawnv1.CredentialsInvalidReason {
		// The last verdict stands: not being able to ask is no news about the instance.
		s.keep(spawnv1.ExistsCondition)
	} else {
		s.exists(status.Unknown, t.reason, "%s", t.message)
	}
	if cloud.KindOf(err) == cloud.Unavailable {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: max(t.wait, busyPause)}, nil
}

// retryIn is how long to wait for the next attempt; 0 means that only a change of spec brings one.
func retryIn(s *scope) time.Duration {
	attempt := s.droplet.Status.Attempt
	if attempt == nil || attempt.RetryAt == nil {
		return 0
	}
	return max(attempt.RetryAt.Sub(s.now), soon)
}
