// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan_test

import (
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/controllers/orphan"
)

// lostFleet is a fleet whose every object is gone, with what a person has of them in Git. Its sweeper is in a hurry.
type lostFleet struct {
	*world
	objects map[string][]client.Object
	had     map[string]int64
}

var fleetNames = []string{"scout", "hawk", "owl"}

func newLostFleet(t *testing.T, restart bool) *lostFleet {
	t.Helper()
	w := newWorld(t, func(s *orphan.Settings) { s.Sightings = 1 })
	for _, name := range fleetNames[1:] {
		w.GivenReadyBot(name)
	}
	f := &lostFleet{world: w, had: map[string]int64{}, objects: map[string][]client.Object{}}
	for _, name := range fleetNames {
		f.had[name] = w.Bot(name).Status.InstanceID
	}
	w.Step(48 * time.Hour)
	must(t, w.passes(2))
	f.objects["accounts"] = w.backup(&spawnv1.AccountList{})
	f.objects["bots"] = w.backup(&spawnv1.BotList{})
	f.objects["droplets"] = w.backup(&spawnv1.DropletList{})
	for _, objects := range f.objects {
		w.wipe(objects)
	}
	w.Cloud.ResetJournal()
	if restart {
		w.Restart()
	}
	return f
}

// wait lets so much time pass, with what the operator makes of a half-done restore.
func (f *lostFleet) wait(passes int) {
	f.t.Helper()
	for range passes {
		must(f.t, f.passes(1))
		if _, err := f.Round(); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *lostFleet) wantAllAdopted() {
	f.t.Helper()
	for _, name := range fleetNames {
		f.Until(name+" is Ready", func() bool { return f.IsReady(f.Bot(name)) })
		if got := f.Bot(name).Status.InstanceID; got != f.had[name] {
			f.t.Errorf("%s has instance %d, want the one it had, %d", name, got, f.had[name])
		}
	}
	f.wait(10)
	f.wantAlive()
	if n := f.Creates(); n != 0 {
		f.t.Errorf("%d create requests, want none", n)
	}
}

func TestARestoreWithoutStatusAdoptsEverythingAndDestroysNothing(t *testing.T) {
	for name, test := range map[string]struct {
		restart bool
		kinds   []string
	}{
		"all, by the same manager":                  {false, []string{"accounts", "bots", "droplets"}},
		"all, by a new manager":                     {true, []string{"accounts", "bots", "droplets"}},
		"Bots only, by a new manager":               {true, []string{"accounts", "bots"}},
		"Droplets long before Bots":                 {false, []string{"accounts", "droplets", "bots"}},
		"Droplets long before Bots, a new manager":  {true, []string{"droplets", "accounts", "bots"}},
		"Bots before their Account, by the manager": {false, []string{"bots", "accounts", "droplets"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newLostFleet(t, test.restart)
			for _, kind := range test.kinds {
				f.wait(3)
				f.restore(f.objects[kind])
				f.wait(3)
				f.Step(time.Hour)
			}
			f.wantAllAdopted()
		})
	}
}

func TestARestoreOfOneObjectAfterTheOtherDestroysNothing(t *testing.T) {
	for name, restart := range map[string]bool{"by the same manager": false, "by a new manager": true} {
		t.Run(name, func(t *testing.T) {
			f := newLostFleet(t, restart)
			f.wait(3)
			f.restore(f.objects["accounts"])
			for i := range f.objects["bots"] {
				f.restore(f.objects["bots"][i : i+1])
				f.wait(4)
				f.Step(10 * time.Minute)
			}
			f.wantAllAdopted()
		})
	}
}
