// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
)

const (
	// intentLife is how long after it was stored an intent may still be acted on. A process that was paused longer
	// than this wakes into a world where another leader may have resolved the attempt; it must be far below the settle
	// window.
	intentLife = 10 * time.Second
	// recordDeadline bounds the writing down of an id, which goes on while the process shuts down.
	recordDeadline = 20 * time.Second
)

// create sees that somebody is entitled to the machine before anything is asked for. What hinders a request does not
// hinder the adoption of an instance that a pass over the fleet shows.
func (e *existence) create(ctx context.Context, s *scope) (reconcile.Result, error) {
	bot, err := claimant(ctx, e.client, s.droplet)
	switch {
	case errors.Is(err, errUnclaimed):
		s.exists(status.Unknown, spawnv1.UnclaimedReason, "%s", err)
		return reconcile.Result{}, nil
	case err != nil:
		return reconcile.Result{}, err
	}
	if wait, err := e.hindered(ctx, s, bot); err != nil || wait != nil && !e.isListed(s) {
		return orNow(wait), err
	}
	return e.createFor(ctx, s, bot)
}

// createFor looks for the instance, stores the intent to ask for it, and asks once. Room for the look and the request
// is taken together, so that no intent is stored that the budget would not let us act on.
func (e *existence) createFor(ctx context.Context, s *scope, bot *spawnv1.Bot) (reconcile.Result, error) {
	room, err := e.cloud.ForCreate(accountOf(s.droplet), botOf(s.droplet))
	if err != nil {
		return e.troubled(s, err)
	}
	defer room.Release()
	hits, err := room.FindByName(ctx, s.droplet.Name)
	if err != nil {
		return e.troubled(s, err)
	}
	if len(hits) > 0 {
		return e.adopt(ctx, s, hits)
	}
	if wait, err := e.hindered(ctx, s, bot); err != nil || wait != nil {
		return orNow(wait), err
	}
	data, wait, err := e.userData(ctx, s)
	if err != nil || wait != nil {
		return orNow(wait), err
	}
	earlier := s.droplet.Status.Attempt
	s.droplet.Status.Attempt = nextAttempt(s.droplet, s.now, e.leader.Identity())
	s.exists(status.Unknown, spawnv1.CreatingReason, "asking DigitalOcean for a %s in %s",
		s.droplet.Spec.Size, s.droplet.Spec.Region)
	if err := s.save(ctx); err != nil {
		// Nothing was sent: the intent must not be stored by the save at the end of this reconcile.
		s.droplet.Status.Attempt = earlier
		return reconcile.Result{}, err
	}
	return e.conclude(ctx, s, room, data)
}

// conclude sends the request that the stored intent announces, and stores what came of it.
func (e *existence) conclude(
	ctx context.Context, s *scope, room *budget.Room, userData string,
) (reconcile.Result, error) {
	instance, err := e.ask(ctx, s.droplet, room, userData)
	switch {
	case err == nil:
		log.FromContext(ctx).Info("created instance", "instanceID", instance.ID)
		e.found(s, instance)
		return reconcile.Result{RequeueAfter: pollWhileNew}, e.record(ctx, s)
	case errors.Is(err, errUnclaimed) || cloud.IsDefinite(err):
		e.refused(s, err)
		return reconcile.Result{RequeueAfter: retryIn(s)}, e.record(ctx, s)
	}
	log.FromContext(ctx).Info("the reply to the create request was lost", "error", err.Error())
	s.exists(status.Unknown, spawnv1.CreateUnresolvedReason,
		"%s; looking for the instance by name before anything is asked again", cloud.Message(err))
	return reconcile.Result{RequeueAfter: max(lookIn(s.droplet.Status.Attempt, e.settle, e.clock.Now()), soon)}, nil
}

// ask makes the one request, unless live reads show that it must not be made any more. An error before the request was
// sent is as definite as a refusal.
func (e *existence) ask(
	ctx context.Context, droplet *spawnv1.Droplet, room *budget.Room, userData string,
) (cloud.Instance, error) {
	if err := e.entitled(ctx, droplet); err != nil {
		if errors.Is(err, errUnclaimed) {
			return cloud.Instance{}, err
		}
		return cloud.Instance{}, notSent(err)
	}
	if err := e.leader.Held(ctx); err != nil {
		return cloud.Instance{}, notSent(err)
	}
	if age := e.clock.Since(droplet.Status.Attempt.StartedAt.Time); age > intentLife {
		return cloud.Instance{}, notSent(fmt.Errorf("the intent is %s old", age.Round(time.Second)))
	}
	return room.Create(ctx, requestFor(droplet, e.fleet, userData))
}

// refused notes that the attempt has provably created nothing, and when the next may follow.
func (e *existence) refused(s *scope, err error) {
	t := troubleOf(err, s.now)
	s.droplet.Status.Attempt.State = spawnv1.AttemptRefused
	if t.wait > 0 {
		s.droplet.Status.Attempt.RetryAt = &metav1.Time{Time: s.now.Add(t.wait)}
	}
	s.exists(status.False, t.reason, "%s", t.message)
}

// record stores what came of the request, also while the process shuts down and also when the object has changed since
// the intent was stored: a Bot may have been edited or deleted meanwhile. It gives up when another process has taken
// the attempt over; what it knows is then found again by name.
func (e *existence) record(ctx context.Context, s *scope) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordDeadline)
	defer cancel()
	mine := *s.droplet.Status.Attempt
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		err := s.save(ctx)
		if !apierrors.IsConflict(err) {
			return err
		}
		var live spawnv1.Droplet
		if getErr := e.live.Get(ctx, client.ObjectKeyFromObject(s.droplet), &live); getErr != nil {
			return fmt.Errorf("reading the droplet again: %w", getErr)
		}
		theirs := live.Status.Attempt
		if theirs == nil || theirs.Number != mine.Number || theirs.Leader != mine.Leader || live.Status.InstanceID != 0 {
			return fmt.Errorf("attempt %d was taken over by another process", mine.Number)
		}
		s.carryTo(&live)
		return err
	})
}

func notSent(err error) error {
	return &cloud.Error{Kind: cloud.NotSent, Op: "creating instance", Message: err.Error(), Err: err}
}
