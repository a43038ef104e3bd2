// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
)

// nextOperation is what has to be done to an instance as it was just seen, nil when there is nothing. One thing is done
// at a time, and what needs the machine off comes before it is powered on again. It is pure.
func nextOperation(
	droplet *spawnv1.Droplet, instance cloud.Instance, now time.Time, grace time.Duration,
) *cloud.ActionRequest {
	switch {
	case droplet.DeletionTimestamp.IsZero() && instance.Name != droplet.Name:
		return &cloud.ActionRequest{Type: cloud.ActionRename, Name: droplet.Name}
	case instance.State == cloud.StateOff:
		return nextWhileOff(droplet)
	case instance.State != cloud.StateActive || !mustBeOff(droplet):
		return nil
	case wasShutDownInVain(droplet, now, grace):
		return &cloud.ActionRequest{Type: cloud.ActionPowerOff}
	}
	return &cloud.ActionRequest{Type: cloud.ActionShutdown}
}

// nextWhileOff is nextOperation for an instance that is off.
func nextWhileOff(droplet *spawnv1.Droplet) *cloud.ActionRequest {
	switch {
	case isSnapshotDue(droplet):
		return &cloud.ActionRequest{Type: cloud.ActionSnapshot}
	case !droplet.DeletionTimestamp.IsZero():
		return nil
	case isResizeDue(droplet):
		return &cloud.ActionRequest{Type: cloud.ActionResize, Size: droplet.Spec.Size}
	case droplet.Spec.PowerState == spawnv1.PowerOn:
		return &cloud.ActionRequest{Type: cloud.ActionPowerOn}
	}
	return nil
}

// mustBeOff tells whether the machine should be off, or has to be for a while.
func mustBeOff(droplet *spawnv1.Droplet) bool {
	if !droplet.DeletionTimestamp.IsZero() {
		return isSnapshotDue(droplet)
	}
	return droplet.Spec.PowerState == spawnv1.PowerOff || isSnapshotDue(droplet) || isResizeDue(droplet)
}

// wasShutDownInVain tells whether the machine was asked to shut itself down, and has had its time.
func wasShutDownInVain(droplet *spawnv1.Droplet, now time.Time, grace time.Duration) bool {
	action := droplet.Status.Action
	if action == nil {
		return grace <= 0
	}
	switch cloud.ActionType(action.Type) {
	case cloud.ActionPowerOff:
		return true
	case cloud.ActionShutdown:
		return !now.Before(action.StartedAt.Add(grace))
	default:
		return grace <= 0
	}
}

// isResizeDue tells whether spec.size was changed and the machine can have it, as far as is known. A machine that
// somebody resized in the console is not resized back: that would stop it.
func isResizeDue(droplet *spawnv1.Droplet) bool {
	recorded := droplet.Status
	return recorded.Size != "" && droplet.Spec.Size != recorded.Size && !isSizeRefused(droplet)
}

func isSizeRefused(droplet *spawnv1.Droplet) bool {
	refused := droplet.Status.RefusedSize
	return refused != nil && refused.Size == droplet.Spec.Size
}

// wantsSnapshot tells whether there is to be a snapshot of the machine: its Bot hibernates, or the machine is being
// deleted and its disk is to be kept.
func wantsSnapshot(droplet *spawnv1.Droplet) bool {
	return droplet.Spec.Snapshot == spawnv1.SwitchEnabled ||
		!droplet.DeletionTimestamp.IsZero() && droplet.Spec.DeletionPolicy == spawnv1.DeletionPolicySnapshot
}

// isSnapshotDue tells whether a snapshot that is wanted was not seen to exist yet.
func isSnapshotDue(droplet *spawnv1.Droplet) bool {
	taken := droplet.Status.Snapshot
	return wantsSnapshot(droplet) && (taken == nil || taken.ID == 0)
}

// settleSize records which size the machine has on our behalf, from what was seen of it.
func settleSize(droplet *spawnv1.Droplet, instance cloud.Instance) {
	recorded := &droplet.Status
	if recorded.Size == "" {
		recorded.Size = instance.Size
	}
	if instance.Size == droplet.Spec.Size {
		recorded.Size = droplet.Spec.Size
	}
	if !isSizeRefused(droplet) || recorded.Size == droplet.Spec.Size {
		recorded.RefusedSize = nil
	}
}

// Waits between two tries at what DigitalOcean could not do, and between two tries while another action runs.
const (
	firstFailurePause, lastFailurePause = 30 * time.Second, 15 * time.Minute
	othersPause                         = 10 * time.Second
	// resizesTried is how often a resize may fail before the machine is powered on again as it was.
	resizesTried = 3
)

// failed notes that the operation could not be done, and when it is tried again.
func failed(action *spawnv1.InstanceAction, now time.Time, message string) time.Duration {
	const doublings = 10 // far beyond the last pause
	pause := min(firstFailurePause<<min(action.Failures, doublings), lastFailurePause)
	action.ID, action.EmptyLooks = 0, 0
	action.Failures++
	action.RetryAt = &metav1.Time{Time: now.Add(pause)}
	action.Message = message
	return pause
}
