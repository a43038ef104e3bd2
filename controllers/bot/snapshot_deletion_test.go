// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

// keepsSnapshot makes a Bot's deletion keep a snapshot.
func (h *hands) keepsSnapshot(name string) {
	h.t.Helper()
	bot := h.Bot(name)
	h.Update(bot, func() { bot.Spec.DeletionPolicy = spawnv1.DeletionPolicySnapshot })
	if _, err := h.ReconcileBot(name); err != nil {
		h.t.Fatal(err)
	}
}

// wantKept fails the test unless one event named the snapshot that is left, or, for 0, none did.
func (h *hands) wantKept(id int64) {
	h.t.Helper()
	told := 0
	for _, event := range drained(h.Env) {
		if !strings.Contains(event, spawnv1.SnapshotKeptReason) {
			continue
		}
		if told++; !strings.Contains(event, strconv.FormatInt(id, 10)) {
			h.t.Errorf("event %q does not name snapshot %d", event, id)
		}
	}
	if want := min(id, 1); int64(told) != want {
		h.t.Errorf("%d events about kept snapshots, want %d", told, want)
	}
}

func TestADeletedBotLeavesTheSnapshotItsPolicyAsksFor(t *testing.T) {
	h := newHands(t)
	bot := h.GivenReadyBot("scout")
	h.keepsSnapshot("scout")
	var kept int64
	h.Manager.Before = once(isDropletDelete, func() error { // what the Droplet does before its instance is destroyed
		droplet := h.DropletOf("scout")
		if droplet.Spec.DeletionPolicy != spawnv1.DeletionPolicySnapshot {
			t.Errorf("droplet spec %+v", droplet.Spec)
		}
		taken := h.take(droplet)
		h.give(droplet, taken)
		kept = taken.ID
		return nil
	})
	h.Delete(bot)
	h.until("the bot is gone", func() bool { return !h.Exists(bot) })
	wantInstances(t, h.Env, "scout", 0, 1)
	h.wantSnapshots(kept)
	h.wantKept(kept)

	// The way back.
	h.GivenBot("scout", func(b *spawnv1.Bot) { b.Spec.DesiredState = spawnv1.BotHibernated })
	if asleep := h.untilHibernated(); asleep.Status.SnapshotID != kept {
		t.Errorf("the bot has snapshot %d, want the one that was kept, %d", asleep.Status.SnapshotID, kept)
	}
	h.want("scout", spawnv1.BotRunning)
	h.untilReady("scout")
	h.settle()
	h.wantSnapshots()
}

func TestAHibernatedBotIsDeletedWithItsSnapshotOrWithout(t *testing.T) {
	for name, test := range map[string]struct {
		policy spawnv1.DeletionPolicy
		skip   string
		kept   bool
	}{
		"its policy is to delete":              {policy: spawnv1.DeletionPolicyDelete},
		"its policy is to keep":                {policy: spawnv1.DeletionPolicySnapshot, kept: true},
		"its policy is to keep, and is waived": {policy: spawnv1.DeletionPolicySnapshot, skip: "true"},
		"and the waiver is not meant":          {policy: spawnv1.DeletionPolicySnapshot, skip: "false", kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHands(t)
			h.GivenReadyBot("scout")
			asleep := h.untilHibernated()
			foreign := h.plantSnapshot("holiday-pictures")
			h.Update(asleep, func() {
				asleep.Spec.DeletionPolicy = test.policy
				asleep.Annotations = map[string]string{spawnv1.SkipSnapshotAnnotation: test.skip}
			})
			drained(h.Env)
			h.Delete(asleep)
			h.until("the bot is gone", func() bool { return !h.Exists(asleep) })
			if test.kept {
				h.wantSnapshots(asleep.Status.SnapshotID, foreign)
				h.wantKept(asleep.Status.SnapshotID)
			} else {
				h.wantSnapshots(foreign)
				h.wantKept(0)
			}
		})
	}
}

func TestABotIsNotGoneBeforeItsSnapshotIs(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	asleep := h.untilHibernated()
	h.Cloud.AddFault(dosim.Fault{
		Kind: dosim.FaultStatus, Method: http.MethodDelete, Route: "/v2/snapshots/{snapshot}",
		Status: http.StatusForbidden, Count: dosim.Forever,
	})
	h.Delete(asleep)
	h.settle()
	h.WantCondition(h.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.CredentialsInvalidReason)
	wantOnly(t, h.Bot("scout"), spawnv1.StalledCondition)
	h.Cloud.ClearFaults()
	h.until("the bot is gone", func() bool { return !h.Exists(asleep) })
	h.wantSnapshots()
}

func TestABotDeletedWhileItHibernatesOrIsRestoredLeavesNothing(t *testing.T) {
	const moments = 6
	for _, state := range []spawnv1.BotDesiredState{spawnv1.BotHibernated, spawnv1.BotRunning} {
		for after := range moments {
			h := newHands(t)
			bot := h.GivenReadyBot("scout")
			if state == spawnv1.BotRunning {
				h.untilHibernated()
			}
			h.want("scout", state)
			for range after {
				h.work()
				h.Pass()
				if _, err := h.Round(); err != nil {
					t.Fatal(err)
				}
				h.Step(time.Second)
			}
			h.Delete(h.Bot("scout"))
			h.until("the bot is gone", func() bool { return !h.Exists(bot) })
			if live := h.Live("scout"); len(live) != 0 || len(h.Droplets()) != 0 {
				t.Errorf("%s, deleted after %d rounds: left %v and %v", state, after, live, h.Droplets())
			}
			if t.Failed() {
				t.Logf("%s, deleted after %d rounds", state, after)
			}
			h.wantSnapshots()
		}
	}
}

func TestADeletionWaitsForItsSnapshotUntilThatIsWaived(t *testing.T) {
	h := newHands(t)
	bot := h.GivenReadyBot("scout")
	h.keepsSnapshot("scout")
	droplet := h.DropletOf("scout")
	h.Update(droplet, func() { droplet.Finalizers = append(droplet.Finalizers, "example.com/held") })
	h.Delete(bot)
	if _, err := h.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	if got := h.DropletOf("scout").Spec.DeletionPolicy; got != spawnv1.DeletionPolicySnapshot {
		t.Errorf("deletionPolicy %s, want Snapshot", got)
	}
	h.annotate("scout", spawnv1.SkipSnapshotAnnotation, "true")
	if _, err := h.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	if got := h.DropletOf("scout").Spec.DeletionPolicy; got != spawnv1.DeletionPolicyDelete {
		t.Errorf("deletionPolicy %s, want Delete although it is being deleted", got)
	}
	droplet = h.DropletOf("scout")
	h.Update(droplet, func() { droplet.Finalizers = []string{spawnv1.DropletFinalizer} })
	h.until("the bot is gone", func() bool { return !h.Exists(bot) })
}
