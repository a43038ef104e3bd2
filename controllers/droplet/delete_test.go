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

func TestADeleteResolvesALostCreateFirst(t *testing.T) {
	for name, test := range map[string]struct {
		fault    dosim.Fault
		wantEver int
	}{
		"that was obeyed":            {dosim.Fault{Kind: dosim.FaultDropAfter}, 1},
		"that was obeyed 4 min late": {dosim.Fault{Kind: dosim.FaultLateCommit, Delay: 4 * time.Minute}, 1},
		"that was never obeyed":      {dosim.Fault{Kind: dosim.FaultDropBefore}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fault(http.MethodPost, list, test.fault)
			w.reconcileIn(5 * time.Second)
			start := w.Clock.Now()

			w.deleteDroplet()
			w.reconcileIn(5 * time.Second)
			w.wantExists(metav1.ConditionUnknown, spawnv1.CreateUnresolvedReason)
			w.WantCondition(w.droplet(), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.DeletingReason)
			w.driveToGone()
			w.wantNone()
			if w.Ever() != test.wantEver || w.Creates() != 1 {
				t.Errorf("%d requests made %d instances, want 1 and %d", w.Creates(), w.Ever(), test.wantEver)
			}
			if took := w.Clock.Since(start); test.wantEver == 0 && took < 5*time.Minute {
				t.Errorf("the droplet was let go after %s, in the settle window", took)
			}
		})
	}
}

func TestADropletThatNeverAskedIsLetGoAfterOneLook(t *testing.T) {
	w := newWorld(t)
	w.deleteDroplet()
	w.reconcileIn(0)
	w.wantNone()
	if n := len(w.requests("", "")); n != 1 {
		t.Errorf("%d calls, want the one look", n)
	}
}

func TestANewbornThatIsNotFoundIsNotTakenForGone(t *testing.T) {
	w := newWorld(t, func(o *dosim.Options) { o.GetLag, o.ListLag = 30*time.Second, 30*time.Second })
	w.reconcileIn(5 * time.Second)
	w.deleteDroplet()

	w.reconcileIn(5 * time.Second)
	w.wantExists(metav1.ConditionUnknown, spawnv1.InstanceNotVisibleReason, "too new")
	w.wantFinalizer()
	w.driveToGone()
	w.wantNone()
}

func TestADestructionThatIsNotObeyedIsAskedForAgainAfterAMinute(t *testing.T) {
	for name, set := range map[string]func(*world){
		"while the instance is new": func(w *world) {
			must(w.t, w.Cloud.Configure(func(o *dosim.Options) { o.IgnoreDeleteWhileNew = true }))
		},
		"although it is active": func(w *world) {
			w.driveToReady()
			w.fault(http.MethodDelete, one, dosim.Fault{Kind: dosim.FaultIgnore})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.reconcileIn(5 * time.Second)
			set(w)
			w.deleteDroplet()
			w.driveToGone()
			w.wantNone()
			asked := w.requests(http.MethodDelete, one)
			if len(asked) != 2 {
				t.Fatalf("%d destructions were asked for, want 2", len(asked))
			}
			if between := asked[1].Time.Sub(asked[0].Time); between < time.Minute || between > 65*time.Second {
				t.Errorf("it was asked for again after %s, want a minute", between)
			}
		})
	}
}

func TestADestructionThatTakesLongIsWaitedFor(t *testing.T) {
	w := readyWorld(t, func(o *dosim.Options) { o.DeleteLag = 30 * time.Second })
	w.deleteDroplet()
	w.reconcileIn(2 * time.Second)
	w.wantExists(metav1.ConditionTrue, spawnv1.DestroyingReason)
	w.Step(20 * time.Second)
	w.reconcileIn(2 * time.Second)
	w.wantFinalizer()
	w.driveToGone()
	if n := len(w.requests(http.MethodDelete, one)); n != 1 {
		t.Errorf("%d destructions were asked for, want 1", n)
	}
}

