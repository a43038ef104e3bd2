// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

// redeployAt sets spec.redeployAt that far from now.
func (h *hands) redeployAt(name string, from time.Duration) {
	h.t.Helper()
	at := metav1.NewTime(h.Clock.Now().Add(from).Truncate(time.Second))
	bot := h.Bot(name)
	h.Update(bot, func() { bot.Spec.RedeployAt = &at })
}

func TestAMachineIsReplacedWhenItsInstantHasComeAndNotBefore(t *testing.T) {
	h := newHands(t)
	first := h.GivenReadyBot("scout")
	h.Step(time.Minute)
	h.redeployAt("scout", time.Hour)
	bot := h.Bot("scout")
	h.Update(bot, func() {
		bot.Spec.Machine.Image, bot.Spec.Machine.Packages = "debian-12-x64", []string{"jq"}
		bot.Spec.DeletionPolicy = spawnv1.DeletionPolicySnapshot
	})
	result, err := h.ReconcileBot("scout")
	if err != nil || result.RequeueAfter <= 0 || result.RequeueAfter > time.Hour {
		t.Errorf("result %v, error %v, want to look again when the instant has come", result, err)
	}
	h.WantCondition(h.Bot("scout"), spawnv1.AsSpecifiedCondition, metav1.ConditionFalse, spawnv1.ReplaceRequiredReason,
		bot.Spec.RedeployAt.UTC().Format(time.RFC3339))
	wantInstances(t, h.Env, "scout", 1, 1)

	h.Step(result.RequeueAfter)
	if _, err := h.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	h.WantCondition(h.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.ReplacingMachineReason)
	if d := h.DropletOf("scout"); d.Spec.DeletionPolicy != spawnv1.DeletionPolicyDelete || d.DeletionTimestamp.IsZero() {
		t.Errorf("droplet %+v, want it deleted without a snapshot", d.Spec)
	}
	second := h.untilReady("scout")
	h.settle()
	wantInstances(t, h.Env, "scout", 1, 2)
	if spec := h.DropletOf("scout").Spec; spec.Image != "debian-12-x64" || len(spec.Packages) != 1 ||
		spec.DeletionPolicy != spawnv1.DeletionPolicySnapshot {
		t.Errorf("the next machine is %+v", spec)
	}
	if second.Status.Incarnation != 2 || second.Status.InstanceID == first.Status.InstanceID {
		t.Errorf("status %+v, want another incarnation", second.Status)
	}
	h.wantSnapshots()
	h.Step(24 * time.Hour)
	h.settle()
	wantInstances(t, h.Env, "scout", 1, 2)
}

func TestAMachineIsReplacedOverAndOver(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	for n := range 10 {
		h.Step(time.Hour) // a bot has six machine operations in an hour
		h.redeployAt("scout", 0)
		h.until("it is replaced", func() bool { return h.Bot("scout").Status.Incarnation == int64(n+2) })
		h.untilReady("scout")
		wantInstances(t, h.Env, "scout", 1, n+2)
	}
}

func TestManyMachinesAreReplacedAtOnce(t *testing.T) {
	const fleet = 8
	h := newHands(t)
	most := int32(fleet)
	h.GivenAccount(func(a *spawnv1.Account) { a.Spec.MaxBots = &most })
	h.Step(time.Hour)
	for n := range fleet {
		h.GivenBot(fmt.Sprintf("bot-%d", n))
	}
	all := func(incarnation int64) func() bool {
		return func() bool {
			for n := range fleet {
				bot := h.Bot(fmt.Sprintf("bot-%d", n))
				if !h.IsReady(bot) || bot.Status.Incarnation != incarnation {
					return false
				}
			}
			return true
		}
	}
	h.until("all are Ready", all(1))
	h.Step(time.Hour)
	for n := range fleet {
		h.redeployAt(fmt.Sprintf("bot-%d", n), 0)
	}
	h.until("all are replaced", all(2))
	if h.Ever() != 2*fleet {
		t.Errorf("%d instances were created, want %d", h.Ever(), 2*fleet)
	}
}

// HourlyMicroUSD is what nobody minds.
func (m *stubborn) HourlyMicroUSD(context.Context, string) (int64, error) { return 1, nil }

// stubborn is a market that refuses every machine of a size.
type stubborn struct{ size string }

func (m *stubborn) Refuses(_ context.Context, machine spawnv1.Machine) (string, error) {
	switch m.size {
	case machine.Size:
		return "size " + m.size + " is sold out", nil
	case "?":
		return "", errors.New("nobody answers")
	}
	return "", nil
}

