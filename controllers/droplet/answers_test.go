// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

// answer is one way in which DigitalOcean can refuse, and what is made of it.
type answer struct {
	fault      dosim.Fault
	wantStatus metav1.ConditionStatus
	wantReason string
	// wantSays is in the message of condition Exists.
	wantSays string
	// wantClass is Reconciling, Stalled, or empty when the Droplet stays Ready or merely boots on.
	wantClass string
	// wantWait is how soon it is tried again; 0 with wantError leaves that to the backoff.
	wantWait  time.Duration
	wantError bool
}

func refusal(code int, message string) dosim.Fault {
	return dosim.Fault{Kind: dosim.FaultStatus, Status: code, Message: message}
}

var (
	throttled = dosim.Fault{Kind: dosim.FaultStatus, Status: 429, RetryAfter: 90 * time.Second}
	page      = dosim.Fault{Kind: dosim.FaultStatus, Status: 502, HTML: true}
)

const (
	quotaText   = "creating this/these droplet(s) will exceed your droplet limit"
	pendingText = "Droplet already has a pending event."
	reconciling = spawnv1.ReconcilingCondition
	stalled     = spawnv1.StalledCondition
)

// check reconciles once and compares.
func (a answer) check(w *world) {
	w.t.Helper()
	result, err := w.reconcile()
	if (err != nil) != a.wantError {
		w.t.Errorf("reconcile came to error %v, want one: %v", err, a.wantError)
	}
	if result.RequeueAfter != a.wantWait {
		w.t.Errorf("the next try is in %s, want %s", result.RequeueAfter, a.wantWait)
	}
	w.wantExists(a.wantStatus, a.wantReason, a.wantSays)
	w.wantClass(a.wantClass)
	w.wantFinalizer()
}

func TestAnAnswerToTheCreateRequestIsReadForWhatItProves(t *testing.T) {
	const no, maybe = metav1.ConditionFalse, metav1.ConditionUnknown
	for name, a := range map[string]answer{
		"401": {fault: refusal(401, "Unable to authenticate you."), wantStatus: no, wantSays: "Unable to authenticate you",
			wantReason: spawnv1.CredentialsInvalidReason, wantClass: stalled, wantWait: time.Minute},
		"403": {fault: refusal(403, "You are missing the scope"), wantStatus: no, wantSays: "missing the scope",
			wantReason: spawnv1.CredentialsInvalidReason, wantClass: stalled, wantWait: time.Minute},
		"404": {fault: refusal(404, ""), wantStatus: no, wantSays: "could not be found",
			wantReason: spawnv1.CreateRefusedReason, wantClass: stalled},
		"422 for the size": {fault: refusal(422, "You specified an invalid size"), wantStatus: no,
			wantSays: "You specified an invalid size", wantReason: spawnv1.CreateRefusedReason, wantClass: stalled},
		"422 for the quota": {fault: refusal(422, quotaText), wantStatus: no, wantSays: quotaText,
			wantReason: spawnv1.QuotaExceededReason, wantClass: reconciling, wantWait: 15 * time.Minute},
		"422 for want of room": {fault: refusal(422, "Size is not available in this region."), wantStatus: no,
			wantReason: spawnv1.QuotaExceededReason, wantClass: reconciling, wantWait: 15 * time.Minute},
		"429": {fault: throttled, wantStatus: no, wantSays: "next try at",
			wantReason: spawnv1.ThrottledReason, wantClass: reconciling, wantWait: 90 * time.Second},
		"429 for the hour": {fault: refusal(429, ""), wantStatus: no, wantSays: "next try at",
			wantReason: spawnv1.ThrottledReason, wantClass: reconciling, wantWait: 5 * time.Second},
		"500": {fault: refusal(500, "oops"), wantStatus: maybe, wantSays: "oops",
			wantReason: spawnv1.CreateUnresolvedReason, wantClass: reconciling, wantWait: 5 * time.Second},
		"HTML": {fault: page, wantStatus: maybe, wantSays: "HTTP 502",
			wantReason: spawnv1.CreateUnresolvedReason, wantClass: reconciling, wantWait: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fault(http.MethodPost, list, a.fault)
			a.check(w)
			wantState := spawnv1.AttemptRefused
			if a.wantStatus == maybe {
				wantState = spawnv1.AttemptPending
			}
			if attempt := w.droplet().Status.Attempt; attempt == nil || attempt.State != wantState {
				t.Errorf("attempt is %+v, want it %s", attempt, wantState)
			}
			if a.wantStatus == no && a.wantWait != 0 {
				w.Step(a.wantWait - time.Second)
				w.reconcileIn(time.Second)
				if w.Creates() != 1 {
					t.Error("it was asked again before its time")
				}
				w.Step(time.Second)
				w.reconcileIn(5 * time.Second)
				w.wantOne()
			}
		})
	}
}

