// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/digitalocean/godo"
	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

func TestInstance(t *testing.T) {
	const born = "2026-01-02T03:04:05Z"
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, tc := range map[string]struct {
		droplet godo.Droplet
		want    cloud.Instance
	}{
		"newborn, with nothing filled in": {
			droplet: godo.Droplet{ID: 7, Name: "scout", Status: "new", Created: born, Networks: &godo.Networks{}},
			want:    cloud.Instance{ID: 7, Name: "scout", State: cloud.StateNew, CreatedAt: at},
		},
		"active, from an image": {
			droplet: godo.Droplet{
				ID: 7, Name: "scout", Status: "active", Created: born, SizeSlug: "s-1vcpu-2gb", VPCUUID: "v",
				Region: &godo.Region{Slug: "nyc3"}, Image: &godo.Image{ID: 1, Slug: "ubuntu-24-04-x64"},
				Size: &godo.Size{Slug: "s-1vcpu-2gb", PriceHourly: 0.01786}, Tags: []string{"b", "a"},
				Networks: &godo.Networks{
					V4: []godo.NetworkV4{
						{Type: "private", IPAddress: "10.0.0.2"}, {Type: "public", IPAddress: "192.0.2.1"},
						{Type: "public", IPAddress: "192.0.2.2"},
					},
					V6: []godo.NetworkV6{{Type: "public", IPAddress: "2001:db8::1"}},
				},
			},
			want: cloud.Instance{
				ID: 7, Name: "scout", State: cloud.StateActive, CreatedAt: at, Size: "s-1vcpu-2gb", VPCUUID: "v",
				Region: "nyc3", Image: "ubuntu-24-04-x64", HourlyPriceMicros: 17860, Tags: []string{"a", "b"},
				PublicIPv4: "192.0.2.1", PrivateIPv4: "10.0.0.2", PublicIPv6: "2001:db8::1",
			},
		},
		"from a snapshot": {
			droplet: godo.Droplet{ID: 7, Status: "off", Created: born, Image: &godo.Image{ID: 4711}},
			want:    cloud.Instance{ID: 7, State: cloud.StateOff, CreatedAt: at},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := instance(&tc.droplet)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMicros(t *testing.T) {
	for usd, want := range map[float64]int64{0: 0, 0.00744: 7440, 0.01786: 17860, 0.07143: 71430, 6.74: 6740000} {
		if got := micros(usd); got != want {
			t.Errorf("%v: %d, want %d", usd, got, want)
		}
	}
}

func TestCreateRequest(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*cloud.InstanceRequest)
		want   map[string]any // fields of the JSON body
	}{
		"from an image": {
			change: func(*cloud.InstanceRequest) {},
			want:   map[string]any{"image": "ubuntu-24-04-x64", "ssh_keys": []any{}, "vpc_uuid": nil},
		},
		"from a snapshot": {
			change: func(r *cloud.InstanceRequest) { r.Image, r.SnapshotID = "", 4711 },
			want:   map[string]any{"image": 4711.0},
		},
		"with keys by id and by fingerprint": {
			change: func(r *cloud.InstanceRequest) { r.SSHKeys = []string{"289794", "3b:16:e4:bf"} },
			want:   map[string]any{"ssh_keys": []any{289794.0, "3b:16:e4:bf"}},
		},
		"in a network, with everything": {
			change: func(r *cloud.InstanceRequest) { r.VPCUUID, r.Backups, r.IPv6 = "v", true, true },
			want:   map[string]any{"vpc_uuid": "v", "backups": true, "ipv6": true, "monitoring": true},
		},
		"without tags and user data": {
			change: func(r *cloud.InstanceRequest) { r.Tags, r.UserData = nil, "" },
			want:   map[string]any{"tags": []any{}, "user_data": nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := request("scout")
			tc.change(&r)
			translated, err := createRequest(r)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(translated)
			if err != nil {
				t.Fatal(err)
			}
			var body map[string]any
			if err := json.Unmarshal(raw, &body); err != nil {
				t.Fatal(err)
			}
			for field, want := range tc.want {
				if diff := cmp.Diff(want, body[field]); diff != "" {
					t.Errorf("%s: %s", field, diff)
				}
			}
		})
	}
}
