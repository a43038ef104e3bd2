// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

const (
	publicKey   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJvdHMgYXJlIG5vdCBwZW9wbGUgYnV0IHRoZXk= ops@example.com"
	fingerprint = "5a:af:11:19:1e:f9:50:2d:81:50:33:f5:19:1d:d4:70"
)

func TestAccount(t *testing.T) {
	a := start(t)
	a.sim.SetTeam(dosim.Team{Name: "Trading"})
	want := map[string]any{"uuid": "11111111-1111-4111-8111-111111111111", "name": "Trading"}
	got := a.get("/v2/account")
	if diff := cmp.Diff(want, got.at("account.team")); diff != "" {
		t.Errorf("team (-want +got):\n%s", diff)
	}
	if got.number("account.droplet_limit") != 25000 || got.text("account.status") != "active" {
		t.Errorf("account: %s", got.raw)
	}
}

func TestTokens(t *testing.T) {
	a := start(t)
	for _, bad := range []string{"", "dop_v1_other"} {
		a.token = bad
		got := a.want(401, http.MethodGet, "/v2/account", nil)
		if got.text("id") != "unauthorized" || got.text("message") != "Unable to authenticate you." {
			t.Errorf("token %q: %s", bad, got.raw)
		}
		if got.header.Get("Ratelimit-Limit") == "" || got.header.Get("X-Request-Id") != got.text("request_id") {
			t.Errorf("token %q: header %v", bad, got.header)
		}
	}
	a.sim.SetTokens("dop_v1_new")
	a.token = token
	a.want(401, http.MethodGet, "/v2/account", nil)
	a.token = "dop_v1_new"
	a.get("/v2/account")
	a.sim.SetTokens()
	a.token = "whatever"
	a.get("/v2/account")
}

func TestATokenOfAnotherTeamSeesNothing(t *testing.T) {
	a := start(t)
	id := a.running("alpha")
	other := a.sim.AddTeam(dosim.Team{Name: "Others"}, "dop_v1_foreign")
	a.token = "dop_v1_foreign"

	a.want(404, http.MethodGet, droplet(id), nil)
	a.want(404, http.MethodDelete, droplet(id), nil)
	if n := a.get("/v2/droplets").length("droplets"); n != 0 {
		t.Errorf("%d droplets", n)
	}
	if uuid := a.get("/v2/account").text("account.team.uuid"); uuid != other.UUID {
		t.Errorf("team %q", uuid)
	}
	theirs := a.create(bot("beta"))
	if instance, _ := a.sim.Instance(theirs); instance.TeamUUID != other.UUID {
		t.Errorf("instance: %+v", instance)
	}
	a.token = token
	a.get(droplet(id))
	a.want(404, http.MethodGet, droplet(theirs), nil)
}

func TestKeys(t *testing.T) {
	a := start(t)
	for _, bad := range []fields{
		{"name": "x", "public_key": "nonsense"}, {"name": "x", "public_key": "ssh-rsa !!"},
		{"name": "", "public_key": publicKey},
	} {
		a.refused(422, http.MethodPost, "/v2/account/keys", bad)
	}
	key := fields{"name": "ops", "public_key": publicKey}
	id := a.want(201, http.MethodPost, "/v2/account/keys", key).number("ssh_key.id")
	a.refused(422, http.MethodPost, "/v2/account/keys", key)

	byID, byFingerprint := fmt.Sprintf("/v2/account/keys/%d", id), "/v2/account/keys/"+fingerprint
	if got := a.get(byFingerprint); got.number("ssh_key.id") != id || got.text("ssh_key.public_key") != publicKey {
		t.Errorf("key: %s", got.raw)
	}
	a.want(200, http.MethodPut, byID, fields{"name": "support"})
	if got := a.get("/v2/account/keys"); got.length("ssh_keys") != 1 || got.text("ssh_keys.0.name") != "support" {
		t.Errorf("keys: %s", got.raw)
	}
	a.want(204, http.MethodDelete, byFingerprint, nil)
	a.want(404, http.MethodGet, byID, nil)
	a.want(404, http.MethodPut, byID, fields{"name": "x"})
	a.want(404, http.MethodDelete, byID, nil)
}

