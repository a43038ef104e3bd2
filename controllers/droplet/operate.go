// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/catalogue"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
)

// Market is what the controller needs of the catalogue.
type Market interface {
	// Check is nil when nothing speaks against a machine of that shape, a *catalogue.Refusal when the cloud would refuse
	// it, and the cloud's error when it could not be asked.
	Check(ctx context.Context, shape catalogue.Shape) error
}

// operations is the step that changes an instance that exists into the one the spec asks for: its power, size, name
// and tags, and the snapshot of it. The intent is stored before each request, and after a lost reply it looks before it
// asks again.
type operations struct {
	*existence
	market Market
	grace  time.Duration
}

// Reconcile makes the next move towards the spec, or none when there is nothing to do.
func (o *operations) Reconcile(ctx context.Context, s *scope) (reconcile.Result, error) {
	if !status.IsTrue(s.droplet, spawnv1.ExistsCondition) || isBooting(s.droplet) {
		return reconcile.Result{}, nil
	}
	if s.droplet.Status.Action != nil {
		over, result, err := o.follow(ctx, s)
		if err != nil || !over {
			return result, err
		}
	}
	if s.instance == nil || isAnothers(s.droplet, *s.instance, o.fleet) {
		// Nothing was seen that could differ, or somebody took it away, which condition AsSpecified says.
		return reconcile.Result{}, nil
	}
	return o.mend(ctx, s)
}

// mend begins what has to be done to the instance that was seen.
func (o *operations) mend(ctx context.Context, s *scope) (reconcile.Result, error) {
	if result, done, err := o.repairTags(ctx, s); done {
		return result, err
	}
	if result, done, err := o.dropSnapshot(ctx, s); done {
		return result, err
	}
	if nextOperation(s.droplet, *s.instance, s.now, o.grace) == nil {
		s.droplet.Status.Action = nil
		return reconcile.Result{}, nil
	}
	return o.begin(ctx, s)
}

// begin looks at the instance again, unless that was just done, stores the intent and asks for what is next.
func (o *operations) begin(ctx context.Context, s *scope) (reconcile.Result, error) {
	if !s.fresh {
		if over, result, err := o.lookAgain(ctx, s); !over {
			return result, err
		}
	}
	if err := o.checkSize(ctx, s); err != nil {
		return o.hindered(s, err)
	}
	next := nextOperation(s.droplet, *s.instance, s.now, o.grace)
	if next == nil {
		s.droplet.Status.Action = nil
		return reconcile.Result{}, nil
	}
	room, err := o.roomFor(s.droplet, next.Type)
	if err != nil {
		return o.hindered(s, err)
	}
	defer room.Release()
	if next.Type == cloud.ActionSnapshot {
		next.Name = o.nameSnapshot(s)
	}
	before := s.droplet.Status.Action
	s.droplet.Status.Action = intent(before, *next, s.now)
	if err := s.save(ctx); err != nil {
		s.droplet.Status.Action = before // nothing was sent
		return reconcile.Result{}, err
	}
	if err := o.mayAct(ctx, s.droplet.Status.Action); err != nil {
		return o.refusedAction(ctx, s, *next, notSent(err))
	}
	begun, err := room.Act(ctx, s.droplet.Status.InstanceID, *next)
	if err != nil {
		return o.refusedAction(ctx, s, *next, err)
	}
	log.FromContext(ctx).Info("asked for an action", "action", next.Type, "instanceID", s.droplet.Status.InstanceID)
	s.droplet.Status.Action.ID = begun.ID
	return reconcile.Result{RequeueAfter: o.pollOf(s.droplet.Status.Action, s.now)}, s.save(context.WithoutCancel(ctx))
}

// roomFor is room for an action in the budget.
func (o *operations) roomFor(droplet *spawnv1.Droplet, action cloud.ActionType) (*budget.Room, error) {
	if !droplet.DeletionTimestamp.IsZero() {
		return o.cloud.ForLastAct(accountOf(droplet), botOf(droplet), action)
	}
	return o.cloud.ForAct(accountOf(droplet), botOf(droplet), action)
}

// intent is the record of an operation that is about to be asked for. One that failed before keeps its count.
func intent(before *spawnv1.InstanceAction, next cloud.ActionRequest, now time.Time) *spawnv1.InstanceAction {
	begun := &spawnv1.InstanceAction{Type: string(next.Type), StartedAt: metav1.NewTime(now)}
	if before != nil && before.Type == begun.Type {
		begun.Failures = before.Failures
	}
	return begun
}

// mayAct is nil while this process leads and the intent is young: one that was paused wakes into the world of another
// leader.
func (o *operations) mayAct(ctx context.Context, action *spawnv1.InstanceAction) error {
	if err := o.leader.Held(ctx); err != nil {
		return err
	}
	if age := o.clock.Since(action.StartedAt.Time); age > intentLife {
		return fmt.Errorf("the intent is %s old", age.Round(time.Second))
	}
	return nil
}

