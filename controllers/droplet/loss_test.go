// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

// restingWorld has a Droplet that is Ready and old enough to be missed by a pass, beside others that make a fleet.
func restingWorld(t *testing.T, fleet int) (*world, []*world) {
	t.Helper()
	w := newWorld(t)
	all := []*world{w}
	for i := 1; i < fleet; i++ {
		w.many = true
		name := w.GivenDroplet(fmt.Sprintf("scout-%d", i)).Name
		all = append(all, &world{Env: w.Env, t: t, name: name, many: true})
	}
	for _, one := range all {
		one.driveToReady()
	}
	w.Step(2 * time.Minute)
	w.Pass()
	w.Cloud.ResetJournal()
	return w, all
}

func (w *world) destroyBehindOurBack() {
	w.t.Helper()
	must(w.t, w.Cloud.DestroyInstance(w.droplet().Status.InstanceID))
}

func TestAnInstanceIsLostAfterTwoAnswersHalfAMinuteApart(t *testing.T) {
	w, _ := restingWorld(t, 2)
	w.destroyBehindOurBack()

	w.reconcileIn(0)
	if n := len(w.requests("", "")); !w.IsReady(w.droplet()) || n != 0 {
		t.Errorf("%d calls before a pass has shown it", n)
	}
	w.Pass()
	w.reconcileIn(30 * time.Second)
	w.wantExists(metav1.ConditionUnknown, spawnv1.InstanceNotVisibleReason, "looking again")
	w.wantClass(spawnv1.ReconcilingCondition)

	w.Step(10 * time.Second)
	w.reconcileIn(20 * time.Second)
	w.wantExists(metav1.ConditionUnknown, spawnv1.InstanceNotVisibleReason)
	w.Step(20 * time.Second)
	w.reconcileIn(0)
	w.wantExists(metav1.ConditionFalse, spawnv1.InstanceLostReason, "open-spawn did not destroy it")
	w.wantClass(spawnv1.ReconcilingCondition)

	w.Step(time.Hour)
	w.Pass()
	w.reconcileIn(0)
	w.wantExists(metav1.ConditionFalse, spawnv1.InstanceLostReason)
	if w.Creates() != 0 {
		t.Error("a Droplet has asked for a second instance")
	}
	w.deleteDroplet()
	w.driveToGone()
}

func TestAnInstanceThatIsMissedOnceRecovers(t *testing.T) {
	w, _ := restingWorld(t, 2)
	id := w.droplet().Status.InstanceID
	must(t, w.Cloud.Retag(id, "other")) // the pass by tag misses it
	w.fault(http.MethodGet, one, dosim.Fault{Kind: dosim.FaultStatus, Status: 404})
	w.Pass()
	w.reconcileIn(30 * time.Second)
	w.wantExists(metav1.ConditionUnknown, spawnv1.InstanceNotVisibleReason)

	w.Step(30 * time.Second)
	w.reconcileIn(0)
	w.wantExists(metav1.ConditionTrue, spawnv1.InstanceFoundReason)
	if !w.IsReady(w.droplet()) {
		t.Errorf("the droplet has not recovered\n%s", w.Describe())
	}
}

func TestTheTwoAnswersAreHalfAMinuteApartAlsoAfterTheTokenFailed(t *testing.T) {
	w, _ := restingWorld(t, 2)
	must(t, w.Cloud.Retag(w.droplet().Status.InstanceID, "other"))
	w.fault(http.MethodGet, one, dosim.Fault{Kind: dosim.FaultStatus, Status: 401})
	w.Pass()
	w.reconcileIn(time.Minute)
	w.wantExists(metav1.ConditionUnknown, spawnv1.CredentialsInvalidReason)
	w.Step(time.Hour)

	w.fault(http.MethodGet, one, dosim.Fault{Kind: dosim.FaultStatus, Status: 404, Count: 2})
	w.reconcileIn(30 * time.Second)
	w.Step(time.Second)
	w.reconcileIn(29 * time.Second)
	w.wantExists(metav1.ConditionUnknown, spawnv1.InstanceNotVisibleReason)
	w.Step(29 * time.Second)
	w.reconcileIn(0)
	w.wantExists(metav1.ConditionTrue, spawnv1.InstanceFoundReason)
}

