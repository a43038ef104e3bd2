// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/controllers/orphan"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestAnOrphanIsFoundAndToldAndDestroyed(t *testing.T) {
	w := newWorld(t)
	id := w.plant()
	must(t, w.passes(1))
	w.wantSaid() // one pass may be older than the proper end of what it shows
	must(t, w.passes(2))
	w.wantAlive(id)
	w.wantSaid("Warning " + spawnv1.OrphanFoundReason)
	must(t, w.passes(1))
	w.wantGone(id)
	must(t, w.passes(3))
	w.wantSaid("Normal " + spawnv1.OrphanDestroyedReason)
	if n := w.destroys(); n != 1 {
		t.Errorf("%d requests to destroy, want 1", n)
	}
	if got := metricsOf(t, w.Manager.Orphans); got["openspawn_orphans_destroyed_total"] != 1 ||
		got["openspawn_orphans{found}"] != 0 {
		t.Errorf("metrics %v", got)
	}
}

func TestAYoungOrphanIsLeftAloneUntilItIsOld(t *testing.T) {
	w := newWorld(t)
	id := w.plant(func(p *dosim.Plant) { p.CreatedAt = w.Clock.Now().Add(-30 * time.Minute) })
	must(t, w.passes(10))
	w.wantAlive(id)
	w.wantSaid("Warning " + spawnv1.OrphanFoundReason)
	w.Step(time.Hour)
	must(t, w.passes(1))
	w.wantGone(id)
}

func TestSightingsAreCounted(t *testing.T) {
	w := newWorld(t, func(s *orphan.Settings) { s.Sightings = 6 })
	id := w.plant()
	must(t, w.passes(6))
	w.wantAlive(id)
	must(t, w.Cloud.Retag(id, "other"))
	must(t, w.passes(1))
	must(t, w.Cloud.Retag(id, identity.FleetTag(testenv.Fleet)))
	must(t, w.passes(6)) // counted anew
	w.wantAlive(id)
	must(t, w.passes(1))
	w.wantGone(id)
}

// A namespace that is taken off --watch-namespaces takes its objects out of sight, and no machine with it.
func TestAMachineInANamespaceThatIsNotWatchedIsNoOrphan(t *testing.T) {
	w := newWorld(t)
	watched := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace + "-2"}}
	must(t, w.Client.Create(t.Context(), watched))
	w.GivenBot("idle", func(b *spawnv1.Bot) { b.Namespace = watched.Name }) // so that not all objects are gone
	w.Orphans.Namespaces = []string{watched.Name}
	w.Restart()
	id := w.plant()
	w.Step(48 * time.Hour)
	must(t, w.passes(5))
	w.wantGone(id)
	if n := w.destroys(); n != 1 {
		t.Errorf("%d requests to destroy, want 1", n)
	}
}

func TestPolicyReportOnlyReports(t *testing.T) {
	w := newWorld(t, func(s *orphan.Settings) { s.Policy = orphan.PolicyReport })
	id := w.plant()
	must(t, w.passes(5))
	w.Step(48 * time.Hour)
	must(t, w.passes(5))
	w.wantAlive(id)
	w.wantSaid("Warning " + spawnv1.OrphanFoundReason)
	if got := metricsOf(t, w.Manager.Orphans); got["openspawn_orphans{destroyable}"] != 1 {
		t.Errorf("metrics %v", got)
	}
}

func TestANewInstallationReportsForADay(t *testing.T) {
	w := newWorld(t, func(s *orphan.Settings) { s.Policy = "" })
	id := w.plant()
	must(t, w.passes(5))
	w.Step(23 * time.Hour)
	must(t, w.passes(5))
	w.wantAlive(id)
	w.Step(time.Hour)
	must(t, w.passes(1))
	w.wantGone(id)
}

func TestAnInstallationOfUnknownAgeReports(t *testing.T) {
	w := newWorld(t, func(s *orphan.Settings) { s.Policy = "" })
	id := w.plant()
	w.LoseFleetRecord()
	w.Step(48 * time.Hour)
	must(t, w.passes(5))
	w.wantAlive(id)
}

