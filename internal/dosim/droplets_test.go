// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestDropletBecomesActiveOnTime(t *testing.T) {
	a := start(t)
	id := a.create(bot("alpha"))

	got := a.get(droplet(id))
	if got.text("droplet.status") != "new" || got.length("droplet.networks.v4") != 0 {
		t.Errorf("newborn: %s", got.raw)
	}
	a.clock.Step(2*time.Second - 1)
	if status := a.get(droplet(id)).text("droplet.status"); status != "new" {
		t.Errorf("status just before the delay has passed: %q", status)
	}
	a.clock.Step(1)
	got = a.get(droplet(id))
	if got.text("droplet.status") != "active" {
		t.Errorf("status after the delay: %q", got.text("droplet.status"))
	}
	want := []any{
		map[string]any{"ip_address": "10.100.0.2", "netmask": "255.255.0.0", "gateway": "nil", "type": "private"},
		map[string]any{
			"ip_address": "203.0.113.2", "netmask": "255.255.255.0", "gateway": "203.0.113.1", "type": "public",
		},
	}
	if diff := cmp.Diff(want, got.at("droplet.networks.v4")); diff != "" {
		t.Errorf("networks (-want +got):\n%s", diff)
	}
	if at := got.text("droplet.created_at"); at != "2026-03-01T12:00:00Z" {
		t.Errorf("created at %s", at)
	}
}

func TestDropletAppearsInListsLate(t *testing.T) {
	a := start(t, func(o *dosim.Options) { o.ListLag, o.TagLag, o.GetLag = 10*time.Second, 20*time.Second, time.Second })
	id := a.create(bot("alpha").with(fields{"tags": []string{"fleet"}}))
	seen := func() string {
		t.Helper()
		got := a.do(http.MethodGet, droplet(id), nil)
		return fmt.Sprintf("get %d tags %v all %d name %d tag %d", got.status, got.at("droplet.tags"),
			a.get("/v2/droplets").length("droplets"), a.get("/v2/droplets?name=alpha").length("droplets"),
			a.get("/v2/droplets?tag_name=fleet").length("droplets"))
	}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, "get 404 tags <nil> all 0 name 0 tag 0"},
		{time.Second, "get 200 tags [] all 0 name 0 tag 0"},
		{9 * time.Second, "get 200 tags [] all 1 name 1 tag 0"},
		{10 * time.Second, "get 200 tags [fleet] all 1 name 1 tag 1"},
	} {
		a.clock.Step(step.after)
		if got := seen(); got != step.want {
			t.Errorf("at %s: %s, want %s", a.clock.Since(noon), got, step.want)
		}
	}
}

func TestListDropletsByName(t *testing.T) {
	a := start(t)
	first, second := a.create(bot("alpha")), a.create(bot("Alpha"))
	a.create(bot("alpha-2"))

	got := a.get("/v2/droplets?name=ALPHA")
	if got.length("droplets") != 2 || got.number("droplets.0.id") != first || got.number("droplets.1.id") != second {
		t.Errorf("names are not unique, and compared without capitals: %s", got.raw)
	}
}

func TestListDropletsLeavesGPUsOut(t *testing.T) {
	a := start(t)
	a.create(bot("cpu").with(fields{"tags": []string{"fleet"}}))
	gpu := a.create(bot("gpu").with(fields{"size": "gpu-h100x1-80gb", "region": "tor1", "tags": []string{"fleet"}}))

	for path, want := range map[string]int{
		"/v2/droplets": 1, "/v2/droplets?type=droplets": 1, "/v2/droplets?type=gpus": 1,
		"/v2/droplets?name=gpu": 0, "/v2/droplets?name=gpu&type=gpus": 1, "/v2/droplets?tag_name=fleet": 2,
	} {
		if got := a.get(path).length("droplets"); got != want {
			t.Errorf("%s: %d droplets, want %d", path, got, want)
		}
	}
	if model := a.get(droplet(gpu)).text("droplet.gpu_info.model"); model != "nvidia_h100" {
		t.Errorf("model %q", model)
	}
}

func TestListDropletsRefusesWhatCannotBeCombined(t *testing.T) {
	a := start(t)
	for _, query := range []string{
		"tag_name=x&name=y", "tag_name=x&type=gpus", "type=toasters",
		"per_page=0", "per_page=201", "per_page=many", "page=0", "page=-1", "page=99999999999999",
	} {
		a.refused(422, http.MethodGet, "/v2/droplets?"+query, nil)
	}
}