func TestALostInstanceThatReappearsIsFound(t *testing.T) {
	w, _ := restingWorld(t, 2)
	id := w.droplet().Status.InstanceID
	must(t, w.Cloud.Retag(id, "other"))
	w.fault(http.MethodGet, one, dosim.Fault{Kind: dosim.FaultStatus, Status: 404, Count: 2})
	w.Pass()
	w.reconcileIn(30 * time.Second)
	w.Step(30 * time.Second)
	w.reconcileIn(0)
	w.wantExists(metav1.ConditionFalse, spawnv1.InstanceLostReason)

	must(t, w.Cloud.Retag(id, fleetTag))
	w.Pass()
	w.reconcileIn(0)
	w.wantExists(metav1.ConditionTrue, spawnv1.InstanceFoundReason)
}

func TestAWholeFleetThatGoesMissingIsTakenForBlindness(t *testing.T) {
	w, fleet := restingWorld(t, 6)
	for _, one := range fleet {
		one.destroyBehindOurBack()
	}
	w.Pass()
	for _, one := range fleet {
		one.reconcileIn(30 * time.Second)
	}
	w.Step(30 * time.Second)
	w.Pass()
	for _, one := range fleet {
		one.reconcileIn(time.Minute)
		one.wantExists(metav1.ConditionUnknown, spawnv1.MassLossReason, "6 of 6 instances are missing")
		one.wantClass(spawnv1.StalledCondition)
	}
	w.Step(time.Hour)
	w.Pass()
	w.reconcileIn(time.Minute)
	w.wantExists(metav1.ConditionUnknown, spawnv1.MassLossReason)
	if w.Creates() != 0 {
		t.Errorf("%d create requests of a blind fleet, want none", w.Creates())
	}
}

func TestABlindFleetRecoversByItself(t *testing.T) {
	w, fleet := restingWorld(t, 3)
	for _, one := range fleet {
		must(t, w.Cloud.Retag(one.droplet().Status.InstanceID, "other"))
	}
	w.fault(http.MethodGet, one, dosim.Fault{Kind: dosim.FaultStatus, Status: 404, Count: dosim.Forever})
	w.Pass()
	for _, one := range fleet {
		one.reconcileIn(30 * time.Second)
	}
	w.Step(30 * time.Second)
	for _, one := range fleet {
		one.reconcileIn(time.Minute)
		one.wantExists(metav1.ConditionUnknown, spawnv1.MassLossReason)
	}
	w.Cloud.ClearFaults()
	for _, one := range fleet {
		must(t, w.Cloud.Retag(one.droplet().Status.InstanceID, fleetTag))
	}
	w.Step(time.Minute)
	w.Pass()
	for _, one := range fleet {
		one.reconcileIn(0)
		if !w.IsReady(one.droplet()) {
			t.Errorf("the fleet is not Ready again\n%s", w.Describe())
		}
	}
}

func TestInstancesThatWeDestroyOurselvesAreNoMassLoss(t *testing.T) {
	w, fleet := restingWorld(t, 8)
	for _, one := range fleet[2:] {
		d := one.droplet()
		one.Update(d, func() { d.Annotations = map[string]string{spawnv1.ConfirmDestroyAnnotation: "true"} })
		one.deleteDroplet()
		one.reconcileIn(2 * time.Second) // destroyed, and the Droplet still there
	}
	w.destroyBehindOurBack()
	w.Pass()
	w.reconcileIn(30 * time.Second)
	w.Step(30 * time.Second)
	w.reconcileIn(0)
	w.wantExists(metav1.ConditionFalse, spawnv1.InstanceLostReason)
}

func TestWhatNobodyCanMendIsSeenWithoutACall(t *testing.T) {
	w := readyWorld(t)
	must(t, w.Cloud.SetState(w.droplet().Status.InstanceID, "archive"))
	w.Pass()
	w.reconcileIn(0)
	d := w.droplet()
	w.WantCondition(d, spawnv1.RunningCondition, metav1.ConditionFalse, spawnv1.PowerDiffersReason, "state archive")
	w.WantCondition(d, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.PowerDiffersReason)
	w.wantClass(spawnv1.StalledCondition)
	if n := len(w.requests("", "")); n != 0 {
		t.Errorf("%d calls for what a pass has shown, want none", n)
	}
}

func TestAnInstanceThatWasNotComparedWithTheSpecIsNotCalledAsSpecified(t *testing.T) {
	w := readyWorld(t)
	w.wish(off)
	w.fault(http.MethodGet, one, dosim.Fault{Kind: dosim.FaultStatus, Status: 503})
	if _, err := w.reconcile(); err == nil {
		t.Error("a read that failed is no error")
	}
	w.WantCondition(w.droplet(), spawnv1.AsSpecifiedCondition, metav1.ConditionUnknown,
		spawnv1.WaitingForInstanceReason, "not compared with this spec")
	w.wantClass(spawnv1.ReconcilingCondition)
	w.driveToSettled()
}
