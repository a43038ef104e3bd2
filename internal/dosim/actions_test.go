// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestPowerActions(t *testing.T) {
	for name, test := range map[string]struct {
		from, action, want string
	}{
		"shutdown of an active droplet":    {"active", "shutdown", "201 off"},
		"shutdown of one that is off":      {"off", "shutdown", "201 off"},
		"power off of an active droplet":   {"active", "power_off", "201 off"},
		"power off of one that is off":     {"off", "power_off", "422 Droplet is already powered off"},
		"power on of one that is off":      {"off", "power_on", "201 active"},
		"power on of an active droplet":    {"active", "power_on", "422 Droplet is already powered on"},
		"reboot of an active droplet":      {"active", "reboot", "201 active"},
		"reboot of one that is off":        {"off", "reboot", "422 Droplet is powered off"},
		"power cycle of an active droplet": {"active", "power_cycle", "201 active"},
		"power cycle of one that is off":   {"off", "power_cycle", "422 Droplet is powered off"},
		"anything of a new one":            {"new", "power_off", "422 Droplet already has a pending event."},
		"a type that is no type":           {"active", "explode", "422 \"explode\" is not a valid action type."},
		"a kernel of one's own": {
			"active", "change_kernel", "422 The kernel of this Droplet is managed internally.",
		},
		"a new password": {"active", "password_reset", "201 active"},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t)
			id := a.sim.Plant(dosim.Plant{Name: "alpha", State: test.from})
			got := a.do(http.MethodPost, droplet(id)+"/actions", fields{"type": test.action})
			outcome := fmt.Sprint(got.status, " ", got.text("message"))
			if got.status == http.StatusCreated {
				if status := a.get(droplet(id)).text("droplet.status"); status != test.from {
					t.Errorf("status changed to %q before the action completed", status)
				}
				a.clock.Step(time.Second)
				outcome = "201 " + a.get(droplet(id)).text("droplet.status")
			}
			if outcome != test.want {
				t.Errorf("%s, want %s", outcome, test.want)
			}
		})
	}
}

func TestOneActionAtATime(t *testing.T) {
	a := start(t, func(o *dosim.Options) { o.LockBusy = true })
	id := a.create(bot("alpha"))
	pending := "Droplet already has a pending event."
	reboot := fields{"type": "reboot"}

	if message := a.refused(422, http.MethodPost, droplet(id)+"/actions", reboot); message != pending {
		t.Errorf("while it is being created: %q", message)
	}
	a.clock.Step(2 * time.Second)
	action := a.act(id, reboot)
	if message := a.refused(422, http.MethodPost, droplet(id)+"/actions", reboot); message != pending {
		t.Errorf("while an action is in progress: %q", message)
	}
	if message := a.refused(422, http.MethodDelete, droplet(id), nil); message != pending {
		t.Errorf("deleting while an action is in progress: %q", message)
	}
	if a.get(droplet(id)).at("droplet.locked") != true {
		t.Error("a busy droplet is not locked")
	}
	a.clock.Step(time.Second)
	got := a.get(fmt.Sprintf("%s/actions/%d", droplet(id), action))
	if got.text("action.status") != "completed" || got.text("action.completed_at") != "2026-03-01T12:00:03Z" {
		t.Errorf("action: %s", got.raw)
	}
	a.want(204, http.MethodDelete, droplet(id), nil)
}

