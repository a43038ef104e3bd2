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
)

const (
	// pollPower and pollLong are how often a running action is looked at: power takes seconds, the others minutes.
	pollPower, pollLong = 5 * time.Second, 15 * time.Second
	// clockSkew is how much earlier than by our clock an action may have begun by the cloud's. What is taken for ours by
	// mistake does no harm: the instance shows that nothing was done, and it is asked for.
	clockSkew = time.Minute
	// proofLooks is how often a completed action may not show in the instance before it is taken to have done nothing.
	proofLooks = 6
)

// follow looks after the operation that was begun last. over tells that it is done with, one way or another, and that
// s.instance shows what came of it.
func (o *operations) follow(ctx context.Context, s *scope) (over bool, result reconcile.Result, err error) {
	action := s.droplet.Status.Action
	switch {
	case action.RetryAt != nil:
		return o.await(ctx, s)
	case cloud.ActionType(action.Type) == cloud.ActionShutdown:
		return o.followShutdown(ctx, s)
	case action.ID == 0:
		return o.lookForAction(ctx, s)
	}
	return o.poll(ctx, s)
}

// poll looks at an action whose id is known.
func (o *operations) poll(ctx context.Context, s *scope) (over bool, result reconcile.Result, err error) {
	action := s.droplet.Status.Action
	read, err := o.cloudFor(s.droplet).Action(ctx, s.droplet.Status.InstanceID, action.ID)
	switch {
	case cloud.IsNotFound(err):
		// The instance is gone, or the action is lost: a look at the instance tells which, and then it is in doubt.
		action.ID, action.EmptyLooks = 0, 0
		over, result, err = o.lookAgain(ctx, s)
		if over {
			result.RequeueAfter = pollPower
		} else if err == nil {
			s.droplet.Status.Action = nil
		}
		return false, result, err
	case err != nil:
		result, err = o.hindered(s, err)
		return false, result, err
	}
	switch read.State {
	case cloud.ActionCompleted:
		return o.prove(ctx, s)
	case cloud.ActionErrored:
		return false, o.errored(ctx, s, read), nil
	case cloud.ActionInProgress:
	}
	return false, reconcile.Result{RequeueAfter: o.pollOf(action, s.now)}, nil
}

// await waits for the time of the next try, unless something else is to be done by now.
func (o *operations) await(ctx context.Context, s *scope) (bool, reconcile.Result, error) {
	action := s.droplet.Status.Action
	if s.instance == nil {
		if over, result, err := o.lookAgain(ctx, s); !over {
			return false, result, err
		}
	}
	if !o.isNext(s, action.Type) {
		s.droplet.Status.Action = nil
		return true, reconcile.Result{}, nil
	}
	if wait := action.RetryAt.Sub(s.now); wait > 0 {
		return false, reconcile.Result{RequeueAfter: wait}, nil
	}
	return true, reconcile.Result{}, nil
}

// isNext tells whether an operation of that type is what is still to be done.
func (o *operations) isNext(s *scope, kind string) bool {
	next := nextOperation(s.droplet, *s.instance, s.now, o.grace)
	return next != nil && string(next.Type) == kind
}

// followShutdown looks at the instance, not at the action: that completes when the machine was told, not when it obeys.
// When the machine is still on after its time, its power is cut; nothing was lost if the request never arrived.
func (o *operations) followShutdown(ctx context.Context, s *scope) (bool, reconcile.Result, error) {
	action := s.droplet.Status.Action
	if over, result, err := o.lookAgain(ctx, s); !over {
		return false, result, err
	}
	if s.instance.State != cloud.StateActive || !mustBeOff(s.droplet) {
		s.droplet.Status.Action = nil
		return true, reconcile.Result{}, nil
	}
	if left := action.StartedAt.Add(o.grace).Sub(s.now); left > 0 {
		return false, reconcile.Result{RequeueAfter: min(left, pollPower)}, nil
	}
	return true, reconcile.Result{}, nil // nextOperation cuts the power
}