// refusedAction reads why a request for an action failed. Only one that was certainly not obeyed is asked for again
// without looking first.
func (o *operations) refusedAction(
	ctx context.Context, s *scope, next cloud.ActionRequest, err error,
) (reconcile.Result, error) {
	action := s.droplet.Status.Action
	switch cloud.KindOf(err) {
	case cloud.Unavailable:
		log.FromContext(ctx).Info("the reply to a request for an action was lost", "action", next.Type, "error", err.Error())
		return reconcile.Result{RequeueAfter: max(lookFor(action, o.doubtWindow(action), s.now), soon)}, nil
	case cloud.Busy:
		// It is no failure of ours: somebody else is at work.
		action.RetryAt = &metav1.Time{Time: s.now.Add(othersPause)}
		action.Message = "another action on the instance is under way"
		return reconcile.Result{RequeueAfter: othersPause}, nil
	case cloud.Refused, cloud.Exhausted:
		return o.declined(ctx, s, next, err)
	case cloud.NotFound:
		s.droplet.Status.Action = nil
		return o.observeAgain(ctx, s)
	case cloud.NotSent, cloud.Throttled, cloud.Unauthorized, cloud.Frozen:
	}
	s.droplet.Status.Action = nil
	return o.hindered(s, err)
}

// declined is a request that DigitalOcean will not obey: because there is nothing left to do, which a look at the
// instance shows, or because it cannot be done.
func (o *operations) declined(
	ctx context.Context, s *scope, next cloud.ActionRequest, refusal error,
) (reconcile.Result, error) {
	if over, result, err := o.lookAgain(ctx, s); !over {
		return result, err
	}
	after := nextOperation(s.droplet, *s.instance, s.now, o.grace)
	switch {
	case after == nil || after.Type != next.Type:
		s.droplet.Status.Action = nil
		return reconcile.Result{RequeueAfter: soon}, nil
	case next.Type == cloud.ActionResize:
		o.refuseSize(s, "DigitalOcean: "+cloud.Message(refusal))
		return reconcile.Result{RequeueAfter: soon}, nil
	}
	action := s.droplet.Status.Action
	pause := failed(action, s.now, "DigitalOcean: "+cloud.Message(refusal))
	return reconcile.Result{RequeueAfter: pause}, nil
}

// lookAgain reads the instance. over is false when it could not be read, or is not there, and the reconcile ends.
func (o *operations) lookAgain(ctx context.Context, s *scope) (over bool, result reconcile.Result, err error) {
	instance, err := o.cloudFor(s.droplet).Get(ctx, s.droplet.Status.InstanceID)
	switch {
	case cloud.IsNotFound(err):
		result, err = o.missing(ctx, s)
		return false, result, err
	case err != nil:
		result, err = o.hindered(s, err)
		return false, result, err
	}
	o.foundNow(s, instance)
	return true, reconcile.Result{}, nil
}

// observeAgain is lookAgain where what was seen is acted on in the next reconcile.
func (o *operations) observeAgain(ctx context.Context, s *scope) (reconcile.Result, error) {
	if over, result, err := o.lookAgain(ctx, s); !over {
		return result, err
	}
	return reconcile.Result{RequeueAfter: soon}, nil
}

// cloudFor is the cloud as this Droplet may use it: what stops a machine, or keeps its disk before it goes, is urgent.
func (o *operations) cloudFor(droplet *spawnv1.Droplet) cloud.API {
	if mustBeOff(droplet) {
		return o.urgent(droplet)
	}
	return o.cloud.For(accountOf(droplet), botOf(droplet))
}

// hindered says in the conditions why an operation cannot be begun or followed now, and comes back to it.
func (o *operations) hindered(s *scope, err error) (reconcile.Result, error) {
	t := lookTroubleOf(err, s.now)
	if !isBudget(err) || t.wait >= worthTelling {
		s.trouble = &t
	}
	if cloud.KindOf(err) == cloud.Unavailable {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: max(t.wait, soon)}, nil
}

// checkSize asks the catalogue about a size before the machine is stopped for it.
func (o *operations) checkSize(ctx context.Context, s *scope) error {
	if !s.droplet.DeletionTimestamp.IsZero() || !isResizeDue(s.droplet) {
		return nil
	}
	err := o.market.Check(ctx, catalogue.Shape{
		Region: s.instance.Region, Size: s.droplet.Spec.Size, MinDiskGB: s.instance.DiskGB,
	})
	var refusal *catalogue.Refusal
	if errors.As(err, &refusal) {
		o.refuseSize(s, refusal.Error())
		return nil
	}
	return err
}

func (o *operations) refuseSize(s *scope, message string) {
	s.droplet.Status.RefusedSize = &spawnv1.RefusedSize{Size: s.droplet.Spec.Size, Message: message}
	s.droplet.Status.Action = nil
}
