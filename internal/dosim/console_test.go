// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestPlantedDropletWasAlwaysThere(t *testing.T) {
	a := start(t, func(o *dosim.Options) {
		o.ListLag, o.TagLag, o.GetLag, o.DropletLimit = time.Hour, time.Hour, time.Hour, 1
	})
	yesterday := noon.Add(-24 * time.Hour)
	id := a.sim.Plant(dosim.Plant{Name: "alpha", Tags: []string{"fleet"}, CreatedAt: yesterday, State: "off"})
	a.sim.Plant(dosim.Plant{Name: "alpha", Region: "ams3", Size: "s-2vcpu-4gb", Image: "debian-12-x64", UserData: "x"})

	got := a.get("/v2/droplets?tag_name=fleet")
	if got.number("droplets.0.id") != id || got.text("droplets.0.status") != "off" ||
		got.text("droplets.0.created_at") != "2026-02-28T12:00:00Z" {
		t.Errorf("droplet: %s", got.raw)
	}
	if n := a.get("/v2/droplets?name=alpha").length("droplets"); n != 2 {
		t.Errorf("%d droplets", n)
	}
	defer func() {
		if recover() == nil {
			t.Error("planted in a region that does not exist")
		}
	}()
	a.sim.Plant(dosim.Plant{Name: "x", Region: "mars1"})
}

func TestConsole(t *testing.T) {
	a := start(t, func(o *dosim.Options) { o.DeleteLag = time.Hour })
	id := a.running("alpha")
	for _, err := range []error{
		a.sim.SetState(id, "archive"), a.sim.Rename(id, "beta"), a.sim.Retag(id, "x"), a.sim.Retag(id, "y", "z"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got := a.get("/v2/droplets?name=beta")
	if got.text("droplets.0.status") != "archive" {
		t.Errorf("droplet: %s", got.raw)
	}
	if diff := cmp.Diff([]any{"y", "z"}, got.at("droplets.0.tags")); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if n := a.get("/v2/droplets?tag_name=x").length("droplets"); n != 0 {
		t.Errorf("%d droplets with the old tag", n)
	}
	if err := a.sim.SetState(id, "broken"); err == nil {
		t.Error("a state that is no state was taken")
	}
	if err := a.sim.DestroyInstance(id); err != nil {
		t.Fatal(err)
	}
	a.want(404, http.MethodGet, droplet(id), nil)
	for _, err := range []error{a.sim.DestroyInstance(id), a.sim.SetState(id, "off"), a.sim.Rename(1, "x")} {
		if !errors.Is(err, dosim.ErrNoInstance) {
			t.Errorf("error %v", err)
		}
	}
}

func TestInstancesRememberEverything(t *testing.T) {
	a := start(t)
	first := a.running("alpha-1")
	second := a.create(bot("alpha-2"))
	a.want(204, http.MethodDelete, droplet(first), nil)
	third := a.create(bot("alpha-3"))
	other := a.create(bot("beta"))

	ids := []int64{}
	for _, i := range a.sim.Instances() {
		ids = append(ids, i.ID)
	}
	if diff := cmp.Diff([]int64{first, second, third, other}, ids); diff != "" {
		t.Errorf("instances (-want +got):\n%s", diff)
	}
	if got := len(a.sim.Live("alpha")); got != 2 {
		t.Errorf("%d live", got)
	}
	for prefix, want := range map[string]int{"alpha": 2, "": 3, "beta": 1, "gamma": 0} {
		if got := a.sim.MaxLive(prefix); got != want {
			t.Errorf("at most %d of %q at the same time, want %d", got, prefix, want)
		}
	}
	if _, found := a.sim.Instance(1); found {
		t.Error("found what never was")
	}
	if _, found := a.sim.UserData(1); found {
		t.Error("found the user data of what never was")
	}
}

func TestTheSameRequestsGiveTheSameWorld(t *testing.T) {
	run := func(seed uint64) []string {
		a := start(t, func(o *dosim.Options) { o.Seed = seed })
		a.running("alpha")
		seen := []string{}
		for _, path := range []string{"/v2/droplets", "/v2/actions", "/v2/vpcs"} {
			seen = append(seen, string(a.get(path).raw))
		}
		return seen
	}
	if diff := cmp.Diff(run(1), run(1)); diff != "" {
		t.Errorf("with the same seed:\n%s", diff)
	}
	if cmp.Equal(run(1), run(2)) {
		t.Error("another seed gives the same uuids")
	}
}

func TestOptions(t *testing.T) {
	a := start(t)
	for name, change := range map[string]func(*dosim.Options){
		"state-delay":   func(o *dosim.Options) { o.StateDelay = -1 },
		"droplet-limit": func(o *dosim.Options) { o.DropletLimit = -1 },
		"token":         func(o *dosim.Options) { o.Tokens = []string{""} },
	} {
		var bad *dosim.OptionError
		if err := a.sim.Configure(change); !errors.As(err, &bad) || bad.Option != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	opts := dosim.DefaultOptions()
	if err := opts.Validate(); err != nil {
		t.Error(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("New took options that do not validate")
		}
	}()
	dosim.New(dosim.Options{MinuteLimit: -1})
}
