// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

var errLost = errors.New("the connection broke")

func TestABotDeletedWhileItsInstanceIsAskedForLeavesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		// lost is what becomes of the request, or of its reply, in whose midst the Bot is deleted.
		before, after bool
		lost          error
		fault         dosim.FaultKind
		ever          int
	}{
		"and the request is obeyed":            {before: true, ever: 1},
		"and the request never leaves":         {before: true, lost: errLost},
		"and the reply is read":                {after: true, ever: 1},
		"and the reply is lost":                {after: true, lost: errLost, ever: 1},
		"and the request is obeyed much later": {before: true, fault: dosim.FaultLateCommit, ever: 1},
		"and the request is refused":           {before: true, fault: dosim.FaultStatus},
	} {
		t.Run(name, func(t *testing.T) {
			e := testenv.New(t)
			e.GivenAccount()
			bot := e.GivenBot("scout")
			if test.fault != "" {
				e.Cloud.AddFault(dosim.Fault{
					Kind: test.fault, Method: http.MethodPost, Route: "/v2/droplets", Delay: time.Minute,
				})
			}
			hook := once(isCreate, func() error {
				e.Delete(bot)
				return test.lost
			})
			if test.before {
				e.Manager.Before = hook
			}
			if test.after {
				e.Manager.After = hook
			}
			untilGone(e, bot)
			if droplets := e.Droplets(); len(droplets) != 0 || e.Creates() > 1 {
				t.Errorf("left behind: droplets %v after %d create requests", droplets, e.Creates())
			}
			e.Step(time.Hour)
			wantInstances(t, e, "scout", 0, test.ever)
		})
	}
}

func TestABotIsDeletedAtAnyMomentOfItsFirstMinutes(t *testing.T) {
	const rounds = 9
	for after := range rounds {
		e := testenv.New(t)
		e.GivenAccount()
		bot := e.GivenBot("scout")
		for range after {
			e.Pass()
			if _, err := e.Round(); err != nil {
				t.Fatalf("before the deletion: %v", err)
			}
			e.Step(time.Second)
		}
		e.Delete(bot)
		untilGone(e, bot)
		if live := e.Live("scout"); len(live) != 0 || len(e.Droplets()) != 0 {
			t.Errorf("deleted after %d rounds: left behind %v and %v", after, live, e.Droplets())
		}
	}
}

func TestABotBeingDeletedSaysWhatItWaitsFor(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenReadyBot("scout")
	droplet := e.DropletOf("scout")
	e.Cloud.AddFault(dosim.Fault{
		Kind: dosim.FaultStatus, Method: http.MethodDelete, Status: http.StatusForbidden, Count: dosim.Forever,
	})
	e.Delete(bot)
	if _, err := e.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	e.WantCondition(e.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.DeletingReason, droplet.Name)
	wantOnly(t, e.Bot("scout"), spawnv1.ReconcilingCondition)

	e.Until("the trouble shows on the bot", func() bool {
		return reasonOf(e.Bot("scout"), spawnv1.ReadyCondition) == spawnv1.CredentialsInvalidReason
	})
	wantOnly(t, e.Bot("scout"), spawnv1.StalledCondition)
	wantInstances(t, e, "scout", 1, 1)

	e.Cloud.ClearFaults()
	untilGone(e, bot)
	wantInstances(t, e, "scout", 0, 1)
}

func TestABotInATerminatingNamespaceWaitsQuietly(t *testing.T) {
	e := testenv.New(t)
	e.GivenAccount()
	bot := e.GivenBot("scout")
	e.Delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.Namespace}})
	for range 5 {
		e.Pass()
		if _, err := e.Round(); err != nil {
			t.Fatalf("in a terminating namespace: %v", err)
		}
		e.Step(time.Minute)
	}
	e.Settle()
	e.WantCondition(e.Bot("scout"), spawnv1.DropletReadyCondition, metav1.ConditionUnknown,
		spawnv1.WaitingForInstanceReason)
	wantOnly(t, e.Bot("scout"), spawnv1.ReconcilingCondition)
	if calls := otherThanPasses(e); len(calls) > 1 || len(calls) == 1 && calls[0].Route != "/v2/sizes" {
		t.Errorf("the cloud was asked %v, want nothing but once what a machine costs", calls)
	}

	e.Delete(bot)
	untilGone(e, bot)
	wantInstances(t, e, "scout", 0, 0)
}

func TestAReadyBotGoesWithItsTerminatingNamespace(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenReadyBot("scout")
	e.Delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.Namespace}})
	// What the namespace controller does: it deletes every object there, in any order.
	e.Delete(e.DropletOf("scout"))
	e.Delete(bot)
	untilGone(e, bot)
	if len(e.Droplets()) != 0 {
		t.Errorf("left behind: %v", e.Droplets())
	}
	wantInstances(t, e, "scout", 0, 1)
}

func TestADropletWhoseBotWasForcedAwayGetsNoInstance(t *testing.T) {
	e := testenv.New(t)
	e.GivenAccount()
	bot := e.GivenBot("scout")
	e.Manager.Before = once(isDropletCreate, func() error {
		strip(e, bot)
		return nil
	})
	e.Until("there is a droplet", func() bool { return len(e.Droplets()) == 1 })
	e.Settle()
	e.WantCondition(e.DropletOf("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.UnclaimedReason)
	wantInstances(t, e, "scout", 0, 0)
}
