// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

func TestASizeThatDoesNotExistIsStalledUntilTheSizeIsCorrected(t *testing.T) {
	w := newWorld(t)
	d := w.droplet()
	w.Update(d, func() { d.Spec.Size = "s-enormous" })

	w.reconcileIn(0)
	w.wantExists(metav1.ConditionFalse, spawnv1.CreateRefusedReason, "You specified an invalid size")
	w.wantClass(spawnv1.StalledCondition)
	for range 3 {
		w.Step(time.Hour)
		w.reconcileIn(0)
	}
	if w.Creates() != 1 {
		t.Errorf("%d create requests for a size that does not exist, want 1", w.Creates())
	}

	w.Update(d, func() { d.Spec.Size = "s-1vcpu-1gb" })
	w.driveToReady()
	w.wantOne()
	if attempt := w.droplet().Status.Attempt; w.Creates() != 2 || attempt.Number != 2 {
		t.Errorf("%d create requests and attempt %+v, want 2", w.Creates(), attempt)
	}
}

func TestAFullQuotaIsTriedAgainEveryQuarterOfAnHour(t *testing.T) {
	w := newWorld(t)
	w.Cloud.SetDropletLimit(0)

	w.reconcileIn(15 * time.Minute)
	w.wantExists(metav1.ConditionFalse, spawnv1.QuotaExceededReason, "droplet limit", "next try at")
	w.wantClass(spawnv1.ReconcilingCondition)
	w.Step(15 * time.Minute)
	w.reconcileIn(15 * time.Minute)
	if w.Creates() != 2 || w.Ever() != 0 {
		t.Errorf("%d create requests in 15 min, want 2", w.Creates())
	}

	w.Cloud.SetDropletLimit(10)
	w.Step(15 * time.Minute)
	w.driveToReady()
	w.wantOne()
}

func TestAReplacedTokenIsNoticedByItself(t *testing.T) {
	w := newWorld(t)
	w.Cloud.SetTokens("token-2")
	w.reconcileIn(time.Minute)
	w.wantExists(metav1.ConditionUnknown, spawnv1.CredentialsInvalidReason, "replace the token")
	w.wantClass(spawnv1.StalledCondition)

	w.SetToken("token-2")
	w.Step(time.Minute)
	w.driveToReady()
	w.wantOne()
}

func TestATokenThatFailsWhileTheInstanceIsReadyDoesNotTouchIt(t *testing.T) {
	w := readyWorld(t)
	w.Cloud.SetTokens("token-2")
	for range 5 {
		w.Pass()
		w.reconcileIn(0)
		w.Step(time.Minute)
	}
	if !w.IsReady(w.droplet()) {
		t.Errorf("a Droplet at rest is not Ready because its token fails\n%s", w.Describe())
	}
	w.deleteDroplet()
	w.reconcileIn(time.Minute)
	w.WantCondition(w.droplet(), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.CredentialsInvalidReason)
	w.wantFinalizer()

	w.SetToken("token-2")
	w.driveToGone()
	w.wantNone()
}

func TestADropletThatItsBotDoesNotClaimCreatesNothing(t *testing.T) {
	for name, unclaim := range map[string]func(*world){
		"another machine is named": func(w *world) {
			bot := w.Bot("scout")
			bot.Status.DropletName = "scout-another"
			if err := w.Client.Status().Update(w.t.Context(), bot); err != nil {
				w.t.Fatal(err)
			}
		},
		"the bot is gone": func(w *world) { w.Delete(w.Bot("scout")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			unclaim(w)
			w.reconcileIn(0)
			w.wantExists(metav1.ConditionUnknown, spawnv1.UnclaimedReason)
			w.wantClass(spawnv1.ReconcilingCondition)
			if len(w.requests("", "")) != 0 {
				t.Errorf("the cloud was asked for a machine that nobody claims: %v", w.requests("", ""))
			}
			w.deleteDroplet()
			w.driveToGone()
		})
	}
}

func TestABotThatDropsItsMachineRightBeforeTheRequestStopsIt(t *testing.T) {
	w := newWorld(t)
	at := afterIntent()
	w.pauseAt(at, false, func() { w.Delete(w.Bot("scout")) })
	w.reconcileIn(30 * time.Second)
	w.wantExists(metav1.ConditionFalse, spawnv1.UnclaimedReason, "nothing was asked for")
	if a := w.droplet().Status.Attempt; w.Creates() != 0 || a.State != spawnv1.AttemptRefused {
		t.Errorf("%d create requests and attempt %+v, want none and refused", w.Creates(), a)
	}
	w.Step(30 * time.Second)
	w.reconcileIn(0)
	w.wantExists(metav1.ConditionUnknown, spawnv1.UnclaimedReason)
}
