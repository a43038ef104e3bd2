// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestAFleetThatIsAppliedInOneGo(t *testing.T) {
	const bots, deleted = 600, 30
	w := newWorld(t)
	w.at(0, w.passes())
	created := 0
	var last time.Duration
	for i := range bots {
		w.at(0, w.create("acme", fmt.Sprint("bot", i), func() time.Duration {
			created++
			last = w.since()
			return done
		}))
	}
	var slowest time.Duration
	for i := range deleted {
		name := fmt.Sprint("old", i)
		id := w.sim.Plant(dosim.Plant{Name: name, Tags: []string{fleet}})
		const asked = 3 * time.Minute
		w.at(asked, w.destroy("acme", name, func() int64 { return id }, func() time.Duration {
			slowest = max(slowest, w.since()-asked)
			return done
		}))
	}
	w.run(20 * time.Minute)

	// 1,200 calls at 160 a minute, after a first minute of 30.
	if created != bots || last > 9*time.Minute {
		t.Errorf("%d of %d created, the last after %s", created, bots, last)
	}
	if slowest == 0 || slowest > 30*time.Second {
		t.Errorf("the last of %d destructions came %s after it was asked for", deleted, slowest)
	}
	if n := w.refused(); n > 5 {
		t.Errorf("%d requests were answered 429", n)
	}
	if most := w.most(time.Minute); most > 200 {
		t.Errorf("%d requests in a minute", most)
	}
}

func TestAnAccountThatFlipsDelaysNobodyElse(t *testing.T) {
	w := newWorld(t)
	w.at(0, w.passes())
	for i := range 400 {
		w.at(time.Duration(i)*100*time.Millisecond, w.flip("flippers", fmt.Sprintf("flip%03d", i)))
	}
	created, slowest := 0, time.Duration(0)
	const others = 70
	for i := range others {
		asked := time.Duration(i+1) * time.Minute
		w.at(asked, w.create("quiet", fmt.Sprint("quiet", i), func() time.Duration {
			created++
			slowest = max(slowest, w.since()-asked)
			return done
		}))
	}
	w.run(75 * time.Minute)
	if created != others || slowest > time.Minute {
		t.Errorf("%d of %d created, the slowest after %s", created, others, slowest)
	}
	if n := w.refused(); n > 0 {
		t.Errorf("%d requests were answered 429", n)
	}
	for i := range 400 {
		name := fmt.Sprintf("flip%03d", i)
		if n := operations(w, name, time.Hour); n > 6 {
			t.Fatalf("%s had %d machines made and destroyed in an hour", name, n)
		}
	}
}

func TestABotThatFlipsInALoopDelaysNobodysCreate(t *testing.T) {
	w := newWorld(t)
	w.at(0, w.passes())
	w.at(0, w.flip("flipper", "flip"))
	created, slowest := 0, time.Duration(0)
	const others = 55
	for i := range others {
		asked := time.Duration(i+1) * time.Minute
		w.at(asked, w.create("quiet", fmt.Sprint("quiet", i), func() time.Duration {
			created++
			slowest = max(slowest, w.since()-asked)
			return done
		}))
	}
	w.run(5 * time.Minute)
	if n := operations(w, "flip", 5*time.Minute); n < 20 {
		t.Errorf("a bot that is deployed again and again on an idle fleet had %d operations in five minutes", n)
	}
	w.run(time.Hour)
	if created != others || slowest > 2*time.Second {
		t.Errorf("%d of %d created, the slowest after %s", created, others, slowest)
	}
	if n := w.refused(); n > 0 {
		t.Errorf("%d requests were answered 429", n)
	}
	if n := len(w.sim.Journal()); n > 3500 {
		t.Errorf("a bot in a loop and few others have made %d calls in an hour", n)
	}
}

// operations is how many machines of that name were made and destroyed in the first span.
func operations(w *world, name string, span time.Duration) int {
	n := 0
	for _, i := range w.sim.Instances() {
		if i.Name != name {
			continue
		}
		if i.CreatedAt.Sub(w.start) < span {
			n++
		}
		if !i.IsLive() && i.DestroyedAt.Sub(w.start) < span {
			n++
		}
	}
	return n
}

func TestATokenThatOthersDrain(t *testing.T) {
	w := newWorld(t)
	w.at(0, w.passes())
	id := w.sim.Plant(dosim.Plant{Name: "old", Tags: []string{fleet}})
	var created, destroyed time.Duration
	w.at(5*time.Minute, func() time.Duration { w.sim.SpendRequests(token, 4800); return done })
	w.at(6*time.Minute, w.create("acme", "new", func() time.Duration { created = w.since(); return done }))
	w.at(6*time.Minute, w.destroy("acme", "old", func() int64 { return id }, func() time.Duration {
		destroyed = w.since()
		return done
	}))
	w.run(6*time.Minute + 20*time.Second)
	if destroyed == 0 || created != 0 {
		t.Errorf("with less than 5 %% left: destroyed after %s, created after %s", destroyed, created)
	}

	w.sim.SpendRequests(token, 5000)
	another := w.sim.Plant(dosim.Plant{Name: "old2", Tags: []string{fleet}})
	w.at(7*time.Minute, w.destroy("acme", "old2", func() int64 { return another }, func() time.Duration { return done }))
	w.run(2 * time.Hour)
	if created == 0 || created > 75*time.Minute {
		t.Errorf("created after %s", created)
	}
	if i, _ := w.sim.Instance(another); i.IsLive() {
		t.Error("never destroyed")
	}
	if n := w.refused(); n == 0 || n > 20 { // one every 5 min, as nobody says when somebody else stops
		t.Errorf("%d requests were answered 429", n)
	}
}

func TestACloudThatIsDownIsHardlyCalled(t *testing.T) {
	w := newWorld(t)
	w.at(0, w.passes())
	w.run(2 * time.Minute)
	w.sim.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: http.StatusServiceUnavailable, Count: dosim.Forever})
	before, created := len(w.sim.Journal()), 0
	for i := range 50 {
		w.at(2*time.Minute, w.create("acme", fmt.Sprint("bot", i), func() time.Duration { created++; return done }))
	}
	w.run(12 * time.Minute)
	if n := len(w.sim.Journal()) - before; n > 15 {
		t.Errorf("%d calls in ten minutes of outage", n)
	}
	w.sim.ClearFaults()
	w.run(20 * time.Minute)
	if created != 50 {
		t.Errorf("%d of 50 created afterwards", created)
	}
}
