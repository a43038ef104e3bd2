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
	switch {
	case s.instance == nil && status.IsTrue(s.droplet, spawnv1.ExistsCondition) && speaksOfSpec(s.droplet):
		// It was not seen anew in this reconcile: what was said of it stands.
		s.keep(asSpecified)
	case s.instance == nil && status.IsTrue(s.droplet, spawnv1.ExistsCondition):
		status.Set(s.droplet, s.now, status.Unknown(asSpecified, spawnv1.WaitingForInstanceReason,
			"the instance was not compared with this spec yet"))
	case s.instance == nil:
		status.Set(s.droplet, s.now, status.Unknown(asSpecified, spawnv1.WaitingForInstanceReason,
			"the instance is not there yet"))
	default:
		status.Set(s.droplet, s.now, asSpecifiedCondition(s.droplet, *s.instance))
	}
}

func asSpecifiedCondition(droplet *spawnv1.Droplet, instance cloud.Instance) condition {
	var differences []string
	differ := func(what, has, wants string) {
		if has != wants {
			differences = append(differences, fmt.Sprintf("%s is %s, not %s", what, has, wants))
		}
	}
	differ("name", instance.Name, droplet.Name)
	differ("region", instance.Region, droplet.Spec.Region)
	differ("size", instance.Size, droplet.Spec.Size)
	if len(differences) == 0 {
		return status.True(spawnv1.AsSpecifiedCondition, spawnv1.AsSpecifiedReason, "the instance is as asked for")
	}
	return status.False(spawnv1.AsSpecifiedCondition, spawnv1.InstanceDiffersReason,
		"instance %d: %s", instance.ID, strings.Join(differences, ", "))
}
