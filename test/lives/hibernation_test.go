// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package lives

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestAHibernationWhoseSnapshotKeepsFailingKeepsTheMachine(t *testing.T) {
	w := newWorld(t)
	first := w.GivenReadyBot(scout)
	w.Cloud.AddFault(dosim.Fault{Kind: dosim.FaultErrored, Method: http.MethodPost, Route: actions,
		Contains: `"snapshot"`, Count: dosim.Forever})
	w.want(scout, spawnv1.BotHibernated)
	w.untilReason(scout, spawnv1.ReadyCondition, spawnv1.SnapshotFailedReason)
	w.wantReady(scout, metav1.ConditionFalse, spawnv1.SnapshotFailedReason, "next try at")
	w.wantClass(scout, spawnv1.StalledCondition)
	w.rounds(12, 5*time.Minute)
	if state := w.machine(scout).State; state != off {
		t.Errorf("the machine is %s", state)
	}
	w.Cloud.ClearFaults()
	same := w.becomes(scout, spawnv1.BotRunning)
	w.settle()
	if same.Status.InstanceID != first.Status.InstanceID || same.Status.Incarnation != 1 ||
		w.machine(scout).State != active {
		t.Errorf("it runs as %+v, want the machine it had, %+v", same.Status, first.Status)
	}
	w.wantKept(scout)
	w.wantReady(scout, metav1.ConditionTrue, spawnv1.ReadyReason)
}

func TestWhatADeletedBotLeavesBehindIsWhatItsPolicySays(t *testing.T) {
	hibernating := func(w *world) {
		w.want(scout, spawnv1.BotHibernated)
		w.until("a snapshot is being taken", func() bool {
			action := w.DropletOf(scout).Status.Action
			return action != nil && action.Type == "snapshot"
		})
	}
	hasOne := func(w *world) {
		w.want(scout, spawnv1.BotHibernated)
		w.until("there is a snapshot", func() bool { return len(w.kept(scout)) == 1 })
	}
	going := func(w *world) {
		w.want(scout, spawnv1.BotHibernated)
		w.until("the machine goes", func() bool { return w.Cloud.Requests(http.MethodDelete, droplet) > 0 })
	}
	restoring := func(w *world) {
		hibernated(w)
		w.want(scout, spawnv1.BotRunning)
		w.until("there is a machine", func() bool { return len(w.Live(scout)) == 1 })
	}
	for name, state := range map[string]struct {
		bring func(w *world)
		kept  int // with policy Snapshot
	}{
		"running": {func(*world) {}, 1}, "paused": {paused, 1}, "hibernating": {hibernating, 1},
		"with a snapshot": {hasOne, 1}, "with a snapshot and a machine that goes": {going, 1},
		"hibernated": {hibernated, 1}, "being restored": {restoring, 2},
	} {
		for policy, kept := range map[spawnv1.DeletionPolicy]int{
			spawnv1.DeletionPolicyDelete: 0, spawnv1.DeletionPolicySnapshot: state.kept,
		} {
			t.Run(name+"/"+string(policy), func(t *testing.T) {
				w := newWorld(t)
				bot := w.GivenReadyBot(scout)
				w.edit(scout, func(spec *spawnv1.BotSpec) { spec.DeletionPolicy = policy })
				state.bring(w)
				w.Delete(bot)
				w.untilGone(bot)
				w.Step(5 * time.Minute) // for what was still on its way
				if live := w.Live(scout); len(live) > 0 || len(w.Droplets()) > 0 {
					t.Errorf("left behind: instances %v, droplets %d", live, len(w.Droplets()))
				}
				if got := w.kept(scout); len(got) != kept {
					t.Errorf("left behind: snapshots %v, want %d", got, kept)
				}
			})
		}
	}
}

func TestABotThatWasDeletedComesBackFromTheSnapshotThatWasKept(t *testing.T) {
	w := newWorld(t)
	w.GivenReadyBot(scout)
	w.edit(scout, func(spec *spawnv1.BotSpec) { spec.DeletionPolicy = spawnv1.DeletionPolicySnapshot })
	bot := w.Bot(scout)
	w.Delete(bot)
	w.untilGone(bot)
	kept := w.kept(scout)
	if len(kept) != 1 {
		t.Fatalf("the snapshots are %v, want one", kept)
	}
	w.GivenBot(scout, func(b *spawnv1.Bot) { b.Spec.DesiredState = spawnv1.BotHibernated })
	w.untilAsDeclared(scout)
	w.wantReady(scout, metav1.ConditionTrue, spawnv1.HibernatedReason, "snapshot "+strconv.FormatInt(kept[0], 10))
	w.becomes(scout, spawnv1.BotRunning)
	if image := w.machine(scout).Image; image != strconv.FormatInt(kept[0], 10) {
		t.Errorf("the machine is from image %s, want snapshot %d", image, kept[0])
	}
	w.settle()
	w.wantKept(scout)
	if n := w.ever(scout); n != 2 {
		t.Errorf("%d instances, want 2", n)
	}
}

// The machine is gone before its snapshot was seen, which is then the only copy of what was on its disk.
func TestASnapshotIsNotDestroyedBecauseItsMachineVanishedBeforeItWasSeen(t *testing.T) {
	for name, listFails := range map[string]bool{"": false, "and the snapshots cannot be listed for a while": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.GivenReadyBot(scout)
			w.want(scout, spawnv1.BotHibernated)
			w.until("a snapshot was taken, and nobody has looked", func() bool {
				if action := w.DropletOf(scout).Status.Action; action == nil || action.Type != "snapshot" {
					return false
				}
				w.Step(8 * time.Second)
				return len(w.kept(scout)) == 1
			})
			if seen := w.DropletOf(scout).Status.Snapshot; seen == nil || seen.ID != 0 {
				t.Fatalf("the snapshot is %+v, want one that was not seen", seen)
			}
			kept := w.kept(scout)
			w.vanish()
			if listFails {
				w.Cloud.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Method: http.MethodGet, Route: "/v2/snapshots", Count: 3})
			}
			w.untilAsDeclared(scout)
			w.settle()
			w.wantKept(scout, kept...)
			if id := w.Bot(scout).Status.SnapshotID; id != kept[0] {
				t.Errorf("the bot hibernates in snapshot %d, want %d", id, kept[0])
			}
			w.becomes(scout, spawnv1.BotRunning)
			if image := w.machine(scout).Image; image != strconv.FormatInt(kept[0], 10) {
				t.Errorf("the machine is from image %s, want snapshot %d", image, kept[0])
			}
		})
	}
}
