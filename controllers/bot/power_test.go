// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

func TestAPausedBotIsReadyOnceItsMachineIsOff(t *testing.T) {
	h := newHands(t)
	bot := h.GivenReadyBot("scout")
	h.want("scout", spawnv1.BotPaused)
	for range 3 { // the Droplet has not heard of it yet
		if _, err := h.ReconcileBot("scout"); err != nil {
			t.Fatal(err)
		}
		h.WantCondition(h.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.PoweringOffReason)
		wantOnly(t, h.Bot("scout"), spawnv1.ReconcilingCondition)
	}
	paused := h.untilReady("scout")
	h.WantCondition(paused, spawnv1.ReadyCondition, metav1.ConditionTrue, spawnv1.PausedReason)
	h.WantCondition(paused, spawnv1.DropletReadyCondition, metav1.ConditionTrue, spawnv1.PausedReason)
	if state := h.Live("scout")[0].State; state != "off" {
		t.Errorf("Ready and Paused while the machine is %s", state)
	}

	h.want("scout", spawnv1.BotRunning)
	if _, err := h.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	h.WantCondition(h.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.PoweringOnReason)
	awake := h.untilReady("scout")
	h.WantCondition(awake, spawnv1.ReadyCondition, metav1.ConditionTrue, spawnv1.ReadyReason)
	if now := h.Live("scout")[0]; now.State != "active" || now.ID != bot.Status.InstanceID {
		t.Errorf("machine %+v, want %d active", now, bot.Status.InstanceID)
	}
	wantInstances(t, h.Env, "scout", 1, 1)
}

func TestABotIsPausedAndResumedOverAndOver(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	for range 10 {
		h.want("scout", spawnv1.BotPaused)
		h.untilReady("scout")
		h.want("scout", spawnv1.BotRunning)
		h.untilReady("scout")
	}
	wantInstances(t, h.Env, "scout", 1, 1)
}

func TestASuspendedAccountKeepsItsMachinesOff(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	account := h.Account()
	h.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountSuspended })
	if _, err := h.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	h.WantCondition(h.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.PoweringOffReason)
	wantOnly(t, h.Bot("scout"), spawnv1.ReconcilingCondition)
	h.settle()
	bot := h.Bot("scout")
	h.WantCondition(bot, spawnv1.AdmittedCondition, metav1.ConditionFalse, spawnv1.AccountSuspendedReason)
	h.WantCondition(bot, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.AccountSuspendedReason)
	h.WantCondition(bot, spawnv1.DropletReadyCondition, metav1.ConditionTrue, spawnv1.DropletReadyReason)
	wantOnly(t, bot, "")
	wantInstances(t, h.Env, "scout", 1, 1)
	if state := h.Live("scout")[0].State; state != "off" {
		t.Errorf("the machine of a suspended account is %s", state)
	}

	h.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountActive })
	h.untilReady("scout")
	wantInstances(t, h.Env, "scout", 1, 1)
}

func TestAnAccountThatIsMissingOrGoesChangesNoPower(t *testing.T) {
	for name, lose := range map[string]func(*hands){
		"missing": func(h *hands) { strip(h.Env, h.Account()) },
		"going":   func(h *hands) { h.Delete(h.Account()) },
	} {
		for power, state := range map[spawnv1.PowerState]spawnv1.AccountDesiredState{
			spawnv1.PowerOn: spawnv1.AccountActive, spawnv1.PowerOff: spawnv1.AccountSuspended,
		} {
			t.Run(name+" and "+string(power), func(t *testing.T) {
				h := newHands(t)
				h.GivenReadyBot("scout")
				account := h.Account()
				h.Update(account, func() { account.Spec.DesiredState = state })
				h.settle()
				lose(h)
				h.settle()
				if got := h.DropletOf("scout").Spec.PowerState; got != power {
					t.Errorf("powerState %s, want %s as it was", got, power)
				}
				h.want("scout", spawnv1.BotPaused) // what the Bot itself says counts nevertheless
				h.settle()
				if got := h.DropletOf("scout").Spec.PowerState; got != spawnv1.PowerOff {
					t.Errorf("powerState %s of a paused bot", got)
				}
			})
		}
	}
}