func TestAFrozenFleetDestroysNothing(t *testing.T) {
	w := newWorld(t)
	id := w.plant()
	w.GivenFleetRecord(func(data map[string]string) { data["clusterUID"] = "another" })
	w.Restart()
	must(t, w.passes(5))
	if w.Manager.Guard.Frozen() == nil {
		t.Fatal("the fleet is not frozen")
	}
	w.wantAlive(id)
	w.wantSaid("Warning " + spawnv1.OrphanFoundReason)
}

// deposed is a leader that is none any more.
type deposed struct{}

func (deposed) Identity() string           { return "manager-0" }
func (deposed) Held(context.Context) error { return errors.New("the lease is another's") }

func TestAFormerLeaderDestroysNothing(t *testing.T) {
	w := newWorld(t)
	id := w.plant()
	w.Manager = w.Second(deposed{})
	if err := w.passes(5); err == nil || !strings.Contains(err.Error(), "the lease is another's") {
		t.Errorf("error %v", err)
	}
	w.wantAlive(id)
}

func TestAnOrphanThatChangesInTheLastMomentIsLeftAlone(t *testing.T) {
	for what, change := range map[string]func(w *world, id int64) error{
		"renamed":         func(w *world, id int64) error { return w.Cloud.Rename(id, w.name()) },
		"its tag removed": func(w *world, id int64) error { return w.Cloud.Retag(id, spawnv1.ProductTag) },
		"tagged by another fleet": func(w *world, id int64) error {
			return w.Cloud.Retag(id, identity.FleetTag("other"), identity.FleetTag(testenv.Fleet))
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			id := w.plant()
			must(t, w.passes(3))
			w.Manager.Before = onFreshLook(func() { must(t, change(w, id)) })
			must(t, w.passes(1))
			w.wantAlive(id)
		})
	}
}

func TestAnOrphanThatIsClaimedInTheLastMomentIsLeftAlone(t *testing.T) {
	for what, claim := range map[string]func(w *world, name string, id int64){
		"a Droplet of its name": func(w *world, name string, _ int64) {
			w.GivenDroplet("hawk", func(d *spawnv1.Droplet) { d.Name = name })
		},
		"a Droplet with its id": func(w *world, _ string, id int64) {
			d := w.GivenDroplet("hawk")
			d.Status.InstanceID = id
			must(w.t, w.Client.Status().Update(w.t.Context(), d))
		},
		"a Bot with its id": func(w *world, _ string, id int64) {
			b := w.GivenBot("hawk")
			b.Status.InstanceID = id
			must(w.t, w.Client.Status().Update(w.t.Context(), b))
		},
		"a Bot that names it": func(w *world, name string, _ int64) {
			b := w.GivenBot("hawk")
			b.Status.DropletName = name
			must(w.t, w.Client.Status().Update(w.t.Context(), b))
		},
		"a Bot that will adopt it": func(w *world, _ string, _ int64) { w.GivenBot("gone") },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			name := w.name()
			id := w.plant(func(p *dosim.Plant) { p.Name = name })
			must(t, w.passes(3))
			w.Manager.Before = onFreshLook(func() { claim(w, name, id) })
			must(t, w.passes(1))
			w.wantAlive(id)
			w.Manager.Before = nil
			must(t, w.passes(5))
			w.wantAlive(id)
		})
	}
}

func TestTheCacheIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	id := w.plant()
	w.Manager.Before = func(request *http.Request) error { // a live read that fails, whatever the cache says
		if request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, "/droplets") &&
			strings.HasPrefix(request.URL.Path, "/apis/") {
			return errors.New("no API server")
		}
		return nil
	}
	if err := w.passes(5); err == nil {
		t.Error("a sweep without a live read has succeeded")
	}
	w.wantAlive(id)
	w.wantSaid()
}