// prove looks whether a completed action shows: the API may say completed before it does.
func (o *operations) prove(ctx context.Context, s *scope) (bool, reconcile.Result, error) {
	action := s.droplet.Status.Action
	if over, result, err := o.lookAgain(ctx, s); !over {
		return false, result, err
	}
	if cloud.ActionType(action.Type) == cloud.ActionSnapshot {
		if found, err := o.findSnapshot(ctx, s); err != nil {
			result, err := o.hindered(s, err)
			return false, result, err
		} else if found {
			s.droplet.Status.Action = nil
			return true, reconcile.Result{}, nil
		}
	} else if !o.isNext(s, action.Type) {
		s.droplet.Status.Action = nil
		return true, reconcile.Result{}, nil
	}
	if action.EmptyLooks++; action.EmptyLooks <= proofLooks {
		return false, reconcile.Result{RequeueAfter: pollPower}, nil
	}
	pause := failed(action, s.now, "DigitalOcean says that it is done, and it is not")
	return false, reconcile.Result{RequeueAfter: pause}, nil
}

// errored notes an action that DigitalOcean has begun and could not do.
func (o *operations) errored(ctx context.Context, s *scope, read cloud.Action) reconcile.Result {
	action := s.droplet.Status.Action
	message := fmt.Sprintf("DigitalOcean could not do it (action %d errored)", read.ID)
	log.FromContext(ctx).Info("an action has failed", "action", action.Type, "actionID", read.ID)
	pause := failed(action, s.now, message)
	if cloud.ActionType(action.Type) == cloud.ActionResize && action.Failures >= resizesTried {
		o.refuseSize(s, fmt.Sprintf("DigitalOcean could not resize the machine, %d times in a row", resizesTried))
		pause = soon
	}
	return reconcile.Result{RequeueAfter: pause}
}

// lookForAction finds out whether a request whose reply was lost was obeyed.
func (o *operations) lookForAction(ctx context.Context, s *scope) (bool, reconcile.Result, error) {
	action := s.droplet.Status.Action
	window := o.doubtWindow(action)
	if wait := lookFor(action, window, s.now); wait > 0 {
		return false, reconcile.Result{RequeueAfter: wait}, nil
	}
	actions, err := o.cloudFor(s.droplet).Actions(ctx, s.droplet.Status.InstanceID)
	switch {
	case cloud.IsNotFound(err):
		over, result, err := o.lookAgain(ctx, s)
		if !over && err == nil {
			s.droplet.Status.Action = nil
		}
		return false, result, err
	case err != nil:
		result, err := o.hindered(s, err)
		return false, result, err
	}
	if id := begunBy(action, actions); id != 0 {
		log.FromContext(ctx).Info("found the action of a lost reply", "action", action.Type, "actionID", id)
		action.ID, action.EmptyLooks = id, 0
		return false, reconcile.Result{RequeueAfter: soon}, nil
	}
	action.EmptyLooks++
	if action.EmptyLooks >= enoughLooks && !s.now.Before(action.StartedAt.Add(window)) {
		log.FromContext(ctx).Info("a lost request has begun no action", "action", action.Type)
		s.droplet.Status.Action = nil
		return false, reconcile.Result{RequeueAfter: soon}, nil
	}
	return false, reconcile.Result{RequeueAfter: max(lookFor(action, window, s.now), time.Second)}, nil
}

// begunBy is the id of the newest action that can be the one that was asked for, 0 when there is none.
func begunBy(wanted *spawnv1.InstanceAction, actions []cloud.Action) int64 {
	for _, candidate := range actions { // the newest first
		if string(candidate.Type) == wanted.Type && candidate.StartedAt.After(wanted.StartedAt.Add(-clockSkew)) {
			return candidate.ID
		}
	}
	return 0
}

// doubtWindow is how long after a lost reply an action may still begin. A snapshot that is taken twice is paid twice,
// so it is given as long as an instance; doing the others twice does no harm.
func (o *operations) doubtWindow(action *spawnv1.InstanceAction) time.Duration {
	if cloud.ActionType(action.Type) == cloud.ActionSnapshot {
		return o.settle
	}
	const harmless = 5
	return o.settle / harmless
}

// lookFor is how long to wait before the next look for a lost request; 0 or less means now.
func lookFor(action *spawnv1.InstanceAction, window time.Duration, now time.Time) time.Duration {
	return nextLook(action.StartedAt.Time, action.EmptyLooks, window, now)
}

// pollOf is how long to wait before the next look at a running action.
func (o *operations) pollOf(action *spawnv1.InstanceAction, now time.Time) time.Duration {
	switch cloud.ActionType(action.Type) {
	case cloud.ActionShutdown:
		return max(min(action.StartedAt.Add(o.grace).Sub(now), pollPower), soon)
	case cloud.ActionSnapshot, cloud.ActionResize:
		return pollLong
	default:
		return pollPower
	}
}