func TestActionsAreListedNewestFirst(t *testing.T) {
	a := start(t)
	alpha := a.running("alpha")
	a.done(alpha, fields{"type": "reboot"})
	beta := a.running("beta")
	a.done(alpha, fields{"type": "power_off"})

	types := func(path string) string {
		t.Helper()
		got := a.get(path)
		kinds := []string{}
		for i := range got.length("actions") {
			kinds = append(kinds, got.text(fmt.Sprintf("actions.%d.type", i)))
		}
		return strings.Join(kinds, " ")
	}
	if got := types(droplet(alpha) + "/actions"); got != "power_off reboot create" {
		t.Errorf("of the droplet: %s", got)
	}
	if got := types("/v2/actions"); got != "power_off create reboot create" {
		t.Errorf("of the account: %s", got)
	}
	create := a.get(droplet(alpha) + "/actions?per_page=1&page=3").number("actions.0.id")
	a.want(404, http.MethodGet, fmt.Sprintf("%s/actions/%d", droplet(beta), create), nil)
	a.want(404, http.MethodGet, "/v2/actions/1", nil)

	a.want(204, http.MethodDelete, droplet(alpha), nil)
	a.want(404, http.MethodGet, droplet(alpha)+"/actions", nil)
	a.want(404, http.MethodGet, fmt.Sprintf("%s/actions/%d", droplet(alpha), create), nil)
	a.want(404, http.MethodPost, droplet(alpha)+"/actions", fields{"type": "reboot"})
	a.get(fmt.Sprintf("/v2/actions/%d", create))
	if got := types("/v2/actions"); !strings.HasPrefix(got, "destroy ") {
		t.Errorf("after the deletion: %s", got)
	}
}

func TestAnErroredActionHasNoEffect(t *testing.T) {
	a := start(t)
	id := a.running("alpha")
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultErrored, Route: "/v2/droplets/{id}/actions"})
	action := a.act(id, fields{"type": "power_off"})
	a.clock.Step(time.Second)
	if status := a.get(fmt.Sprintf("/v2/actions/%d", action)).text("action.status"); status != "errored" {
		t.Errorf("action is %q", status)
	}
	if status := a.get(droplet(id)).text("droplet.status"); status != "active" {
		t.Errorf("droplet is %q", status)
	}
}

func TestShutdownThatIsNotWhatItSeems(t *testing.T) {
	a := start(t, func(o *dosim.Options) { o.IgnoreShutdown, o.OffLag = true, 3*time.Second })
	id := a.running("alpha")
	a.done(id, fields{"type": "shutdown"})
	a.clock.Step(time.Hour)
	if status := a.get(droplet(id)).text("droplet.status"); status != "active" {
		t.Errorf("a guest that does not listen is %q", status)
	}
	a.done(id, fields{"type": "power_off"})
	if status := a.get(droplet(id)).text("droplet.status"); status != "active" {
		t.Errorf("right after the completed power off: %q", status)
	}
	a.clock.Step(3 * time.Second)
	if status := a.get(droplet(id)).text("droplet.status"); status != "off" {
		t.Errorf("after the lag: %q", status)
	}
}