func TestAMachineIsKeptWhileTheNextOneWouldBeRefused(t *testing.T) {
	for name, test := range map[string]struct {
		hinder func(*hands, *stubborn)
		mend   func(*hands, *stubborn)
		says   string
		ready  string
	}{
		"because what is asked for cannot be had": {
			hinder: func(h *hands, m *stubborn) { m.size = "s-1vcpu-2gb" },
			mend:   func(_ *hands, m *stubborn) { m.size = "" },
			says:   "sold out", ready: spawnv1.RedeployBlockedReason,
		},
		"because nobody can tell what can be had": {
			hinder: func(h *hands, m *stubborn) { m.size = "?" },
			mend:   func(_ *hands, m *stubborn) { m.size = "" },
			says:   "nobody answers", ready: spawnv1.RedeployBlockedReason,
		},
		"because the bot is not admitted": {
			hinder: func(h *hands, _ *stubborn) { strip(h.Env, h.Account()) },
			mend:   func(h *hands, _ *stubborn) { h.GivenAccount() },
			says:   "not admitted", ready: spawnv1.AccountNotFoundReason,
		},
		"because the cloud does not answer": {
			hinder: func(h *hands, _ *stubborn) {
				h.Cloud.AddFault(dosim.Fault{
					Kind: dosim.FaultStatus, Method: http.MethodGet, Route: "/v2/droplets", Status: http.StatusBadGateway,
					Count: dosim.Forever,
				})
				h.Pass()
			},
			mend: func(h *hands, _ *stubborn) { h.Cloud.ClearFaults(); h.Pass() },
			says: "cannot be asked", ready: spawnv1.RedeployBlockedReason,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHands(t)
			market := &stubborn{}
			h.Market = market
			h.Restart()
			first := h.GivenReadyBot("scout")
			h.Step(time.Hour)
			test.hinder(h, market)
			h.redeployAt("scout", 0)
			result, err := h.ReconcileBot("scout")
			if err != nil || result.RequeueAfter <= 0 || result.RequeueAfter > 10*time.Minute {
				t.Errorf("result %v, error %v, want to look again in a few minutes", result, err)
			}
			bot := h.Bot("scout")
			h.WantCondition(bot, spawnv1.AsSpecifiedCondition, metav1.ConditionFalse, spawnv1.RedeployBlockedReason, test.says)
			h.WantCondition(bot, spawnv1.ReadyCondition, metav1.ConditionFalse, test.ready)
			if now := h.Live("scout")[0]; now.ID != first.Status.InstanceID || now.State != "active" {
				t.Errorf("the machine is %+v, want %d running on", now, first.Status.InstanceID)
			}
			test.mend(h, market)
			h.until("it is replaced", func() bool { return h.Bot("scout").Status.Incarnation == 2 })
			h.untilReady("scout")
			wantInstances(t, h.Env, "scout", 1, 2)
		})
	}
}

func TestAMachineIsKeptWhileTheFleetIsFrozen(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	h.Step(time.Hour)
	h.GivenFleetRecord(func(data map[string]string) { data["teamUUID"] = "5a4981aa-9653-4bd1-bef5-d6bff52042e4" })
	h.Restart()
	h.Pass()
	h.redeployAt("scout", 0)
	if _, err := h.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	h.WantCondition(h.Bot("scout"), spawnv1.AsSpecifiedCondition, metav1.ConditionFalse, spawnv1.RedeployBlockedReason)
	wantInstances(t, h.Env, "scout", 1, 1)
}

func TestAHibernatedBotWhoseRedeployHasComeBeginsFromTheImage(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	h.Step(time.Hour)
	h.redeployAt("scout", time.Hour)
	asleep := h.untilHibernated()
	h.Step(2 * time.Hour)
	h.settle()
	h.wantSnapshots(asleep.Status.SnapshotID) // it may come to be needed as long as the bot sleeps
	h.want("scout", spawnv1.BotRunning)
	h.untilReady("scout")
	h.settle()
	if spec := h.DropletOf("scout").Spec; spec.Image == "" {
		t.Errorf("the machine is from %+v, want the image", spec)
	}
	h.wantSnapshots()
	wantInstances(t, h.Env, "scout", 1, 2)
}

func TestARedeployOfLongAgoDoesNotCostAHibernatedBotItsSnapshot(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	h.redeployAt("scout", -time.Hour)
	asleep := h.untilHibernated()
	h.want("scout", spawnv1.BotRunning)
	h.untilReady("scout")
	if spec := h.DropletOf("scout").Spec; spec.SnapshotID != asleep.Status.SnapshotID {
		t.Errorf("the machine is from %+v, want snapshot %d", spec, asleep.Status.SnapshotID)
	}
}
