// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
)

// power is the step that owns condition Running: the instance's power against spec.powerState.
type power struct{}

// Reconcile compares.
func (power) Reconcile(_ context.Context, s *scope) (reconcile.Result, error) {
	judgePower(s)
	return reconcile.Result{}, nil
}

func judgePower(s *scope) { status.Set(s.droplet, s.now, runningCondition(s.droplet, s.trouble)) }

// runningCondition compares; what hinders us from mending a difference is said in its place.
func runningCondition(droplet *spawnv1.Droplet, hindrance *trouble) condition {
	const running = spawnv1.RunningCondition
	if !status.IsTrue(droplet, spawnv1.ExistsCondition) {
		return status.Unknown(running, spawnv1.WaitingForInstanceReason, "the instance is not there yet")
	}
	state, want := cloud.State(droplet.Status.State), droplet.Spec.PowerState
	switch {
	case state == cloud.StateNew:
		return status.Unknown(running, spawnv1.BootingReason, "instance %d is booting", droplet.Status.InstanceID)
	case state == cloud.StateActive && want == spawnv1.PowerOn:
		return status.True(running, spawnv1.PoweredOnReason, "the instance is active")
	case state == cloud.StateOff && want == spawnv1.PowerOff:
		return status.True(running, spawnv1.PoweredOffReason, "the instance is powered off")
	case state != cloud.StateActive && state != cloud.StateOff:
		return status.False(running, spawnv1.PowerDiffersReason,
			"the instance is in state %s, which no power action mends; look after it in DigitalOcean", state)
	}
	return changingPower(droplet, hindrance)
}

// changingPower says how it comes along that an instance is powered on or off.
func changingPower(droplet *spawnv1.Droplet, hindrance *trouble) condition {
	const running = spawnv1.RunningCondition
	switch {
	case hindrance != nil:
		return status.False(running, hindrance.reason, "%s", hindrance.message)
	case hasFailed(droplet, cloud.ActionPowerOn, cloud.ActionPowerOff, cloud.ActionShutdown):
		action := droplet.Status.Action
		return status.False(running, spawnv1.PowerFailedReason, "%s of instance %d: %s; next try at %s",
			action.Type, droplet.Status.InstanceID, action.Message, clockTime(action.RetryAt.Time))
	case droplet.Spec.PowerState == spawnv1.PowerOff:
		return status.False(running, spawnv1.PoweringOffReason, "%s", poweringOff(droplet))
	case isResizeDue(droplet):
		return status.False(running, spawnv1.ResizingReason, "the instance is off, to be made a %s", droplet.Spec.Size)
	case isSnapshotDue(droplet):
		return status.False(running, spawnv1.SnapshottingReason, "the instance is off, to have a snapshot taken")
	}
	return status.False(running, spawnv1.PoweringOnReason, "instance %d is being powered on", droplet.Status.InstanceID)
}

func poweringOff(droplet *spawnv1.Droplet) string {
	if action := droplet.Status.Action; action != nil && cloud.ActionType(action.Type) == cloud.ActionPowerOff {
		return fmt.Sprintf("the power of instance %d is being cut", droplet.Status.InstanceID)
	}
	return fmt.Sprintf("instance %d is being shut down", droplet.Status.InstanceID)
}

// hasFailed tells whether the last operation was one of these types, failed, and waits for its next try.
func hasFailed(droplet *spawnv1.Droplet, types ...cloud.ActionType) bool {
	action := droplet.Status.Action
	return action != nil && action.RetryAt != nil && action.Failures > 0 &&
		slices.Contains(types, cloud.ActionType(action.Type))
}
