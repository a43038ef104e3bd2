// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

// desiredDroplet is the Droplet that a Bot should have under a machine name, begun from the image. It is created with
// its finalizer on it, and without an owner reference: garbage collection by uid would destroy a fleet that was
// restored from a backup.
func desiredDroplet(bot *spawnv1.Bot, name string) *spawnv1.Droplet {
	m := bot.Spec.Machine
	droplet := &spawnv1.Droplet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: bot.Namespace, Name: name,
			Labels: map[string]string{
				spawnv1.BotLabel: bot.Name, spawnv1.AccountLabel: bot.Spec.AccountRef.Name,
			},
			Finalizers: []string{spawnv1.DropletFinalizer},
		},
		Spec: spawnv1.DropletSpec{
			BotRef: spawnv1.BotReference{Name: bot.Name},
			Region: m.Region, Size: m.Size, Image: m.Image,
			SSHKeys: m.SSHKeys, VPCUUID: m.VPCUUID,
			Backups: m.Backups, Monitoring: m.Monitoring, IPv6: m.IPv6,
			Tags: m.Tags, Packages: m.Packages,
			PowerState: spawnv1.PowerOn,
		},
	}
	mirrorTo(bot, &droplet.Spec)
	return droplet
}

// mirrorTo brings what of a Droplet's spec may change to what the Bot says. A Bot that is not admitted keeps the size
// that its machine has; what stops it or lets it go is never held back.
func mirrorTo(bot *spawnv1.Bot, spec *spawnv1.DropletSpec) {
	if isAdmitted(bot) {
		spec.Size = bot.Spec.Machine.Size
	}
	spec.PowerState = desiredPower(bot, spec.PowerState)
	spec.DeletionPolicy = keptAfter(bot)
	switch {
	case isHibernated(bot) && !skipsSnapshot(bot):
		spec.Snapshot = spawnv1.SwitchEnabled
	case spec.Snapshot == spawnv1.SwitchEnabled:
		spec.Snapshot = spawnv1.SwitchDisabled // unset means the same, and is left as it is
	}
}

// desiredPower is on for a Bot that should run, and for no other: one that should be hibernated is not as declared
// while its machine is on. A suspended Account powers off; one that is missing or goes is no reason to change anything.
func desiredPower(bot *spawnv1.Bot, has spawnv1.PowerState) spawnv1.PowerState {
	if bot.Spec.DesiredState != spawnv1.BotRunning {
		return spawnv1.PowerOff
	}
	switch status.Reason(bot, spawnv1.AdmittedCondition) {
	case spawnv1.AccountSuspendedReason:
		return spawnv1.PowerOff
	case spawnv1.AccountNotFoundReason, spawnv1.AccountDeletingReason:
		return has
	}
	return spawnv1.PowerOn
}

// keptAfter is what the Bot's deletion keeps of its machine.
func keptAfter(bot *spawnv1.Bot) spawnv1.DeletionPolicy {
	if skipsSnapshot(bot) {
		return spawnv1.DeletionPolicyDelete
	}
	return bot.Spec.DeletionPolicy
}

func isHibernated(bot *spawnv1.Bot) bool { return bot.Spec.DesiredState == spawnv1.BotHibernated }

// skipsSnapshot tells whether somebody has said that the machine's disk may be lost.
func skipsSnapshot(bot *spawnv1.Bot) bool {
	return bot.Annotations[spawnv1.SkipSnapshotAnnotation] == "true"
}

// restoresFrom is the snapshot that the Bot's next machine begins from, 0 for the image: there is none, or
// spec.redeployAt has come and asks for another machine than the last.
func restoresFrom(bot *spawnv1.Bot, now time.Time) int64 {
	if last := bot.Status.MachineCreatedAt; last != nil && redeployDue(bot, *last, now) {
		return 0
	}
	return bot.Status.SnapshotID
}

// newDroplet is a Droplet to be created now, which begins from a snapshot unless that is 0.
func newDroplet(bot *spawnv1.Bot, snapshot int64, now time.Time) *spawnv1.Droplet {
	droplet := desiredDroplet(bot, bot.Status.DropletName)
	droplet.Annotations = map[string]string{spawnv1.CreatedAtAnnotation: now.UTC().Format(time.RFC3339)}
	if snapshot != 0 {
		droplet.Spec.Image, droplet.Spec.SnapshotID = "", snapshot
	}
	return droplet
}

// change writes an edit of what of a Droplet's spec may change, if it changes anything.
func change(ctx context.Context, c client.Client, droplet *spawnv1.Droplet, edit func(*spawnv1.DropletSpec)) error {
	before := droplet.DeepCopy()
	edit(&droplet.Spec)
	if equality.Semantic.DeepEqual(before.Spec, droplet.Spec) {
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := c.Patch(ctx, droplet, patch); err != nil {
		return fmt.Errorf("changing droplet %s: %w", droplet.Name, err)
	}
	return nil
}

// forgoSnapshot says to a Droplet that is about to be deleted that nothing of its machine is kept.
func forgoSnapshot(spec *spawnv1.DropletSpec) {
	spec.DeletionPolicy = spawnv1.DeletionPolicyDelete
	if spec.Snapshot == spawnv1.SwitchEnabled {
		spec.Snapshot = spawnv1.SwitchDisabled
	}
}