func TestPaging(t *testing.T) {
	a := start(t)
	for i := range 45 {
		a.sim.Plant(dosim.Plant{Name: fmt.Sprintf("bot-%02d", i), Tags: []string{"fleet"}})
	}
	number := func(link string) string {
		if link == "" {
			return ""
		}
		u, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("page") + "/" + u.Query().Get("tag_name")
	}
	for _, test := range []struct {
		path                          string
		wantLength                    int
		first, previous, next, theEnd string
	}{
		{"/v2/droplets?tag_name=fleet", 20, "", "", "2/fleet", "3/fleet"},
		{"/v2/droplets?tag_name=fleet&page=2", 20, "1/fleet", "1/fleet", "3/fleet", "3/fleet"},
		{"/v2/droplets?tag_name=fleet&page=3", 5, "1/fleet", "2/fleet", "", ""},
		{"/v2/droplets?tag_name=fleet&page=9", 0, "1/fleet", "3/fleet", "", ""},
		{"/v2/droplets?tag_name=fleet&per_page=200", 45, "", "", "", ""},
		{"/v2/droplets?per_page=45&page=1", 45, "", "", "", ""},
	} {
		got := a.get(test.path)
		if got.length("droplets") != test.wantLength || got.number("meta.total") != 45 {
			t.Errorf("%s: %d droplets of %d", test.path, got.length("droplets"), got.number("meta.total"))
		}
		links := []string{}
		for _, name := range []string{"first", "prev", "next", "last"} {
			links = append(links, number(got.text("links.pages."+name)))
		}
		want := []string{test.first, test.previous, test.next, test.theEnd}
		if diff := cmp.Diff(want, links); diff != "" {
			t.Errorf("%s: links (-want +got):\n%s", test.path, diff)
		}
	}
}

func TestPagesShiftWhenTheListChanges(t *testing.T) {
	a := start(t)
	ids := []int64{}
	for range 4 {
		ids = append(ids, a.sim.Plant(dosim.Plant{Name: "bot"}))
	}
	a.get("/v2/droplets?per_page=2")
	if err := a.sim.DestroyInstance(ids[0]); err != nil {
		t.Fatal(err)
	}
	if got := a.get("/v2/droplets?per_page=2&page=2"); got.number("droplets.0.id") != ids[3] {
		t.Errorf("the third droplet slipped onto the page that was read before: %s", got.raw)
	}
}

func TestDeleteDroplet(t *testing.T) {
	a := start(t, func(o *dosim.Options) { o.DeleteLag = 5 * time.Second })
	id := a.running("alpha")

	a.want(204, http.MethodDelete, droplet(id), nil)
	a.want(204, http.MethodDelete, droplet(id), nil)
	if got := a.get(droplet(id)); got.text("droplet.status") != "active" {
		t.Errorf("during the lag: %s", got.raw)
	}
	a.refused(422, http.MethodPost, droplet(id)+"/actions", fields{"type": "reboot"})
	a.clock.Step(5 * time.Second)
	a.want(404, http.MethodGet, droplet(id), nil)
	a.want(404, http.MethodDelete, droplet(id), nil)
	if got := a.get("/v2/droplets").length("droplets"); got != 0 {
		t.Errorf("%d droplets are listed", got)
	}
	instance, _ := a.sim.Instance(id)
	if !instance.DestroyedAt.Equal(noon.Add(2*time.Second)) || instance.State != dosim.StateDestroyed {
		t.Errorf("instance: %+v", instance)
	}
}

func TestDeleteWhileNew(t *testing.T) {
	a := start(t)
	id := a.create(bot("alpha"))
	a.want(204, http.MethodDelete, droplet(id), nil)
	a.want(404, http.MethodGet, droplet(id), nil)
	a.clock.Step(time.Minute)
	if live := a.sim.Live(""); len(live) != 0 {
		t.Errorf("came back: %+v", live)
	}

	if err := a.sim.Configure(func(o *dosim.Options) { o.IgnoreDeleteWhileNew = true }); err != nil {
		t.Fatal(err)
	}
	id = a.create(bot("beta"))
	a.want(204, http.MethodDelete, droplet(id), nil)
	a.get(droplet(id))
	a.clock.Step(2 * time.Second)
	a.want(204, http.MethodDelete, droplet(id), nil)
	a.want(404, http.MethodGet, droplet(id), nil)
}

func TestDeleteByTag(t *testing.T) {
	a := start(t)
	for _, name := range []string{"a", "b"} {
		a.sim.Plant(dosim.Plant{Name: name, Tags: []string{"doomed"}})
	}
	a.sim.Plant(dosim.Plant{Name: "c"})

	a.want(404, http.MethodDelete, "/v2/droplets?tag_name=other", nil)
	a.want(204, http.MethodDelete, "/v2/droplets?tag_name=doomed", nil)
	if live := a.sim.Live(""); len(live) != 1 || live[0].Name != "c" {
		t.Errorf("live: %+v", live)
	}
	a.refused(422, http.MethodDelete, "/v2/droplets", nil)
}

func TestDropletSubresourcesAndPrecedence(t *testing.T) {
	a := start(t)
	id := a.running("alpha")
	for path, key := range map[string]string{
		"/neighbors": "droplets", "/backups": "backups", "/kernels": "kernels", "/firewalls": "firewalls",
		"/snapshots": "snapshots",
	} {
		if got := a.get(droplet(id) + path).length(key); got != 0 {
			t.Errorf("%s: %d", path, got)
		}
		a.want(404, http.MethodGet, droplet(id+1)+path, nil)
	}
	if got := a.get("/v2/droplets/autoscale").length("autoscale_pools"); got != 0 {
		t.Errorf("%d pools", got)
	}
	a.want(404, http.MethodGet, "/v2/unknown", nil)
}
