// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

// snap takes a snapshot of an instance.
func snap(t *testing.T, client *Client, id int64, name string) {
	t.Helper()
	request := cloud.ActionRequest{Type: cloud.ActionSnapshot, Name: name}
	if _, err := client.Act(t.Context(), id, request); err != nil {
		t.Fatal(err)
	}
}

func TestASnapshotIsSeenFromBothSidesAndOutlivesItsInstance(t *testing.T) {
	client, sim := withSimulator(t)
	id := sim.Plant(dosim.Plant{Name: "scout", State: "off", Size: "s-1vcpu-2gb"})
	other := sim.Plant(dosim.Plant{Name: "other"})
	snap(t, client, id, "before-sale")
	snap(t, client, other, "others")

	own, err := client.SnapshotsOf(t.Context(), id)
	if err != nil || len(own) != 1 {
		t.Fatalf("%+v, %v", own, err)
	}
	if got := own[0]; got.ID < 1 || got.Name != "before-sale" || got.InstanceID != id || got.MinDiskGB != 50 ||
		got.CreatedAt.IsZero() || len(got.Regions) != 1 || got.Regions[0] != "nyc3" {
		t.Errorf("%+v", got)
	}
	if err := client.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	all, err := client.ListSnapshots(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	if diff := cmp.Diff(own[0], all[0]); diff != "" {
		t.Errorf("the two lists tell different things of one snapshot: %s", diff)
	}

	wanted := request("scout-again")
	wanted.Image, wanted.SnapshotID = "", own[0].ID
	if _, err := client.Create(t.Context(), wanted); err != nil {
		t.Errorf("making an instance from it: %v", err)
	}
	wanted.Size = "s-1vcpu-1gb"
	_, err = client.Create(t.Context(), wanted)
	wantKind(t, err, cloud.Refused) // its disk is too small

	if err := client.DeleteSnapshot(t.Context(), own[0].ID); err != nil {
		t.Fatal(err)
	}
	err = client.DeleteSnapshot(t.Context(), own[0].ID)
	wantKind(t, err, cloud.NotFound)
	if rest, err := client.ListSnapshots(t.Context()); err != nil || len(rest) != 1 || rest[0].InstanceID != other {
		t.Errorf("%+v, %v", rest, err)
	}
}

func TestListsOfSnapshotsReadEveryPage(t *testing.T) {
	client, sim := withSimulator(t)
	id := sim.Plant(dosim.Plant{Name: "scout"})
	for i := range perPage + 1 {
		snap(t, client, id, fmt.Sprint("snapshot-", i))
	}
	sim.ResetJournal()
	lists := map[string]func() ([]cloud.Snapshot, error){
		"/v2/droplets/{id}/snapshots": func() ([]cloud.Snapshot, error) { return client.SnapshotsOf(t.Context(), id) },
		"/v2/snapshots":               func() ([]cloud.Snapshot, error) { return client.ListSnapshots(t.Context()) },
	}
	for route, list := range lists {
		got, err := list()
		if err != nil || len(got) != perPage+1 {
			t.Errorf("%s: %d snapshots, %v", route, len(got), err)
		}
		if n := sim.Requests(http.MethodGet, route); n != 2 {
			t.Errorf("%s: %d requests, want 2", route, n)
		}
		for page := range 2 {
			sim.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Route: route, Status: 500, Skip: page})
			if got, err := list(); got != nil || cloud.KindOf(err) != cloud.Unavailable || err == nil {
				t.Errorf("%s: %d snapshots and %v when page %d fails", route, len(got), err, page+1)
			}
		}
	}
	for _, request := range sim.Journal() {
		if !strings.Contains(request.Query, "per_page=200") {
			t.Errorf("query %q", request.Query)
		}
		if request.Route == "/v2/snapshots" && !strings.Contains(request.Query, "resource_type=droplet") {
			t.Errorf("query %q lists the snapshots of volumes as well", request.Query)
		}
	}
	_, err := client.SnapshotsOf(t.Context(), id+1)
	wantKind(t, err, cloud.NotFound)
}

