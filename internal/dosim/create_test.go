// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestCreateAnswersWithTheNewborn(t *testing.T) {
	a := start(t)
	body := bot("alpha").with(fields{
		"ipv6": true, "monitoring": true, "backups": true, "tags": []string{"Fleet"}, "user_data": "#cloud-config\n",
	})
	got := a.want(202, http.MethodPost, "/v2/droplets", body)

	id := got.number("droplet.id")
	if got.text("droplet.status") != "new" || got.at("droplet.locked") != false {
		t.Errorf("newborn: %s", got.raw)
	}
	a.clock.Step(2 * time.Second)
	got = a.get(droplet(id))
	features := []any{"backups", "droplet_agent", "ipv6", "monitoring", "private_networking"}
	if diff := cmp.Diff(features, got.at("droplet.features")); diff != "" {
		t.Errorf("features (-want +got):\n%s", diff)
	}
	if got.text("droplet.networks.v6.0.ip_address") != "2001:db8::2" {
		t.Errorf("networks: %s", got.raw)
	}
	if data, _ := a.sim.UserData(id); data != "#cloud-config\n" {
		t.Errorf("user data %q", data)
	}
}

func TestCreateLinksToItsAction(t *testing.T) {
	a := start(t)
	got := a.want(202, http.MethodPost, "/v2/droplets", bot("alpha"))
	id, action := got.number("droplet.id"), fmt.Sprintf("/v2/actions/%d", got.number("links.actions.0.id"))
	if got.text("links.actions.0.rel") != "create" || got.text("links.actions.0.href") != a.url+action {
		t.Errorf("links: %s", got.raw)
	}
	if state := a.get(action).text("action.status"); state != "in-progress" {
		t.Errorf("action is %q", state)
	}
	a.clock.Step(2 * time.Second)
	if got := a.get(action); got.text("action.status") != "completed" || got.number("action.resource_id") != id ||
		got.text("action.completed_at") != "2026-03-01T12:00:02Z" {
		t.Errorf("action: %s", got.raw)
	}
}

func TestCreateManyShareOneFate(t *testing.T) {
	a := start(t)
	body := bot("").with(fields{"names": []string{"a", "b", "c"}})
	delete(body, "name")
	got := a.want(202, http.MethodPost, "/v2/droplets", body)
	if got.length("droplets") != 3 || got.length("links.actions") != 3 {
		t.Errorf("created: %s", got.raw)
	}
	body["names"] = strings.Split("abcdefghijk", "")
	a.refused(422, http.MethodPost, "/v2/droplets", body)
	body["names"] = []string{"fine", "not fine"}
	a.refused(422, http.MethodPost, "/v2/droplets", body)
	if n := len(a.sim.Instances()); n != 3 {
		t.Errorf("%d instances", n)
	}
}

func TestCreateRefusals(t *testing.T) {
	const invalidImage, invalidSize = "You specified an invalid image for Droplet creation.",
		"You specified an invalid size for Droplet creation."
	a := start(t)
	elsewhere := a.want(201, http.MethodPost, "/v2/vpcs", fields{"name": "far", "region": "sgp1"}).text("vpc.id")
	private := a.get("/v2/images?private=true").number("images.0.id")
	for name, test := range map[string]struct {
		change fields
		want   string
	}{
		"no name":                      {fields{"name": ""}, "hostname"},
		"a name that is no host name":  {fields{"name": "my_bot"}, "hostname"},
		"a name that is too long":      {fields{"name": strings.Repeat("a", 256)}, "hostname"},
		"name and names":               {fields{"names": []string{"b"}}, "both"},
		"an unknown size":              {fields{"size": "s-9"}, invalidSize},
		"an unknown image":             {fields{"image": "plan9"}, invalidImage},
		"an unknown image id":          {fields{"image": 1}, invalidImage},
		"an unknown region":            {fields{"region": "mars1"}, "invalid region"},
		"a size the region lacks":      {fields{"size": "c-2", "region": "blr1"}, "not available in this region"},
		"an image the region lacks":    {fields{"image": private, "region": "ams3"}, "not available in the selected region"},
		"a disk that is too small":     {fields{"image": private, "size": "s-1vcpu-512mb-10gb"}, "disk image"},
		"an unknown key":               {fields{"ssh_keys": []any{7}}, "7 are invalid key identifiers"},
		"an unknown VPC":               {fields{"vpc_uuid": "22222222-2222-4222-8222-222222222222"}, "was not found"},
		"a VPC of another region":      {fields{"vpc_uuid": elsewhere}, "was not found in region nyc3"},
		"a volume":                     {fields{"volumes": []string{"v"}}, "could not be found"},
		"a tag that is no tag":         {fields{"tags": []string{"no spaces"}}, "not valid"},
		"user data of more than 64KiB": {fields{"user_data": strings.Repeat("x", 64<<10+1)}, "64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			message := a.refused(422, http.MethodPost, "/v2/droplets", bot("alpha").with(test.change))
			if !strings.Contains(message, test.want) {
				t.Errorf("message %q, want %q in it", message, test.want)
			}
		})
	}
	a.refused(400, http.MethodPost, "/v2/droplets", []int{1})
	if n := len(a.sim.Instances()); n != 0 {
		t.Errorf("%d instances came of refused requests", n)
	}
}

