// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
)

// drift is the step that owns condition AsSpecified: what exists against what was asked for.
type drift struct{}

// Reconcile compares.
func (drift) Reconcile(_ context.Context, s *scope) (reconcile.Result, error) {
	judgeDrift(s)
	return reconcile.Result{}, nil
}

func judgeDrift(s *scope) {
	const asSpecified = spawnv1.AsSpecifiedCondition
	exists := status.IsTrue(s.droplet, spawnv1.ExistsCondition)
	underWay := underWayCondition(s.droplet, s.trouble)
	switch {
	case !exists:
		status.Set(s.droplet, s.now, status.Unknown(asSpecified, spawnv1.WaitingForInstanceReason,
			"the instance is not there yet"))
	case underWay != nil && !isBooting(s.droplet):
		status.Set(s.droplet, s.now, *underWay)
	case s.instance != nil:
		status.Set(s.droplet, s.now, asSpecifiedCondition(s.droplet, *s.instance, s.fleet))
	case speaksOfSpec(s.droplet):
		// It was not seen anew in this reconcile: what was said of it stands.
		s.keep(asSpecified)
	default:
		status.Set(s.droplet, s.now, status.Unknown(asSpecified, spawnv1.WaitingForInstanceReason,
			"the instance was not compared with this spec yet"))
	}
}

// underWayCondition is what is known, without a look at the instance, to be not as asked for: the snapshot and the
// size.
func underWayCondition(droplet *spawnv1.Droplet, hindrance *trouble) *condition {
	const asSpecified = spawnv1.AsSpecifiedCondition
	var c condition
	switch action := droplet.Status.Action; {
	case !isSnapshotDue(droplet) && !isResizeDue(droplet):
		if refused := droplet.Status.RefusedSize; isSizeRefused(droplet) {
			c = status.False(asSpecified, spawnv1.SizeRefusedReason,
				"the machine stays a %s: %s", droplet.Status.Size, refused.Message)
			break
		}
		return nil
	case hindrance != nil:
		c = status.False(asSpecified, hindrance.reason, "%s", hindrance.message)
	case hasFailed(droplet, cloud.ActionSnapshot):
		c = status.False(asSpecified, spawnv1.SnapshotFailedReason, "the snapshot could not be taken: %s; next try at %s",
			action.Message, clockTime(action.RetryAt.Time))
	case isSnapshotDue(droplet):
		c = status.False(asSpecified, spawnv1.SnapshottingReason,
			"a snapshot of instance %d is being taken, for which it is off", droplet.Status.InstanceID)
	default:
		c = status.False(asSpecified, spawnv1.ResizingReason,
			"the machine is made a %s, for which it is off", droplet.Spec.Size)
	}
	return &c
}

func asSpecifiedCondition(droplet *spawnv1.Droplet, instance cloud.Instance, fleet string) condition {
	var differences []string
	differ := func(what, has, wants string) {
		if has != wants {
			differences = append(differences, fmt.Sprintf("%s is %s, not %s", what, has, wants))
		}
	}
	differ("region", instance.Region, droplet.Spec.Region)
	differ("size", instance.Size, droplet.Spec.Size)
	another := isAnothers(droplet, instance, fleet)
	if another {
		differences = append(differences,
			fmt.Sprintf("name is %s and it does not bear our fleet tag, so it is left alone", instance.Name))
	}
	if len(differences) > 0 {
		return status.False(spawnv1.AsSpecifiedCondition, spawnv1.InstanceDiffersReason,
			"instance %d: %s; put it back, or change the Bot", instance.ID, strings.Join(differences, ", "))
	}
	differ("name", instance.Name, droplet.Name)
	if len(differences) > 0 {
		return status.False(spawnv1.AsSpecifiedCondition, spawnv1.RepairingReason,
			"instance %d: %s; it is being put back", instance.ID, strings.Join(differences, ", "))
	}
	return status.True(spawnv1.AsSpecifiedCondition, spawnv1.AsSpecifiedReason, "the instance is as asked for")
}
