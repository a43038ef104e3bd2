// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// ways are those in which a Bot comes to have no slot.
func ways() map[string]struct {
	lose func(*world)
	says string
} {
	return map[string]struct {
		lose func(*world)
		says string
	}{
		"the slot is taken away": {func(w *world) { w.LoseSlot("scout") }, "keeps no slot for Bot scout"},
		"the slot is another bot's of that name": {
			func(w *world) {
				account := w.Account()
				key := slots.KeyOf(w.Bot("scout"))
				account.Status.Slots[key] = spawnv1.Slot{UID: "another", ReservedAt: account.Status.Slots[key].ReservedAt}
				if err := w.Client.Status().Update(w.t.Context(), account); err != nil {
					w.t.Fatal(err)
				}
			}, "keeps no slot for Bot scout",
		},
		"the slot is only reserved": {
			func(w *world) { w.LoseSlot("scout"); w.GivenReservation("scout") }, "keeps no slot for Bot scout",
		},
		"the account is gone": {func(w *world) { w.Delete(w.Account()) }, "there is no Account"},
	}
}

func TestCRIT002_WithoutItsBotsSlotNoInstanceIsAskedFor(t *testing.T) {
	for name, way := range ways() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			way.lose(w)
			w.reconcileIn(30 * time.Second)
			w.wantExists(metav1.ConditionUnknown, spawnv1.UnclaimedReason, way.says)
			w.wantClass(spawnv1.ReconcilingCondition)
			if calls := w.requests("", ""); len(calls) != 0 || w.droplet().Status.Attempt != nil {
				t.Errorf("calls %v and attempt %+v, want none", calls, w.droplet().Status.Attempt)
			}
		})
	}
}

func TestCRIT002_ASlotThatIsLostRightBeforeTheRequestStopsIt(t *testing.T) {
	for name, way := range ways() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.pauseAt(afterIntent(), false, func() { way.lose(w) })
			w.reconcileIn(30 * time.Second)
			w.wantExists(metav1.ConditionFalse, spawnv1.UnclaimedReason, way.says, "nothing was asked for")
			if a := w.droplet().Status.Attempt; w.Creates() != 0 || a.State != spawnv1.AttemptRefused {
				t.Errorf("%d create requests and attempt %+v, want none and refused", w.Creates(), a)
			}
		})
	}
}

func TestADropletGoesOnWhenItsBotHasASlotAgain(t *testing.T) {
	w := newWorld(t)
	w.LoseSlot("scout")
	w.reconcileIn(30 * time.Second)
	w.GivenSlot(w.Bot("scout"))
	w.driveToReady()
	w.wantOne()
}

func TestAnInstanceThatIsThereIsAdoptedWithoutASlot(t *testing.T) {
	w := newWorld(t)
	w.LoseSlot("scout")
	id := w.Cloud.Plant(dosim.Plant{Name: w.name, Tags: identity.Tags(testenv.Fleet, nil), Size: "s-1vcpu-2gb"})
	w.driveToReady()
	if got := w.droplet().Status.InstanceID; got != id || w.Creates() != 0 {
		t.Errorf("instance %d after %d create requests, want %d after none", got, w.Creates(), id)
	}
}

// TestAnInstanceThatIsGoneBeforeItIsAdoptedIsNotAskedForWithoutASlot: the pass over the fleet that showed it is old.
func TestAnInstanceThatIsGoneBeforeItIsAdoptedIsNotAskedForWithoutASlot(t *testing.T) {
	w := newWorld(t)
	w.LoseSlot("scout")
	id := w.Cloud.Plant(dosim.Plant{Name: w.name, Tags: identity.Tags(testenv.Fleet, nil), Size: "s-1vcpu-2gb"})
	w.Pass()
	if err := w.Cloud.DestroyInstance(id); err != nil {
		t.Fatal(fmt.Errorf("destroying the instance: %w", err))
	}
	w.reconcileIn(30 * time.Second)
	w.wantExists(metav1.ConditionUnknown, spawnv1.UnclaimedReason, "keeps no slot")
	if w.Creates() != 0 {
		t.Errorf("%d create requests, want none", w.Creates())
	}
}
