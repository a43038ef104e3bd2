// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestJournal(t *testing.T) {
	a := start(t)
	id := a.create(bot("alpha").with(fields{"user_data": "the-secret-of-alpha"}))
	a.clock.Step(time.Second)
	got := a.get(droplet(id) + "?x=1")
	a.want(404, http.MethodGet, "/v2/unknown", nil)
	a.token = "dop_v1_wrong"
	a.want(401, http.MethodGet, "/v2/account", nil)

	entries := a.sim.Journal()
	want := dosim.Entry{
		Seq: 2, Time: noon.Add(time.Second), Method: "GET", Route: "/v2/droplets/{id}", Path: droplet(id), Query: "x=1",
		UserAgent: "Go-http-client/1.1", Status: 200, Committed: true, DropletIDs: []int64{id},
		RequestID: got.header.Get("X-Request-Id"),
	}
	if diff := cmp.Diff(want, entries[1]); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
	statuses := []int{}
	for _, e := range entries {
		statuses = append(statuses, e.Status)
	}
	if diff := cmp.Diff([]int{202, 200, 404, 401}, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	raw, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"the-secret-of-alpha", token, "dop_v1_wrong"} {
		if strings.Contains(string(raw), secret) {
			t.Errorf("the journal holds %q", secret)
		}
	}
}

func TestJournalCountsAndForgets(t *testing.T) {
	a := start(t)
	a.create(bot("alpha"))
	for range 3 {
		a.get("/v2/account")
	}
	if n := a.sim.Requests("GET", ""); n != 3 {
		t.Errorf("%d GETs", n)
	}
	if n := a.sim.Requests("", "/v2/droplets"); n != 1 {
		t.Errorf("%d requests to the list", n)
	}

	a.sim.ResetJournal()
	a.get("/v2/account")
	if rest := a.sim.Journal(); len(rest) != 1 || rest[0].Seq != 5 {
		t.Errorf("after the reset: %+v", rest)
	}
	if none := a.sim.JournalSince(5); len(none) != 0 {
		t.Errorf("since the last: %+v", none)
	}
}