func TestALostReplyOfTheDestructionIsResolved(t *testing.T) {
	for kind, want := range map[dosim.FaultKind]int{
		dosim.FaultDropAfter: 1, dosim.FaultDropBefore: 2, dosim.FaultIgnore: 2,
	} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t)
			id := w.plant()
			w.Cloud.AddFault(dosim.Fault{Kind: kind, Method: http.MethodDelete})
			_ = w.passes(4)
			asked := w.Clock.Now()
			for w.Clock.Since(asked) < 50*time.Second {
				must(t, w.passes(1))
				if kind != dosim.FaultDropAfter && w.destroys() != 1 {
					break
				}
			}
			must(t, w.passes(3))
			w.wantGone(id)
			if n := w.destroys(); n != want {
				t.Errorf("%d requests to destroy, want %d", n, want)
			}
			w.wantSaid("Warning "+spawnv1.OrphanFoundReason, "Normal "+spawnv1.OrphanDestroyedReason)
		})
	}
}

func TestARefusedDestructionIsAskedForAgain(t *testing.T) {
	w := newWorld(t)
	id := w.plant()
	w.Cloud.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: 422, Method: http.MethodDelete})
	if err := w.passes(4); err == nil {
		t.Error("a refused destruction is no error")
	}
	must(t, w.passes(2))
	w.wantGone(id)
}

func TestAManagerKilledAtAnyRequestOfTheDestructionEndsInTheSame(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			w := newWorld(t)
			id := w.plant()
			must(t, w.passes(3))
			requests := 0
			kill := func(*http.Request) error {
				if requests++; requests == at {
					w.Manager.Kill()
				}
				return nil
			}
			if after {
				w.Manager.After = kill
			} else {
				w.Manager.Before = kill
			}
			_ = w.passes(2)
			if requests < at {
				if at < 6 {
					t.Errorf("only %d requests were met", at-1)
				}
				break
			}
			w.Restart()
			must(t, w.passes(6))
			w.wantGone(id)
			if n := w.destroys(); n != 1 && (n != 2 || !after) {
				t.Errorf("killed at request %d: %d requests to destroy", at, n)
			}
		}
	}
}

func TestADropletInCreationIsNoOrphan(t *testing.T) {
	w := newWorld(t)
	name := w.name()
	bot := w.GivenBot("gone")
	bot.Status.DropletName = name
	must(t, w.Client.Status().Update(t.Context(), bot))
	w.GivenDroplet("hawk", func(d *spawnv1.Droplet) { d.Name = name })
	var droplet spawnv1.Droplet
	must(t, w.Client.Get(t.Context(), client.ObjectKey{Namespace: w.Namespace, Name: name}, &droplet))
	droplet.Status.Attempt = &spawnv1.Attempt{
		Number: 1, State: spawnv1.AttemptPending, StartedAt: metav1.NewMicroTime(w.Clock.Now()), Leader: "manager-1",
		Generation: 1,
	}
	must(t, w.Client.Status().Update(t.Context(), &droplet))
	id := w.plant(func(p *dosim.Plant) { p.Name = name })
	must(t, w.passes(10))
	w.wantAlive(id)
	w.wantSaid()
}

func TestASecondMachineOfABotThatHasOneIsAnOrphan(t *testing.T) {
	w := newWorld(t)
	w.MayHaveTwo = true
	id := w.plant(func(p *dosim.Plant) { p.Name = identity.NewName(testenv.Fleet, w.Namespace, "scout") })
	must(t, w.passes(4))
	w.wantGone(id)
}

func TestABotWhoseMachineIsGoneKeepsWhatItMayAdopt(t *testing.T) {
	w := newWorld(t)
	w.MayHaveTwo = true
	id := w.plant(func(p *dosim.Plant) { p.Name = identity.NewName(testenv.Fleet, w.Namespace, "scout") })
	must(t, w.Cloud.DestroyInstance(w.Bot("scout").Status.InstanceID))
	must(t, w.passes(10))
	w.wantAlive(id)
	w.wantSaid()
}

func TestAMachineThatIsDestroyedAsAskedIsNoOrphan(t *testing.T) {
	w := newWorld(t, func(s *orphan.Settings) { s.MinAge = 0 })
	w.GivenReadyBot("hawk")
	w.Cloud.ResetJournal()
	w.said()
	w.Delete(w.Bot("hawk"))
	w.Until("hawk is gone", func() bool { return len(w.Live("hawk")) == 0 && len(w.Droplets()) == 1 })
	must(t, w.passes(3))
	w.wantSaid()
	if n := w.destroys(); n != 1 {
		t.Errorf("%d requests to destroy, want the Droplet's", n)
	}
}
