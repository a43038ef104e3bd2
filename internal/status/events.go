// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// action is what an event's reporter was doing, for all events of this operator.
const action = "Reconcile"

// Announce records one event when Ready changed its status or its reason between before and after: Warning when a
// person must act, Normal otherwise. An object seen for the first time and merely under way announces nothing.
func Announce(recorder events.EventRecorder, before, after Object) {
	was, is := Get(before, spawnv1.ReadyCondition), Get(after, spawnv1.ReadyCondition)
	switch {
	case is == nil, was == nil && IsTrue(after, spawnv1.ReconcilingCondition):
		return
	case was != nil && was.Status == is.Status && was.Reason == is.Reason:
		return
	}
	eventType := corev1.EventTypeNormal
	if IsTrue(after, spawnv1.StalledCondition) {
		eventType = corev1.EventTypeWarning
	}
	recorder.Eventf(after, nil, eventType, is.Reason, action, "%s", is.Message)
}