func TestAnInstanceThatIsNotOursIsLeftAlone(t *testing.T) {
	for name, test := range map[string]struct {
		take, putBack func(w *world, id int64) error
	}{
		"renamed": {
			take:    func(w *world, id int64) error { return w.Cloud.Rename(id, "precious") },
			putBack: func(w *world, id int64) error { return w.Cloud.Rename(id, w.name) },
		},
		"without our tag": {
			take:    func(w *world, id int64) error { return w.Cloud.Retag(id, "precious") },
			putBack: func(w *world, id int64) error { return w.Cloud.Retag(id, fleetTag) },
		},
		"with the tag of another fleet": {
			take:    func(w *world, id int64) error { return w.Cloud.Retag(id, spawnv1.FleetTagPrefix+"another") },
			putBack: func(w *world, id int64) error { return w.Cloud.Retag(id, fleetTag) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := readyWorld(t)
			w.Step(5 * time.Minute) // what is younger may be waiting for its tags
			id := w.droplet().Status.InstanceID
			must(t, test.take(w, id))
			w.deleteDroplet()

			for range 3 {
				w.reconcileIn(time.Minute)
				w.Step(time.Minute)
			}
			w.wantExists(metav1.ConditionTrue, spawnv1.InstanceNotOursReason, "put them back, or destroy it by hand")
			w.WantCondition(w.droplet(), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.InstanceNotOursReason)
			w.wantClass(spawnv1.StalledCondition)
			w.wantFinalizer()
			if n := len(w.requests(http.MethodDelete, "")); n != 0 {
				t.Fatalf("%d destructions of what is not ours", n)
			}

			must(t, test.putBack(w, id))
			w.driveToGone()
			w.wantNone()
		})
	}
}

func TestAnInstanceThatIsNotOursCanBeDestroyedByHand(t *testing.T) {
	w := readyWorld(t)
	w.Step(5 * time.Minute)
	id := w.droplet().Status.InstanceID
	must(t, w.Cloud.Rename(id, "precious"))
	w.deleteDroplet()
	w.reconcileIn(time.Minute)
	must(t, w.Cloud.DestroyInstance(id))
	w.driveToGone()
	w.wantNone()
}

func TestAYoungInstanceIsGivenTimeToGetItsTags(t *testing.T) {
	w := newWorld(t, func(o *dosim.Options) { o.TagLag = time.Minute })
	w.reconcileIn(5 * time.Second)
	w.deleteDroplet()
	w.reconcileIn(5 * time.Second)
	w.wantExists(metav1.ConditionTrue, spawnv1.DestroyingReason, "to get its tags")
	w.driveToGone()
	w.wantNone()
}

func TestADeleteDestroysADuplicateOfItsNameIfItIsOurs(t *testing.T) {
	w := readyWorld(t)
	w.MayHaveTwo = true
	w.Step(5 * time.Minute)
	ours := w.Cloud.Plant(dosim.Plant{Name: w.name, Tags: []string{fleetTag}})
	theirs := w.Cloud.Plant(dosim.Plant{Name: w.name, Tags: []string{"precious"}})
	w.deleteDroplet()

	w.drive("what is not ours is in the way", func() bool {
		return existsReason(w.droplet()) == spawnv1.InstanceNotOursReason
	})
	w.wantFinalizer()
	live := w.Live("scout")
	if len(live) != 1 || live[0].ID != theirs {
		t.Errorf("instances %v are left, want %d and not %d", live, theirs, ours)
	}
	must(t, w.Cloud.Retag(theirs, fleetTag))
	w.driveToGone()
	w.wantNone()
}

func TestAFinalizerThatWasStrippedIsPutBack(t *testing.T) {
	w := readyWorld(t)
	d := w.droplet()
	w.Update(d, func() { d.Finalizers = nil })
	w.reconcileIn(0)
	w.wantFinalizer()

	w.deleteDroplet()
	w.driveToGone()
	w.wantNone()
}

func TestADropletThatWasLetGoIsLeftToWhoeverElseHoldsIt(t *testing.T) {
	w := readyWorld(t)
	d := w.droplet()
	w.Update(d, func() { d.Finalizers = append(d.Finalizers, "example.com/other") })
	w.deleteDroplet()
	w.drive("our finalizer is off", func() bool { return len(w.droplet().Finalizers) == 1 })
	w.Cloud.ResetJournal()
	w.reconcileIn(0)
	if n := len(w.requests("", "")); n != 0 || w.droplet().Finalizers[0] != "example.com/other" {
		t.Errorf("%d calls for a Droplet that we have let go, want none", n)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
