// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

func TestNoInstanceIsAskedForBeforeTheFirewallIsInPlace(t *testing.T) {
	w := newWorld(t)
	w.Walled = true
	for range 3 {
		w.reconcileIn(10 * time.Second)
		w.Step(10 * time.Second)
	}
	w.wantExists(metav1.ConditionUnknown, spawnv1.WaitingForFirewallReason, "not been looked at yet")
	w.wantClass(spawnv1.ReconcilingCondition)
	if n := len(w.requests("", "")); n != 0 || w.droplet().Status.Attempt != nil {
		t.Errorf("%d requests, attempt %v: waiting costs nothing", n, w.droplet().Status.Attempt)
	}
	w.driveToReady()
	w.wantOne()
}

func TestAnInstanceThatExistsIsAdoptedWithoutAFirewall(t *testing.T) {
	w := newWorld(t)
	id := w.plant(time.Hour, fleetTag)
	w.Pass()
	w.Walled = true
	w.reconcileIn(0)
	if got := w.droplet().Status.InstanceID; got != id {
		t.Errorf("instance %d is recorded, want %d\n%s", got, id, w.Describe())
	}

	gone := newWorld(t)
	listed := gone.plant(time.Hour, fleetTag)
	gone.Pass()
	gone.Walled = true
	must(t, gone.Cloud.DestroyInstance(listed)) // after the pass that showed it
	gone.reconcileIn(10 * time.Second)
	gone.wantExists(metav1.ConditionUnknown, spawnv1.WaitingForFirewallReason)
	if n := len(gone.requests(http.MethodPost, "")); n != 0 {
		t.Errorf("%d instances were asked for", n)
	}
}