func TestCreateChoosesARegion(t *testing.T) {
	a := start(t)
	a.sim.SetSizeAvailable("s-1vcpu-2gb", "nyc1", false)
	for region, want := range map[string]string{"": "nyc3", "ams": "ams3", "nyc": "nyc3"} {
		got := a.want(202, http.MethodPost, "/v2/droplets", bot("alpha").with(fields{"region": region}))
		if got.text("droplet.region.slug") != want {
			t.Errorf("region %q became %q, want %q", region, got.text("droplet.region.slug"), want)
		}
	}
	for _, region := range []string{"ams3", "fra1", "sfo3", "lon1", "sgp1", "tor1", "blr1", "syd1", "nyc3"} {
		a.sim.SetSizeAvailable("s-1vcpu-2gb", region, false)
	}
	a.refused(422, http.MethodPost, "/v2/droplets", bot("alpha").with(fields{"region": ""}))
}

func TestQuotaCountsWhatLives(t *testing.T) {
	a := start(t, func(o *dosim.Options) { o.DropletLimit, o.DeleteLag = 2, time.Hour })
	first := a.create(bot("a"))
	a.create(bot("b"))
	message := a.refused(422, http.MethodPost, "/v2/droplets", bot("c"))
	if message != "creating this/these droplet(s) will exceed your droplet limit" {
		t.Errorf("message %q", message)
	}
	a.want(204, http.MethodDelete, droplet(first), nil)
	a.create(bot("c"))
	a.refused(422, http.MethodPost, "/v2/droplets", bot("d"))
	a.sim.SetDropletLimit(3)
	a.create(bot("d"))
	if limit := a.get("/v2/account").number("account.droplet_limit"); limit != 3 {
		t.Errorf("the account says %d", limit)
	}
	a.sim.SetDropletLimit(0)
	a.refused(422, http.MethodPost, "/v2/droplets", bot("e"))
}

func TestPlacementFailsAfterAcceptance(t *testing.T) {
	a := start(t)
	a.sim.AddFault(dosim.Fault{Kind: dosim.FaultErrored, Method: "POST", Route: "/v2/droplets"})
	got := a.want(202, http.MethodPost, "/v2/droplets", bot("alpha"))
	id, action := got.number("droplet.id"), fmt.Sprintf("/v2/actions/%d", got.number("links.actions.0.id"))

	a.get(droplet(id))
	a.clock.Step(2 * time.Second)
	a.want(404, http.MethodGet, droplet(id), nil)
	if state := a.get(action).text("action.status"); state != "errored" {
		t.Errorf("action is %q", state)
	}
	if instance, _ := a.sim.Instance(id); instance.State != dosim.StateErrored {
		t.Errorf("instance: %+v", instance)
	}
	a.running("beta")
	if live := a.sim.Live(""); len(live) != 1 {
		t.Errorf("live: %+v", live)
	}
}

func TestCreateFromASnapshotAndWithAKey(t *testing.T) {
	a := start(t)
	key := a.want(201, http.MethodPost, "/v2/account/keys", fields{"name": "ops", "public_key": publicKey})
	a.done(a.running("alpha"), fields{"type": "snapshot", "name": "alpha-final"})
	snapshot := a.get("/v2/snapshots").text("snapshots.0.id")

	id := a.create(bot("beta").with(fields{
		"image":    a.get("/v2/images/" + snapshot).number("image.id"),
		"ssh_keys": []any{key.number("ssh_key.id"), key.text("ssh_key.fingerprint")},
	}))
	if got := a.get(droplet(id)); got.text("droplet.image.name") != "alpha-final" || got.at("droplet.image.slug") != nil {
		t.Errorf("image: %s", got.raw)
	}
	smaller := bot("gamma").with(fields{"image": a.get(droplet(id)).number("droplet.image.id"), "size": "s-1vcpu-1gb"})
	if message := a.refused(422, http.MethodPost, "/v2/droplets", smaller); !strings.Contains(message, "disk image") {
		t.Errorf("message %q", message)
	}
}

func TestTenThousandAddressesAreDistinct(t *testing.T) {
	sim := dosim.New(dosim.Options{})
	defer sim.Close()
	for range 10_000 {
		sim.Plant(dosim.Plant{Name: "bot"})
	}
	var public, private []string
	for _, i := range sim.Instances() {
		public, private = append(public, i.PublicIPv4), append(private, i.PrivateIPv4)
	}
	for name, list := range map[string][]string{"public": public, "private": private} {
		slices.Sort(list)
		if n := len(slices.Compact(list)); n != 10_000 {
			t.Errorf("%d distinct %s addresses", n, name)
		}
	}
}