func TestCatalogue(t *testing.T) {
	a := start(t)
	sizes, found := a.get("/v2/sizes?per_page=200"), false
	for i := range sizes.length("sizes") {
		at := fmt.Sprintf("sizes.%d.", i)
		if sizes.text(at+"slug") == "s-1vcpu-2gb" {
			found = true
			if got := sizes.text(at+"price_monthly") + " " + sizes.text(at+"price_hourly"); got != "12 0.01786" {
				t.Errorf("prices %s", got)
			}
		}
	}
	if !found {
		t.Errorf("sizes: %s", sizes.raw)
	}
	if n := a.get("/v2/regions").length("regions"); n != 10 {
		t.Errorf("%d regions", n)
	}
	a.sim.SetSizeAvailable("s-1vcpu-2gb", "nyc1", false)
	regions := a.get("/v2/regions?per_page=1")
	for i := range regions.length("regions.0.sizes") {
		if regions.text(fmt.Sprintf("regions.0.sizes.%d", i)) == "s-1vcpu-2gb" {
			t.Error("nyc1 still has the size")
		}
	}
}

func TestImages(t *testing.T) {
	a := start(t)
	private := a.get("/v2/images?private=true").text("images.0.id")
	a.want(201, http.MethodPost, "/v2/tags", fields{"name": "golden"})
	resource := fields{"resources": []fields{{"resource_id": private, "resource_type": "image"}}}
	a.want(204, http.MethodPost, "/v2/tags/golden/resources", resource)
	for path, want := range map[string]int{
		"/v2/images": 4, "/v2/images?private=true": 1, "/v2/images?type=distribution": 3,
		"/v2/images?type=application": 0, "/v2/images?tag_name=GOLDEN": 1,
	} {
		if got := a.get(path).length("images"); got != want {
			t.Errorf("%s: %d images, want %d", path, got, want)
		}
	}
	if n := a.get("/v2/tags/golden").number("tag.resources.images.count"); n != 1 {
		t.Errorf("the tag counts %d images", n)
	}
	a.want(204, http.MethodDelete, "/v2/tags/golden/resources", resource)
	if n := a.get("/v2/images/" + private).length("image.tags"); n != 0 {
		t.Errorf("%d tags", n)
	}
	id := a.get("/v2/images/debian-12-x64").text("image.id")
	if slug := a.get("/v2/images/" + id).text("image.slug"); slug != "debian-12-x64" {
		t.Errorf("image %s is %q", id, slug)
	}
	a.want(404, http.MethodGet, "/v2/images/plan9", nil)
}

func TestVPCs(t *testing.T) {
	a := start(t)
	vpc := fields{"name": "bots", "region": "nyc3", "ip_range": "10.42.0.0/16", "description": "all bots"}
	id := a.want(201, http.MethodPost, "/v2/vpcs", vpc).text("vpc.id")
	for _, bad := range []fields{
		vpc, vpc.with(fields{"name": "no good"}), vpc.with(fields{"name": "x", "region": "mars1"}),
		vpc.with(fields{"name": "x", "ip_range": "10.0.0.0/8"}), vpc.with(fields{"name": "x", "ip_range": "x"}),
	} {
		a.refused(422, http.MethodPost, "/v2/vpcs", bad)
	}
	inside := a.create(bot("alpha").with(fields{"vpc_uuid": id}))
	a.clock.Step(2 * time.Second)
	if got := a.get(droplet(inside)); got.text("droplet.vpc_uuid") != id ||
		got.text("droplet.networks.v4.0.ip_address") != "10.42.0.2" {
		t.Errorf("droplet: %s", got.raw)
	}
	a.refused(403, http.MethodDelete, "/v2/vpcs/"+id, nil)
	a.want(204, http.MethodDelete, droplet(inside), nil)
	if got := a.get("/v2/vpcs/" + id); got.text("vpc.urn") != "do:vpc:"+id {
		t.Errorf("vpc: %s", got.raw)
	}
	a.want(204, http.MethodDelete, "/v2/vpcs/"+id, nil)
	a.want(404, http.MethodGet, "/v2/vpcs/"+id, nil)
	a.want(404, http.MethodDelete, "/v2/vpcs/"+id, nil)

	a.create(bot("beta"))
	if got := a.get("/v2/vpcs"); got.length("vpcs") != 1 || got.at("vpcs.0.default") != true {
		t.Errorf("the region's default network: %s", got.raw)
	}
}