func TestResize(t *testing.T) {
	a := start(t)
	id := a.running("alpha")
	resize := func(size string, disk bool) fields { return fields{"type": "resize", "size": size, "disk": disk} }
	refused := func(size, want string) {
		t.Helper()
		if got := a.refused(422, http.MethodPost, droplet(id)+"/actions", resize(size, false)); got != want {
			t.Errorf("resize to %s: %q, want %q", size, got, want)
		}
	}
	refused("s-2vcpu-4gb", "Droplet must be off prior to resizing")
	a.done(id, fields{"type": "power_off"})
	refused("s-9", "You specified an invalid size.")
	refused("s-1vcpu-2gb", "Droplet is already this size")
	refused("s-1vcpu-1gb", "Size can not decrease size of Droplet's disk image")
	a.sim.SetSizeAvailable("s-8vcpu-16gb", "nyc3", false)
	refused("s-8vcpu-16gb", "Size is not available in this region.")

	shape := func() string {
		t.Helper()
		got := a.get(droplet(id))
		return fmt.Sprintf("%s %s %d GB memory %d", got.text("droplet.status"), got.text("droplet.size_slug"),
			got.number("droplet.disk"), got.number("droplet.memory"))
	}
	a.done(id, resize("s-2vcpu-4gb", false))
	if got, want := shape(), "off s-2vcpu-4gb 50 GB memory 4096"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	a.done(id, resize("s-4vcpu-8gb", true))
	if got, want := shape(), "off s-4vcpu-8gb 160 GB memory 8192"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestActionsThatChangeADroplet(t *testing.T) {
	a := start(t)
	id := a.running("alpha")
	a.refused(422, http.MethodPost, droplet(id)+"/actions", fields{"type": "rename", "name": "no good"})
	a.done(id, fields{"type": "rename", "name": "beta"})
	a.done(id, fields{"type": "enable_ipv6"})
	a.done(id, fields{"type": "enable_backups"})
	a.done(id, fields{"type": "disable_backups"})
	a.refused(422, http.MethodPost, droplet(id)+"/actions", fields{"type": "rebuild", "image": "plan9"})
	a.done(id, fields{"type": "rebuild", "image": "debian-12-x64"})

	got := a.get("/v2/droplets?name=beta")
	if got.number("droplets.0.id") != id || got.text("droplets.0.image.slug") != "debian-12-x64" ||
		got.length("droplets.0.networks.v6") != 1 {
		t.Errorf("droplet: %s", got.raw)
	}
	want := []any{"droplet_agent", "private_networking", "ipv6"}
	if diff := cmp.Diff(want, got.at("droplets.0.features")); diff != "" {
		t.Errorf("features (-want +got):\n%s", diff)
	}
	if old := a.get("/v2/droplets?name=alpha").length("droplets"); old != 0 {
		t.Errorf("%d droplets of the old name", old)
	}
}

func TestActionsByTag(t *testing.T) {
	a := start(t)
	on := a.sim.Plant(dosim.Plant{Name: "on", Tags: []string{"fleet"}})
	a.sim.Plant(dosim.Plant{Name: "off", Tags: []string{"fleet"}, State: "off"})
	got := a.want(201, http.MethodPost, "/v2/droplets/actions?tag_name=fleet", fields{"type": "power_off"})
	if got.length("actions") != 1 || got.number("actions.0.resource_id") != on {
		t.Errorf("only the droplet that is on has something to do: %s", got.raw)
	}
	a.refused(422, http.MethodPost, "/v2/droplets/actions?tag_name=fleet", fields{"type": "resize", "size": "c-2"})
	a.clock.Step(time.Second)
	a.want(201, http.MethodPost, "/v2/droplets/actions?tag_name=fleet", fields{"type": "snapshot"})
	a.clock.Step(time.Second)
	if n := a.get("/v2/snapshots").length("snapshots"); n != 2 {
		t.Errorf("%d snapshots", n)
	}
}

func TestSnapshots(t *testing.T) {
	a := start(t)
	id := a.running("alpha")
	a.refused(422, http.MethodPost, droplet(id)+"/actions", fields{"type": "snapshot"})
	a.act(id, fields{"type": "snapshot", "name": "alpha-final"})
	if n := a.get(droplet(id) + "/snapshots").length("snapshots"); n != 0 {
		t.Errorf("%d snapshots before the action has completed", n)
	}
	a.clock.Step(time.Second)

	got := a.get(droplet(id) + "/snapshots")
	snapshot := got.number("snapshots.0.id")
	if got.text("snapshots.0.name") != "alpha-final" || got.number("snapshots.0.min_disk_size") != 50 {
		t.Errorf("snapshots of the droplet: %s", got.raw)
	}
	if got := a.get(droplet(id)); got.number("droplet.snapshot_ids.0") != snapshot {
		t.Errorf("droplet: %s", got.raw)
	}
	a.want(204, http.MethodDelete, droplet(id), nil)

	path := fmt.Sprintf("/v2/snapshots/%d", snapshot)
	if got := a.get(path); got.text("snapshot.id") != fmt.Sprint(snapshot) ||
		got.text("snapshot.resource_id") != fmt.Sprint(id) {
		t.Errorf("it outlives its droplet, and its ids are text: %s", got.raw)
	}
	if n := a.get("/v2/snapshots?resource_type=volume").length("snapshots"); n != 0 {
		t.Errorf("%d snapshots of volumes", n)
	}
	a.want(204, http.MethodDelete, path, nil)
	a.want(404, http.MethodDelete, path, nil)
	a.want(404, http.MethodGet, path, nil)
}