func TestAnAnswerToTheLookBeforeTheCreateCreatesNothing(t *testing.T) {
	const unknown = metav1.ConditionUnknown
	for name, a := range map[string]answer{
		"401": {fault: refusal(401, ""), wantStatus: unknown, wantReason: spawnv1.CredentialsInvalidReason,
			wantClass: stalled, wantWait: time.Minute},
		"403": {fault: refusal(403, ""), wantStatus: unknown, wantReason: spawnv1.CredentialsInvalidReason,
			wantClass: stalled, wantWait: time.Minute},
		"404": {fault: refusal(404, ""), wantStatus: unknown, wantReason: spawnv1.CloudUnavailableReason,
			wantClass: reconciling, wantWait: time.Minute},
		"422": {fault: refusal(422, "no such filter"), wantStatus: unknown, wantReason: spawnv1.CloudUnavailableReason,
			wantSays: "no such filter; trying again", wantClass: reconciling, wantWait: time.Minute},
		"429": {fault: throttled, wantStatus: unknown, wantReason: spawnv1.ThrottledReason, wantSays: "next try at",
			wantClass: reconciling, wantWait: 90 * time.Second},
		"503": {fault: refusal(503, "maintenance"), wantStatus: unknown, wantReason: spawnv1.CloudUnavailableReason,
			wantSays: "maintenance", wantClass: reconciling, wantError: true},
		"HTML": {fault: page, wantStatus: unknown, wantReason: spawnv1.CloudUnavailableReason,
			wantClass: reconciling, wantError: true},
		"a list that is cut": {fault: dosim.Fault{Kind: dosim.FaultCutBody}, wantStatus: unknown,
			wantReason: spawnv1.CloudUnavailableReason, wantClass: reconciling, wantError: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fault(http.MethodGet, list, a.fault)
			a.check(w)
			if w.Creates() != 0 || w.droplet().Status.Attempt != nil {
				t.Errorf("an attempt was made after a look that failed: %+v", w.droplet().Status.Attempt)
			}
			w.driveToReady()
			w.wantOne()
		})
	}
}

func TestAnAnswerToAReadIsNoNewsAboutTheInstance(t *testing.T) {
	const yes, unknown = metav1.ConditionTrue, metav1.ConditionUnknown
	for name, a := range map[string]answer{
		"401": {fault: refusal(401, ""), wantStatus: unknown, wantReason: spawnv1.CredentialsInvalidReason,
			wantClass: stalled, wantWait: time.Minute},
		"403": {fault: refusal(403, ""), wantStatus: unknown, wantReason: spawnv1.CredentialsInvalidReason,
			wantClass: stalled, wantWait: time.Minute},
		"404": {fault: refusal(404, ""), wantStatus: unknown, wantReason: spawnv1.InstanceNotVisibleReason,
			wantClass: reconciling, wantWait: 30 * time.Second},
		"422": {fault: refusal(422, ""), wantStatus: yes, wantReason: spawnv1.InstanceFoundReason,
			wantClass: reconciling, wantWait: time.Minute},
		"429": {fault: throttled, wantStatus: yes, wantReason: spawnv1.InstanceFoundReason,
			wantClass: reconciling, wantWait: 90 * time.Second},
		"500": {fault: refusal(500, ""), wantStatus: yes, wantReason: spawnv1.InstanceFoundReason,
			wantClass: reconciling, wantError: true},
		"HTML": {fault: page, wantStatus: yes, wantReason: spawnv1.InstanceFoundReason,
			wantClass: reconciling, wantError: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t) // Reconciling below is for the booting
			w.reconcileIn(5 * time.Second)
			w.fault(http.MethodGet, one, a.fault)
			a.check(w)
			w.driveToReady()
			w.wantOne()
		})
	}
}

