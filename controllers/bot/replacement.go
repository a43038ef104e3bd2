// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

// replacement is the step that owns condition AsSpecified: the machine there is against the one spec.machine asks for.
type replacement struct{}

// Reconcile compares.
func (r replacement) Reconcile(_ context.Context, s *scope) (reconcile.Result, error) {
	r.judge(s)
	return reconcile.Result{}, nil
}

func (replacement) judge(s *scope) {
	const asSpecified = spawnv1.AsSpecifiedCondition
	switch {
	case s.droplet == nil && status.Reason(s.bot, spawnv1.DropletReadyCondition) == spawnv1.HibernatedReason:
		s.set(status.True(asSpecified, spawnv1.HibernatedReason, "there is no machine, as declared"))
		return
	case s.droplet == nil || !s.droplet.DeletionTimestamp.IsZero():
		s.set(status.Unknown(asSpecified, spawnv1.WaitingForMachineReason, "there is no machine yet"))
		return
	case s.hindrance != nil:
		s.set(*s.hindrance)
		return
	}
	if differences := differences(s.bot, s.droplet); len(differences) > 0 {
		s.set(status.False(asSpecified, spawnv1.ReplaceRequiredReason,
			"%s: only another machine can have that; put it back, or %s", strings.Join(differences, ", "), howToReplace(s)))
		return
	}
	s.set(status.True(asSpecified, spawnv1.AsSpecifiedReason, "the machine is the one asked for"))
}

// howToReplace ends the sentence that says what to do about a machine that is not the one asked for.
func howToReplace(s *scope) string {
	if redeployIn(s.bot, s.now) > 0 {
		return "wait until " + s.bot.Spec.RedeployAt.UTC().Format(time.RFC3339) + ", when spec.redeployAt has the machine, " +
			"and what is on its disk, replaced"
	}
	return "set spec.redeployAt to have the machine, and what is on its disk, replaced"
}

// differences names what only another machine can have. What image a machine began from before it hibernated is not
// known any more.
func differences(bot *spawnv1.Bot, droplet *spawnv1.Droplet) []string {
	want, has := desiredDroplet(bot, droplet.Name).Spec, droplet.Spec
	var found []string
	differ := func(field, wants, has string) {
		if wants != has {
			found = append(found, fmt.Sprintf("spec.machine.%s is %q and the machine has %q", field, wants, has))
		}
	}
	differ("region", want.Region, has.Region)
	if has.SnapshotID == 0 {
		differ("image", want.Image, has.Image)
	}
	differ("vpcUUID", want.VPCUUID, has.VPCUUID)
	differ("backups", string(want.Backups), string(has.Backups))
	differ("monitoring", string(want.Monitoring), string(has.Monitoring))
	differ("ipv6", string(want.IPv6), string(has.IPv6))
	if !sameSet(want.SSHKeys, has.SSHKeys) {
		found = append(found, "spec.machine.sshKeys differs from the machine's")
	}
	if !sameSet(want.Tags, has.Tags) {
		found = append(found, "spec.machine.tags differs from the machine's")
	}
	if !sameSet(want.Packages, has.Packages) {
		found = append(found, "spec.machine.packages differs from the machine's")
	}
	return found
}

// sameSet tells whether two lists hold the same, in whatever order: a list that is a set has none.
func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// mustReplaceNow tells whether the Droplet can never become the Bot's machine and nothing is lost with it: its instance
// is gone behind our back, or was never created and would not be the one asked for.
func mustReplaceNow(bot *spawnv1.Bot, droplet *spawnv1.Droplet, now time.Time) bool {
	if status.Reason(droplet, spawnv1.ExistsCondition) == spawnv1.InstanceLostReason {
		return true
	}
	return neverCreated(droplet) &&
		(len(differences(bot, droplet)) > 0 || droplet.Spec.SnapshotID != restoresFrom(bot, now))
}

// neverCreated tells whether the cloud has refused the Droplet's instance, so that there is none.
func neverCreated(droplet *spawnv1.Droplet) bool {
	attempt := droplet.Status.Attempt
	return droplet.Status.InstanceID == 0 && attempt != nil && attempt.State == spawnv1.AttemptRefused
}
