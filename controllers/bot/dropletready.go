// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
)

func waitingForInstance(name string) condition {
	return status.Unknown(spawnv1.DropletReadyCondition, spawnv1.WaitingForInstanceReason,
		"waiting for the instance of Droplet %s", name)
}

func waitingForAdmission() condition {
	return status.Unknown(spawnv1.DropletReadyCondition, spawnv1.WaitingForAdmissionReason,
		"no machine is created before the Bot is admitted")
}

// replacing says that a Droplet goes before the next one comes, and why it does not when it needs a person.
func replacing(droplet *spawnv1.Droplet) condition {
	message := "waiting for Droplet " + droplet.Name + " to be gone"
	if c := stuck(droplet); c != nil {
		return status.False(spawnv1.DropletReadyCondition, c.Reason, "%s: %s", message, c.Message)
	}
	return status.False(spawnv1.DropletReadyCondition, spawnv1.ReplacingMachineReason,
		"%s before the next machine is created", message)
}

// hibernating says how far the machine of a Bot that is to hibernate has come.
func hibernating(bot *spawnv1.Bot, droplet *spawnv1.Droplet) condition {
	if c := stuck(droplet); c != nil {
		return status.False(spawnv1.DropletReadyCondition, c.Reason, "%s", c.Message)
	}
	message := "a snapshot of Droplet " + droplet.Name + " is taken before it is destroyed"
	switch {
	case skipsSnapshot(bot):
		message = fmt.Sprintf("Droplet %s is destroyed without a snapshot, as annotation %s says",
			droplet.Name, spawnv1.SkipSnapshotAnnotation)
	case snapshotOf(droplet) != 0:
		message = fmt.Sprintf("there is snapshot %d, and Droplet %s is destroyed", snapshotOf(droplet), droplet.Name)
	}
	return status.False(spawnv1.DropletReadyCondition, spawnv1.HibernatingReason, "%s", message)
}

// hibernated says that there is no machine, as declared, and what it would be restored from.
func hibernated(bot *spawnv1.Bot) condition {
	message := "no machine and no snapshot yet"
	if id := bot.Status.SnapshotID; id != 0 {
		message = fmt.Sprintf("snapshot %d; no machine", id)
	}
	return status.True(spawnv1.DropletReadyCondition, spawnv1.HibernatedReason, "%s", message)
}

// stuck is the Droplet's Ready condition when it speaks of its present spec and a person must act.
func stuck(droplet *spawnv1.Droplet) *metav1.Condition {
	ready := status.Get(droplet, spawnv1.ReadyCondition)
	if ready == nil || !status.IsTrue(droplet, spawnv1.StalledCondition) ||
		ready.ObservedGeneration != droplet.Generation {
		return nil
	}
	return ready
}

// dropletReadyCondition mirrors the Droplet's Ready. While the instance is merely on its way the words stay the same,
// so that a Bot is not written for every step of its Droplet.
func dropletReadyCondition(bot *spawnv1.Bot, droplet *spawnv1.Droplet) condition {
	ready := status.Get(droplet, spawnv1.ReadyCondition)
	if ready == nil {
		return waitingForInstance(droplet.Name)
	}
	if ready.Status == metav1.ConditionTrue {
		return readyDroplet(bot, droplet)
	}
	switch ready.Reason {
	case spawnv1.CreatingReason, spawnv1.WaitingForInstanceReason, spawnv1.BootingReason, spawnv1.UnclaimedReason:
		return waitingForInstance(droplet.Name)
	}
	return status.False(spawnv1.DropletReadyCondition, ready.Reason, "%s", ready.Message)
}

// readyDroplet is of a Droplet that says it is Ready, which may be of a time when its power or size was to be another.
func readyDroplet(bot *spawnv1.Bot, droplet *spawnv1.Droplet) condition {
	isOff := status.Reason(droplet, spawnv1.RunningCondition) == spawnv1.PoweredOffReason
	switch wantsOff := droplet.Spec.PowerState == spawnv1.PowerOff; {
	case isOff && !wantsOff:
		return status.False(spawnv1.DropletReadyCondition, spawnv1.PoweringOnReason,
			"Droplet %s is to be powered on", droplet.Name)
	case !isOff && wantsOff:
		return status.False(spawnv1.DropletReadyCondition, spawnv1.PoweringOffReason,
			"Droplet %s is to be powered off", droplet.Name)
	case droplet.Status.Size != "" && droplet.Status.Size != droplet.Spec.Size:
		return status.False(spawnv1.DropletReadyCondition, spawnv1.ResizingReason,
			"Droplet %s is to be made a %s", droplet.Name, droplet.Spec.Size)
	case bot.Spec.DesiredState == spawnv1.BotPaused:
		return status.True(spawnv1.DropletReadyCondition, spawnv1.PausedReason,
			"Droplet %s is powered off", droplet.Name)
	}
	return status.True(spawnv1.DropletReadyCondition, spawnv1.DropletReadyReason, "Droplet %s is Ready", droplet.Name)
}

// unlisted says why there is no list of the fleet or of its snapshots, and what waits for it.
func unlisted(err error, format string, args ...any) condition {
	return status.Unknown(spawnv1.DropletReadyCondition, cloudReason(err), "%s: %s", fmt.Sprintf(format, args...),
		cloud.Message(err))
}

// cloudReason is the reason of a condition that waits for an answer of the cloud.
func cloudReason(err error) string {
	switch cloud.KindOf(err) { //nolint:exhaustive // every other kind means that there is no answer for now
	case cloud.Unauthorized:
		return spawnv1.CredentialsInvalidReason
	case cloud.Frozen:
		return cloud.Reason(err)
	case cloud.Throttled:
		return spawnv1.ThrottledReason
	}
	return spawnv1.CloudUnavailableReason
}
