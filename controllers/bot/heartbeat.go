// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/freshness"
	"github.com/cedros-io/open-spawn/internal/status"
)

// heartbeat is the step that owns condition HeartbeatFresh: the bot is heard.
type heartbeat struct {
	deliveries *deliveries
	inventory  Fleet
}

// Reconcile judges at the instant of this reconcile, and asks to be called again when the verdict may change by itself.
// A Lease that is renewed after a silence wakes us.
func (h *heartbeat) Reconcile(ctx context.Context, s *scope) (reconcile.Result, error) {
	switch {
	case !expects(s):
		h.deliveries.Fleet.Forget(s.bot.Status.DropletName) // it has its full grace when it is on again
		s.set(notExpected(spawnv1.HeartbeatFreshCondition))
		return reconcile.Result{}, nil
	case !isRegistered(s):
		s.set(waitingForRegistration(spawnv1.HeartbeatFreshCondition, s.droplet))
		return reconcile.Result{}, nil
	}
	fleet, name, p := h.deliveries.Fleet, s.droplet.Name, s.letter.presence
	fleet.SeeMachine(name, p.Renewed, p.Duration)
	marked := status.Reason(s.bot, spawnv1.HeartbeatFreshCondition) == spawnv1.HeartbeatMissedReason
	if marked {
		fleet.Remember(name)
	}
	verdict := fleet.Judge(name)
	if verdict.State == freshness.Silent && !marked {
		var err error
		if verdict, err = h.lookAgain(ctx, name); err != nil {
			return reconcile.Result{}, err
		}
	}
	h.tell(s, verdict, marked)
	if verdict.Again.IsZero() {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: max(verdict.Again.Sub(s.now), time.Millisecond)}, nil
}

// expects tells whether a machine is to be heard: it is on, and is to stay so.
func expects(s *scope) bool {
	d := s.droplet
	if d == nil || !d.DeletionTimestamp.IsZero() || isHibernated(s.bot) || d.Spec.PowerState != spawnv1.PowerOn {
		return false
	}
	running := status.Get(d, spawnv1.RunningCondition)
	return running != nil && running.Status != metav1.ConditionFalse
}

// lookAgain asks the API server itself before a bot is marked: the cache may lag.
func (h *heartbeat) lookAgain(ctx context.Context, machine string) (freshness.Verdict, error) {
	var lease coordinationv1.Lease
	err := h.deliveries.Live.Get(ctx, client.ObjectKey{Namespace: h.deliveries.Namespace, Name: machine}, &lease)
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return freshness.Verdict{}, fmt.Errorf("reading Lease %s: %w", machine, err)
	default:
		if p, err := delivery.ReadPresence(&lease); err == nil {
			h.deliveries.Fleet.SeeMachine(machine, p.Renewed, p.Duration)
		}
	}
	return h.deliveries.Fleet.Judge(machine), nil
}

// tell says what was found. When a bot falls silent the fleet is listed soon, to see whether its machine is there.
func (h *heartbeat) tell(s *scope, v freshness.Verdict, marked bool) {
	c := status.True(spawnv1.HeartbeatFreshCondition, spawnv1.HeartbeatReceivedReason,
		"heartbeats arrive, and %s without one are allowed", s.letter.presence.Duration)
	switch v.State {
	case freshness.Fresh:
	case freshness.Unknown:
		c = status.Unknown(spawnv1.HeartbeatFreshCondition, spawnv1.IngestUnavailableReason,
			"it cannot be told whether the bot is silent: no gateway receives, or most bots have fallen silent at once")
	case freshness.Silent:
		c = status.False(spawnv1.HeartbeatFreshCondition, spawnv1.HeartbeatMissedReason,
			"machine %s was not heard for %s; it recovers by itself when it is", s.droplet.Name, s.letter.presence.Duration)
		if !marked {
			h.inventory.RequestPassAfter(s.now)
		}
	}
	if was := status.Get(s.bot, c.Type); (was == nil || was.Status != c.Status) && !v.HeardAt.IsZero() {
		s.bot.Status.LastHeartbeatTime = &metav1.Time{Time: v.HeardAt.Truncate(time.Second)}
	}
	s.set(c)
}

func notExpected(conditionType string) condition {
	return status.Unknown(conditionType, spawnv1.NotExpectedReason, "no machine is on")
}