func TestAListOfNoSnapshots(t *testing.T) {
	client, sim := withSimulator(t)
	id := sim.Plant(dosim.Plant{Name: "scout"})
	if got, err := client.SnapshotsOf(t.Context(), id); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := client.ListSnapshots(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestSnapshotsInTheAPIsTwoShapes(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const born = `"created_at":"2026-01-02T03:04:05Z"`
	for name, tc := range map[string]struct {
		all  string // an entry of the list of all; empty when it is as that of one instance
		own  string
		want *cloud.Snapshot // nil for a doubt
	}{
		"whole": {
			all:  `{"id":"8","name":"s","resource_id":"7","regions":["nyc3"],"min_disk_size":50,` + born + `}`,
			own:  `{"id":8,"name":"s","regions":["nyc3"],"min_disk_size":50,` + born + `}`,
			want: &cloud.Snapshot{ID: 8, Name: "s", InstanceID: 7, Regions: []string{"nyc3"}, MinDiskGB: 50, CreatedAt: at},
		},
		"no id":            {all: `{"resource_id":"7",` + born + `}`, own: `{` + born + `}`},
		"an id below 1":    {all: `{"id":"0","resource_id":"7",` + born + `}`, own: `{"id":0,` + born + `}`},
		"no creation time": {all: `{"id":"8","resource_id":"7"}`, own: `{"id":8}`},
	} {
		t.Run(name, func(t *testing.T) {
			answer := func(entry string) *Client {
				return withHandler(t, answering(200, "application/json", `{"snapshots":[`+entry+`],"meta":{"total":1}}`))
			}
			all, err := answer(tc.all).ListSnapshots(t.Context())
			own, ownErr := answer(tc.own).SnapshotsOf(t.Context(), 7)
			if tc.want == nil {
				wantKind(t, err, cloud.Unavailable)
				wantKind(t, ownErr, cloud.Unavailable)
				return
			}
			want := []cloud.Snapshot{*tc.want}
			if diff := cmp.Diff(want, all); err != nil || diff != "" {
				t.Errorf("of all: %v %s", err, diff)
			}
			if diff := cmp.Diff(want, own); ownErr != nil || diff != "" {
				t.Errorf("of one: %v %s", ownErr, diff)
			}
		})
	}
	// That of an instance which is long gone may name none.
	client := withHandler(t, answering(200, "application/json",
		`{"snapshots":[{"id":"8","resource_id":"",`+born+`}],"meta":{"total":1}}`))
	if all, err := client.ListSnapshots(t.Context()); err != nil || len(all) != 1 || all[0].InstanceID != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestDeleteSnapshotFails(t *testing.T) {
	client, sim := withSimulator(t)
	id := sim.Plant(dosim.Plant{Name: "scout"})
	snap(t, client, id, "kept")
	own, err := client.SnapshotsOf(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		fault dosim.Fault
		want  cloud.Kind
	}{
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 422}, cloud.Refused},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 500}, cloud.Unavailable},
		{dosim.Fault{Kind: dosim.FaultStatus, Status: 404, HTML: true}, cloud.Unavailable},
		{dosim.Fault{Kind: dosim.FaultDropBefore}, cloud.Unavailable},
		{dosim.Fault{Kind: dosim.FaultDropAfter}, cloud.Unavailable},
	} {
		tc.fault.Method = http.MethodDelete
		sim.AddFault(tc.fault)
		wantKind(t, client.DeleteSnapshot(t.Context(), own[0].ID), tc.want)
	}
	wantKind(t, client.DeleteSnapshot(t.Context(), own[0].ID), cloud.NotFound) // the last had obeyed
	wantKind(t, withHandler(t, answering(200, "text/html", "<html>Please log in</html>")).
		DeleteSnapshot(t.Context(), 8), cloud.Unavailable)

	sim.ResetJournal()
	for _, bad := range []int64{0, -1} {
		wantKind(t, client.DeleteSnapshot(t.Context(), bad), cloud.Refused)
		_, err := client.SnapshotsOf(t.Context(), bad)
		wantKind(t, err, cloud.Refused)
	}
	if n := len(sim.Journal()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}
