// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/inventory"
)

const (
	// droplets at 200 a page are five calls a pass.
	droplets     = 1000
	callsPerPass = 5
	// besides are the calls that are not passes: the token's team, and the firewall.
	besides = 10
)

// toll is what a fleet has cost so far.
type toll struct {
	passes                 int64
	writes, events         int64
	bots, droplets, others int64 // reconciles
}

func (w *world) toll() toll {
	pass, _ := w.manager.inventory.Latest()
	served := func(name string) int64 { return w.manager.activity.queue(name).served.Load() }
	return toll{
		passes: pass.Number, writes: w.manager.api.writes.Load(), events: w.manager.recorder.count.Load(),
		bots: served("bot"), droplets: served("droplet"), others: served("account"),
	}
}

// isPass tells whether a request is part of a pass over the fleet.
func isPass(e dosim.Entry) bool {
	return e.Method == http.MethodGet && e.Path == "/v2/droplets" && strings.Contains(e.Query, "tag_name=")
}

// calls tells passes from other calls since a request, and names those that a fleet at rest has no reason to make.
func (w *world) calls(since int64) (ofPasses, besides int, unexpected []string) {
	for _, e := range w.sim.JournalSince(since) {
		if isPass(e) {
			ofPasses++
			continue
		}
		besides++
		if e.Method != http.MethodGet || e.Path != "/v2/account" && e.Path != "/v2/firewalls" {
			unexpected = append(unexpected, fmt.Sprintf("%s %s?%s", e.Method, e.Path, e.Query))
		}
	}
	return ofPasses, besides, unexpected
}

func (w *world) lastCall() int64 {
	journal := w.sim.Journal()
	if len(journal) == 0 {
		return 0
	}
	return journal[len(journal)-1].Seq
}

func TestAThousandDropletsAtRest(t *testing.T) {
	w := newWorld(t, dosim.Options{StateDelay: 20 * time.Second})
	w.perMinute = plenty
	fleet := w.plantFleet(droplets)

	// A manager that knows nothing looks at every object once, and at the fleet.
	before := w.lastCall()
	w.start()
	w.pass(2 * time.Minute)
	begun := w.toll()
	if begun.droplets < droplets || begun.bots < droplets {
		t.Fatalf("the new manager has looked at %d droplets and %d bots", begun.droplets, begun.bots)
	}
	if accounts := int64(droplets / perAccount); begun.writes > accounts || begun.events != 0 {
		t.Errorf("a new manager has made %d writes and %d events, and had the counts of %d accounts to write",
			begun.writes, begun.events, accounts)
	}
	w.pass(10 * time.Minute)
	rested := w.toll()
	ofPasses, others, unexpected := w.calls(before)
	t.Logf("%d passes of %d droplets: %d calls, and %d others", rested.passes, droplets, ofPasses, others)
	if passes := rested.passes - begun.passes; passes < 18 || passes > 20 {
		t.Errorf("%d passes in ten minutes", passes)
	}
	if ofPasses != int(rested.passes)*callsPerPass || others > besides || len(unexpected) > 0 {
		t.Errorf("%d calls for %d passes, %d others, and of these unexpected: %v",
			ofPasses, rested.passes, others, unexpected)
	}
	rested.passes = begun.passes
	if rested != begun {
		t.Errorf("ten minutes at rest have taken the toll from %+v to %+v", begun, rested)
	}
	if pass, _ := w.manager.inventory.Latest(); pass.Len() != droplets {
		t.Errorf("a pass sees %d instances", pass.Len())
	}
	w.wakeAll(fleet)
	w.wakeSome(fleet)
}

// wakeAll reconciles everything once more, which costs nothing.
func (w *world) wakeAll(fleet []machine) {
	w.Helper()
	seq, before := w.lastCall(), w.toll()
	for _, m := range fleet {
		w.manager.activity.queue("bot").Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(m.bot)})
		w.manager.activity.queue("droplet").Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(m.droplet)})
	}
	w.settle()
	after := w.toll()
	if after.droplets-before.droplets != droplets || after.bots-before.bots != droplets {
		w.Errorf("reconciling all has reconciled %d droplets and %d bots",
			after.droplets-before.droplets, after.bots-before.bots)
	}
	writes, events := after.writes-before.writes, after.events-before.events
	if calls := w.sim.JournalSince(seq); len(calls) != 0 || writes != 0 || events != 0 {
		w.Errorf("reconciling all has made %d calls, %d writes and %d events", len(calls), writes, events)
	}
}

// wakeSome changes a few instances in the console: exactly their Droplets are woken, else the proof above proves
// nothing.
func (w *world) wakeSome(fleet []machine) {
	w.Helper()
	before := w.toll()
	changed := []machine{fleet[7], fleet[500], fleet[999]}
	var ids []int64
	for _, m := range changed {
		w.must(w.sim.Rename(m.instance.ID, "renamed"), "renaming an instance")
		ids = append(ids, m.instance.ID)
	}
	seq := w.lastCall()
	w.pass(5 * time.Minute)
	for _, m := range changed {
		if live, _ := w.sim.Instance(m.instance.ID); live.Name != m.droplet.Name {
			w.Errorf("instance %d is still named %s", live.ID, live.Name)
		}
	}
	for _, e := range w.sim.JournalSince(seq) {
		for _, id := range e.DropletIDs {
			if !isPass(e) && !slices.Contains(ids, id) {
				w.Errorf("%s %s, of which nothing has changed", e.Method, e.Path)
			}
		}
	}
	after := w.toll()
	if woken := after.droplets - before.droplets; woken < 3 || woken > 30 {
		w.Errorf("three renamed instances have taken %d reconciles of droplets", woken)
	}
}

func TestAPassSeesThreePages(t *testing.T) {
	const fleet = 450
	w := newWorld(t, dosim.Options{})
	for i := range fleet {
		w.sim.Plant(dosim.Plant{Name: fmt.Sprintf("bot-%03d", i), Tags: []string{identity.FleetTag(fleetID)}})
	}
	w.sim.Plant(dosim.Plant{Name: "of-another-fleet", Tags: []string{identity.FleetTag("another")}})
	do, err := digitalocean.Connect(digitalocean.Options{
		BaseURL: w.url, Token: func() string { return token }, Clock: w.clock,
	})
	w.must(err, "connecting")
	passes := inventory.New(inventory.Options{Lister: do, Tag: identity.FleetTag(fleetID), Clock: w.clock})
	w.must(passes.Refresh(t.Context()), "listing")
	if pass, _ := passes.Latest(); pass.Len() != fleet || len(w.sim.Journal()) != 3 {
		t.Errorf("a pass sees %d of %d instances in %d calls", pass.Len(), fleet, len(w.sim.Journal()))
	}
}
