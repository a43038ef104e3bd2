// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"

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

func judgePower(s *scope) { status.Set(s.droplet, s.now, runningCondition(s.droplet)) }

func runningCondition(droplet *spawnv1.Droplet) condition {
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
	}
	return status.False(running, spawnv1.PowerDiffersReason,
		"the instance is %s and should be %s; this version changes no power, so do it in DigitalOcean", state, want)
}
