// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan_test

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/utils/ptr"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

const breakerOpen = "openspawn_orphan_breaker_open"

// wantOpen fails the test unless the breaker's metric says so.
func (w *world) wantOpen(want bool) {
	w.t.Helper()
	if got := metricsOf(w.t, w.Manager.Orphans)[breakerOpen] == 1; got != want {
		w.t.Errorf("the breaker is open: %v, want %v", got, want)
	}
}

func TestThirtyOrphansAtOnceOpenTheBreakerAndNoneIsDestroyed(t *testing.T) {
	w := newWorld(t)
	var ids []int64
	for range 30 {
		ids = append(ids, w.plant())
	}
	must(t, w.passes(10))
	w.Step(48 * time.Hour)
	must(t, w.passes(10))
	w.wantAlive(ids...)
	w.wantOpen(true)
	w.wantSaid("Warning " + spawnv1.OrphansFrozenReason) // once, and not thirty times OrphanFound

	for _, id := range ids[3:] { // a person cleans up
		must(t, w.Cloud.DestroyInstance(id))
	}
	must(t, w.passes(2))
	w.wantOpen(true)
	must(t, w.passes(1))
	w.wantOpen(false)
	w.wantSaid("Warning "+spawnv1.OrphanFoundReason, "Warning "+spawnv1.OrphanFoundReason,
		"Warning "+spawnv1.OrphanFoundReason)
	must(t, w.passes(10))
	w.wantAlive(ids[:3]...) // a slow restore looks the same
	w.Step(time.Hour)
	must(t, w.passes(1))
	w.wantGone(ids[:3]...)
}

func TestFiveOrphansAreFew(t *testing.T) {
	w := newWorld(t)
	var ids []int64
	for range 5 {
		ids = append(ids, w.plant())
	}
	must(t, w.passes(4))
	w.wantGone(ids...)
}

func TestAnEmptyClusterDestroysNothing(t *testing.T) {
	w := newWorld(t)
	bots, droplets := w.backup(&spawnv1.BotList{}), w.backup(&spawnv1.DropletList{})
	w.wipe(append(bots, droplets...))
	w.Restart()
	w.Step(48 * time.Hour)
	must(t, w.passes(10))
	w.wantAlive()
	w.wantOpen(true)
	w.wantSaid("Warning " + spawnv1.OrphansFrozenReason)
}

func TestObjectsThatVanishOpenTheBreaker(t *testing.T) {
	w := newWorld(t)
	account := w.Account()
	w.Update(account, func() { account.Spec.MaxBots = ptr.To[int32](10) })
	for i := range 9 {
		w.GivenReadyBot(fmt.Sprintf("hawk-%d", i))
	}
	w.Step(48 * time.Hour)
	must(t, w.passes(1))
	w.Cloud.ResetJournal()
	w.said()
	bots, droplets := w.backup(&spawnv1.BotList{}), w.backup(&spawnv1.DropletList{})
	lost := 0
	for i, obj := range droplets {
		droplet, _ := obj.(*spawnv1.Droplet)
		if droplet.Spec.BotRef.Name == "scout" || lost == 3 {
			continue
		}
		lost++
		w.wipe(droplets[i : i+1])
		for j := range bots {
			if bots[j].GetName() == droplet.Spec.BotRef.Name {
				w.wipe(bots[j : j+1])
			}
		}
	}
	must(t, w.passes(10))
	w.wantOpen(true)
	w.wantSaid("Warning " + spawnv1.OrphansFrozenReason)
	if n := len(w.Cloud.Live("")); n != 10 || w.destroys() != 0 {
		t.Errorf("%d instances live and %d destroy requests, want 10 and 0", n, w.destroys())
	}
	w.restore(append(bots, droplets...))
	must(t, w.passes(3))
	w.wantOpen(false)
	w.wantSaid()
}

func TestWhatIsNotOursIsNeverTouched(t *testing.T) {
	w := newWorld(t)
	named := w.name()
	ids := []int64{
		w.plant(func(p *dosim.Plant) { p.Tags = nil }),
		w.plant(func(p *dosim.Plant) { p.Tags = []string{spawnv1.ProductTag} }),
		w.plant(func(p *dosim.Plant) { p.Tags = identity.Tags("other", nil) }),
		w.plant(func(p *dosim.Plant) { p.Tags = append(identity.Tags("other", nil), identity.FleetTag(testenv.Fleet)) }),
		w.plant(func(p *dosim.Plant) { p.Tags, p.Name = identity.Tags(testenv.Fleet+"-2", nil), named }),
		w.plant(func(p *dosim.Plant) { p.Tags, p.Name = nil, "web-1" }),
		w.plant(func(p *dosim.Plant) {
			p.Tags, p.Name = nil, identity.NewName(testenv.Fleet, w.Namespace, "scout")
		}),
	}
	w.MayHaveTwo = true
	must(t, w.passes(200)) // more than an hour, with two lists of the whole account
	w.wantAlive(ids...)
}

func TestAnInstanceWithoutATagIsToldByTheHourlyList(t *testing.T) {
	w := newWorld(t)
	bare := func(p *dosim.Plant) { p.Tags = nil }
	id := w.plant(bare)
	w.plant(bare, func(p *dosim.Plant) { p.Name = "web-1" })
	w.plant(bare, func(p *dosim.Plant) { p.CreatedAt = w.Clock.Now().Add(15 * time.Minute) })
	w.plant(func(p *dosim.Plant) { p.Tags = identity.Tags("other", nil) })
	w.Cloud.ResetJournal()
	must(t, w.passes(360))                                                                 // three hours
	w.wantSaid("Warning "+spawnv1.OrphanFoundReason, "Warning "+spawnv1.OrphanFoundReason) // the young one later
	if got := metricsOf(t, w.Manager.Orphans); got["openspawn_orphans{untagged}"] != 2 {
		t.Errorf("metrics %v", got)
	}
	lists := 0
	for _, entry := range w.Cloud.Journal() {
		if entry.Route == "/v2/droplets" && entry.Query == "page=1&per_page=200" {
			lists++
		}
	}
	if lists != 3 {
		t.Errorf("the account was listed %d times in 3 hours, want 3", lists)
	}
	w.wantAlive(id)

	must(t, w.Cloud.Retag(id, identity.FleetTag(testenv.Fleet))) // a person says that it is ours
	must(t, w.passes(4))
	w.wantGone(id)
}

func TestAtRestTheSweeperAsksNobody(t *testing.T) {
	w := newWorld(t)
	must(t, w.passes(1))
	w.Cloud.ResetJournal()
	requests := 0
	w.Manager.Before = onEvery(&requests)
	must(t, w.passes(20)) // ten minutes
	if n := len(w.Cloud.Journal()); n != 20 || requests != 20 {
		t.Errorf("%d calls and %d requests in 20 passes, want the passes alone", n, requests)
	}
}
