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

func resources(ids ...int64) fields {
	list := []fields{}
	for _, id := range ids {
		list = append(list, fields{"resource_id": fmt.Sprint(id), "resource_type": "droplet"})
	}
	return fields{"resources": list}
}

func TestTagsKeepTheirFirstCapitals(t *testing.T) {
	a := start(t)
	if name := a.want(201, http.MethodPost, "/v2/tags", fields{"name": "Fleet"}).text("tag.name"); name != "Fleet" {
		t.Errorf("made %q", name)
	}
	if name := a.want(201, http.MethodPost, "/v2/tags", fields{"name": "FLEET"}).text("tag.name"); name != "Fleet" {
		t.Errorf("made again: %q", name)
	}
	id := a.create(bot("alpha").with(fields{"tags": []string{"fleet", "open-spawn:x"}}))
	if diff := cmp.Diff([]any{"Fleet", "open-spawn:x"}, a.get(droplet(id)).at("droplet.tags")); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if n := a.get("/v2/droplets?tag_name=fLEET").length("droplets"); n != 1 {
		t.Errorf("%d droplets", n)
	}
	got := a.get("/v2/tags/fleet")
	if got.number("tag.resources.droplets.count") != 1 ||
		got.text("tag.resources.last_tagged_uri") != a.url+droplet(id) {
		t.Errorf("tag: %s", got.raw)
	}
	if n := a.get("/v2/tags").length("tags"); n != 2 {
		t.Errorf("%d tags", n)
	}
}

func TestBadTagsAnswerInTheirOwnShape(t *testing.T) {
	a := start(t)
	for _, name := range []string{"", "no spaces", strings.Repeat("x", 256)} {
		got := a.want(400, http.MethodPost, "/v2/tags", fields{"name": name})
		if got.text("error") == "" || got.length("root_causes") != 0 {
			t.Errorf("%q: %s", name, got.raw)
		}
	}
}

func TestTagResourcesInBatch(t *testing.T) {
	a := start(t, func(o *dosim.Options) { o.TagLag = 5 * time.Second })
	alpha, beta := a.sim.Plant(dosim.Plant{Name: "alpha"}), a.sim.Plant(dosim.Plant{Name: "beta"})
	a.want(404, http.MethodPost, "/v2/tags/fleet/resources", resources(alpha))
	a.want(201, http.MethodPost, "/v2/tags", fields{"name": "fleet"})

	a.want(404, http.MethodPost, "/v2/tags/fleet/resources", resources(alpha, 7))
	if i, _ := a.sim.Instance(alpha); len(i.Tags) != 0 {
		t.Errorf("part of a batch was done: %v", i.Tags)
	}
	a.refused(422, http.MethodPost, "/v2/tags/fleet/resources", fields{"resources": []fields{}})
	a.want(204, http.MethodPost, "/v2/tags/fleet/resources", resources(beta, alpha))
	a.want(204, http.MethodPost, "/v2/tags/fleet/resources", resources(beta))
	if n := a.get("/v2/droplets?tag_name=fleet").length("droplets"); n != 0 {
		t.Errorf("%d droplets show a tag before its lag has passed", n)
	}
	a.clock.Step(5 * time.Second)
	got := a.get("/v2/droplets?tag_name=fleet")
	if got.length("droplets") != 2 || got.number("droplets.0.id") != alpha {
		t.Errorf("ascending by id: %s", got.raw)
	}
	a.want(204, http.MethodDelete, "/v2/tags/fleet/resources", resources(beta))
	if n := a.get("/v2/droplets?tag_name=fleet").length("droplets"); n != 1 {
		t.Errorf("%d droplets", n)
	}
}

func TestDeleteTagUntagsEverything(t *testing.T) {
	a := start(t)
	id := a.sim.Plant(dosim.Plant{Name: "alpha", Tags: []string{"fleet", "other"}})
	firewall := a.firewall(fields{"tags": []string{"fleet"}})
	a.want(204, http.MethodDelete, "/v2/tags/FLEET", nil)
	a.want(404, http.MethodGet, "/v2/tags/fleet", nil)
	a.want(404, http.MethodDelete, "/v2/tags/fleet", nil)
	if diff := cmp.Diff([]any{"other"}, a.get(droplet(id)).at("droplet.tags")); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if n := a.get("/v2/firewalls/" + firewall).length("firewall.tags"); n != 0 {
		t.Errorf("%d tags on the firewall", n)
	}
}
