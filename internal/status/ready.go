// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// Summarize computes Ready, Reconciling and Stalled from the conditions named in feeds, in order of blame: Ready is
// True when all of them are, and otherwise False for the first that is False, or the first that is not True. It also
// moves the observed generation, so every condition must have been set for the present one before.
func Summarize(obj Object, now time.Time, feeds ...string) {
	SummarizeAs(obj, now, True(spawnv1.ReadyCondition, spawnv1.ReadyReason, "as declared"), feeds...)
}

// SummarizeAs is Summarize for an object that says in words of its own that it is Ready, when it is.
func SummarizeAs(obj Object, now time.Time, ready metav1.Condition, feeds ...string) {
	obj.SetObservedGeneration(obj.GetGeneration())
	blame := firstToBlame(obj, feeds)
	if blame == nil {
		Set(obj, now, ready)
		Remove(obj, spawnv1.ReconcilingCondition)
		Remove(obj, spawnv1.StalledCondition)
		return
	}
	NotReady(obj, now, blame.Reason, blame.Message)
}

// NotReady says why the object is not Ready, and, by the reason, whether open-spawn works on it, or a person must.
func NotReady(obj Object, now time.Time, reason, message string) {
	obj.SetObservedGeneration(obj.GetGeneration())
	Set(obj, now, False(spawnv1.ReadyCondition, reason, "%s", message))
	present, absent := spawnv1.ReconcilingCondition, spawnv1.StalledCondition
	switch classOf(reason) {
	case resting:
		Remove(obj, spawnv1.ReconcilingCondition)
		Remove(obj, spawnv1.StalledCondition)
		return
	case stalled:
		present, absent = absent, present
	case progressing:
	}
	Remove(obj, absent)
	Set(obj, now, True(present, reason, "%s", message))
}

func firstToBlame(obj Object, feeds []string) *metav1.Condition {
	var unknown *metav1.Condition
	for _, feed := range feeds {
		c := Get(obj, feed)
		switch {
		case c == nil:
			c = &metav1.Condition{Type: feed, Reason: "Unknown", Message: "condition " + feed + " is not known yet"}
			fallthrough
		case c.Status == metav1.ConditionUnknown:
			if unknown == nil {
				unknown = c
			}
		case c.Status == metav1.ConditionFalse:
			return c
		}
	}
	return unknown
}

// NeedsPerson tells whether nothing gets better with that reason until a person acts or a spec changes.
func NeedsPerson(reason string) bool { return classOf(reason) == stalled }

// class is what a reason for not being Ready means for those who wait.
type class int

const (
	// progressing: it comes by itself. Every reason not listed below is this.
	progressing class = iota
	// stalled: a person must act, or a spec must change.
	stalled
	// resting: it is as somebody wanted it, though not Ready.
	resting
)

// classOf keeps all reasons in one place, because a Bot shows the reasons of its Droplet.
func classOf(reason string) class {
	switch reason {
	case spawnv1.CredentialsInvalidReason, spawnv1.BotsRemainReason, spawnv1.AccountDeletingReason,
		spawnv1.NameTakenReason, spawnv1.ReplaceRequiredReason, spawnv1.CreateRefusedReason,
		spawnv1.MassLossReason, spawnv1.InstanceNotOursReason, spawnv1.PowerDiffersReason,
		spawnv1.InstanceDiffersReason, spawnv1.AccountMismatchReason, spawnv1.FleetUnacknowledgedReason,
		spawnv1.FleetOfAnotherClusterReason, spawnv1.FleetRecordInvalidReason, spawnv1.SizeRefusedReason,
		spawnv1.SnapshotFailedReason, spawnv1.MassDestructionReason, spawnv1.SnapshotLostReason,
		spawnv1.RedeployBlockedReason, spawnv1.AccountLimitReachedReason, spawnv1.NamespaceNotAllowedReason,
		spawnv1.MachineNotAllowedReason, spawnv1.LiveTradingForbiddenReason, spawnv1.EndpointNotAllowedReason,
		spawnv1.SecretNotAllowedReason, spawnv1.RegistrationTimeoutReason, spawnv1.CredentialLostReason,
		spawnv1.SealKeyChangedReason, spawnv1.ConfigRejectedReason, spawnv1.SecretNotFoundReason,
		spawnv1.SecretKeyNotFoundReason, spawnv1.ConfigMapNotFoundReason, spawnv1.ConfigTooLargeReason,
		spawnv1.OpenClawVersionUnsupportedReason, spawnv1.OpenClawDowngradeReason:
		return stalled
	case spawnv1.AccountSuspendedReason:
		return resting
	}
	return progressing
}