func TestAnAnswerToTheDestructionNeverLetsTheDropletGo(t *testing.T) {
	const yes, unknown = metav1.ConditionTrue, metav1.ConditionUnknown
	for name, a := range map[string]answer{
		"401": {fault: refusal(401, ""), wantStatus: unknown, wantReason: spawnv1.CredentialsInvalidReason,
			wantClass: stalled, wantWait: time.Minute},
		"403": {fault: refusal(403, ""), wantStatus: unknown, wantReason: spawnv1.CredentialsInvalidReason,
			wantClass: stalled, wantWait: time.Minute},
		"404": {fault: refusal(404, ""), wantStatus: yes, wantReason: spawnv1.DestroyingReason,
			wantClass: reconciling, wantWait: 2 * time.Second},
		"422": {fault: refusal(422, "it is locked"), wantStatus: yes, wantReason: spawnv1.DestroyingReason,
			wantSays: "it is locked", wantClass: reconciling, wantWait: time.Minute},
		"422 for a pending event": {fault: refusal(422, pendingText), wantStatus: yes,
			wantReason: spawnv1.DestroyingReason, wantSays: pendingText, wantClass: reconciling, wantWait: 5 * time.Second},
		"429": {fault: throttled, wantStatus: yes, wantReason: spawnv1.DestroyingReason, wantSays: "next try at",
			wantClass: reconciling, wantWait: 90 * time.Second},
		"500": {fault: refusal(500, "oops"), wantStatus: yes, wantReason: spawnv1.DestroyingReason, wantSays: "oops",
			wantClass: reconciling, wantError: true},
		"HTML": {fault: page, wantStatus: yes, wantReason: spawnv1.DestroyingReason, wantSays: "HTTP 502",
			wantClass: reconciling, wantError: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := readyWorld(t)
			w.deleteDroplet()
			w.fault(http.MethodDelete, one, a.fault)
			a.check(w)
			reason := spawnv1.DeletingReason
			if a.wantClass == stalled {
				reason = a.wantReason
			}
			w.WantCondition(w.droplet(), spawnv1.ReadyCondition, metav1.ConditionFalse, reason)
			w.driveToGone()
			w.wantNone()
		})
	}
}

func TestAnInvalidTokenHoldsTheFinalizerWhereverItIsNoticed(t *testing.T) {
	for _, code := range []int{401, 403} {
		for where, route := range map[string]string{"on the read": one, "on the look by name": list} {
			t.Run(http.StatusText(code)+" "+where, func(t *testing.T) {
				w := readyWorld(t)
				w.deleteDroplet()
				w.fault(http.MethodGet, route, dosim.Fault{Kind: dosim.FaultStatus, Status: code, Count: 3})
				w.drive("the token is refused", func() bool {
					return existsReason(w.droplet()) == spawnv1.CredentialsInvalidReason
				})
				w.wantClass(stalled)
				w.wantFinalizer()
				w.Step(time.Minute)
				w.reconcileIn(time.Minute)
				w.wantFinalizer()
				w.driveToGone()
				w.wantNone()
			})
		}
	}
}
