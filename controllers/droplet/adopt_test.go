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

// plant puts an instance of the Droplet's name into the cloud.
func (w *world) plant(age time.Duration, tags ...string) int64 {
	w.MayHaveTwo = true
	return w.Cloud.Plant(dosim.Plant{
		Name: w.name, Tags: tags, CreatedAt: w.Clock.Now().Add(-age), Size: "s-1vcpu-2gb",
	})
}

func TestAnInstanceOfTheNameIsAdopted(t *testing.T) {
	w := newWorld(t)
	id := w.plant(time.Hour, fleetTag)
	w.reconcileIn(0)
	w.wantOne()
	if d := w.droplet(); !w.IsReady(d) || d.Status.InstanceID != id || d.Status.PublicIPv4 == "" || w.Creates() != 0 {
		t.Errorf("want instance %d adopted without a create\n%s", id, w.Describe())
	}
}

func TestAnInstanceOfAnotherNameIsNotAdopted(t *testing.T) {
	w := newWorld(t)
	w.Cloud.Plant(dosim.Plant{Name: w.name + "x", Tags: []string{fleetTag}})
	w.MayHaveTwo = true // their names begin the same
	w.driveToReady()
	if w.Creates() != 1 {
		t.Errorf("%d create requests, want 1", w.Creates())
	}
}

func TestOfTwoInstancesTheOldestIsKeptAndTheOtherDestroyed(t *testing.T) {
	w := newWorld(t)
	young := w.plant(time.Hour, fleetTag)
	old := w.plant(2*time.Hour, fleetTag)

	w.reconcileIn(5 * time.Second)
	w.wantExists(metav1.ConditionUnknown, spawnv1.CreateUnresolvedReason, "2 instances bear this name")
	w.driveToReady()
	live := w.Live("scout")
	if len(live) != 1 || live[0].ID != old || w.droplet().Status.InstanceID != old || w.Creates() != 0 {
		t.Errorf("want %d kept and %d destroyed\n%s", old, young, w.Describe())
	}
}

func TestASurplusInstanceIsDestroyedWhenItsTagHasArrived(t *testing.T) {
	w := newWorld(t)
	old := w.plant(time.Hour, fleetTag)
	late := w.plant(time.Minute)

	for range 3 {
		w.reconcileIn(5 * time.Second)
		w.wantExists(metav1.ConditionUnknown, spawnv1.CreateUnresolvedReason)
		w.Step(5 * time.Second)
	}
	if n := len(w.requests(http.MethodDelete, "")); n != 0 {
		t.Fatalf("%d destructions of an instance without our tag", n)
	}
	must(t, w.Cloud.Retag(late, fleetTag))
	w.driveToReady()
	if live := w.Live("scout"); len(live) != 1 || live[0].ID != old {
		t.Errorf("want %d kept and %d destroyed\n%s", old, late, w.Describe())
	}
}

func TestASurplusInstanceThatNeverGetsOurTagIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	old := w.plant(time.Hour, fleetTag)
	w.plant(time.Minute, "precious")
	w.driveToReady()
	if len(w.Live("scout")) != 2 || w.droplet().Status.InstanceID != old {
		t.Errorf("want %d adopted and both kept\n%s", old, w.Describe())
	}
}

func TestASurplusInstanceThatDoesNotGoIsNotForgotten(t *testing.T) {
	t.Run("the oldest is taken when it is gone", func(t *testing.T) {
		w := newWorld(t)
		old := w.plant(time.Hour, fleetTag)
		w.plant(time.Minute, fleetTag)
		w.fault(http.MethodDelete, one, dosim.Fault{Kind: dosim.FaultIgnore, Count: 2})
		w.driveToReady()
		if live := w.Live("scout"); len(live) != 1 || live[0].ID != old {
			t.Errorf("want %d alone\n%s", old, w.Describe())
		}
	})
	t.Run("what outlives the window goes when a pass shows it", func(t *testing.T) {
		w := newWorld(t)
		old := w.plant(time.Hour, fleetTag)
		w.plant(time.Minute, fleetTag)
		w.fault(http.MethodDelete, one, dosim.Fault{Kind: dosim.FaultIgnore, Count: dosim.Forever})
		w.driveToReady()
		w.Cloud.ClearFaults()
		w.Step(time.Minute)
		w.drive("it is alone", func() bool { return len(w.Live("scout")) == 1 })
		if live := w.Live("scout"); live[0].ID != old {
			t.Errorf("want %d alone\n%s", old, w.Describe())
		}
	})
}

func TestADuplicateThatAppearsLateIsDestroyedWhenAPassShowsIt(t *testing.T) {
	for name, tag := range map[string]string{"ours": fleetTag, "not ours": "precious"} {
		t.Run(name, func(t *testing.T) {
			w := readyWorld(t)
			id := w.droplet().Status.InstanceID
			w.plant(time.Hour, tag) // older than ours, and yet the recorded one stays

			w.Pass()
			w.reconcileIn(0)
			want := 1
			if tag != fleetTag {
				want = 2
			}
			if live := w.Live("scout"); len(live) != want || w.droplet().Status.InstanceID != id {
				t.Errorf("want %d instances, and %d recorded\n%s", want, id, w.Describe())
			}
			if !w.IsReady(w.droplet()) {
				t.Errorf("the machine is not Ready for its duplicate\n%s", w.Describe())
			}
		})
	}
}

func TestALookAtASurplusThatFailsAdoptsNothing(t *testing.T) {
	w := newWorld(t)
	w.plant(time.Hour, fleetTag)
	w.plant(time.Minute, fleetTag)
	w.fault(http.MethodGet, one, dosim.Fault{Kind: dosim.FaultStatus, Status: 503})
	if _, err := w.reconcile(); err == nil {
		t.Error("a look that failed is no error")
	}
	if d := w.droplet(); d.Status.InstanceID != 0 || len(w.Live("scout")) != 2 {
		t.Errorf("something was done after a look that failed\n%s", w.Describe())
	}
	w.driveToReady()
}

func TestAStatusThatWasWipedGetsItsInstanceBack(t *testing.T) {
	for name, wipe := range map[string]func(*spawnv1.DropletStatus){
		"all of it":       func(s *spawnv1.DropletStatus) { *s = spawnv1.DropletStatus{} },
		"the instance id": func(s *spawnv1.DropletStatus) { s.InstanceID = 0 },
		"the attempt":     func(s *spawnv1.DropletStatus) { s.InstanceID, s.Attempt = 0, nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := readyWorld(t)
			before := w.droplet()
			w.wipe(wipe)
			w.Step(time.Minute)
			w.drive("the instance is back", func() bool {
				d := w.droplet()
				return d.Status.InstanceID != 0 && w.IsReady(d)
			})
			w.wantOne()
			after := w.droplet().Status
			if w.Creates() != 0 || after.InstanceID != before.Status.InstanceID {
				t.Errorf("status is %+v after %d create requests, want its instance back", after, w.Creates())
			}
		})
	}
}

func TestAStatusThatWasWipedBeforeADeleteLeavesNothing(t *testing.T) {
	w := readyWorld(t)
	w.wipe(func(s *spawnv1.DropletStatus) { *s = spawnv1.DropletStatus{} })
	w.deleteDroplet()
	w.driveToGone()
	w.wantNone()
}

func (w *world) wipe(edit func(*spawnv1.DropletStatus)) {
	w.t.Helper()
	d := w.droplet()
	edit(&d.Status)
	must(w.t, w.Client.Status().Update(w.t.Context(), d))
}
