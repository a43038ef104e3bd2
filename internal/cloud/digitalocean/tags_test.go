// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"net/http"
	"testing"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestATagIsMadeAndPutOnAnInstance(t *testing.T) {
	client, sim := withSimulator(t)
	id := sim.Plant(dosim.Plant{Name: "scout", Tags: []string{"open-spawn"}})
	wantKind(t, client.Tag(t.Context(), id, fleetTag), cloud.NotFound) // it does not exist yet
	for range 2 {
		if err := client.EnsureTag(t.Context(), fleetTag); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.EnsureTag(t.Context(), "Open-Spawn-Fleet:7D1C"); err != nil {
		t.Errorf("in other capitals: %v", err)
	}
	for range 2 {
		if err := client.Tag(t.Context(), id, fleetTag); err != nil {
			t.Fatal(err)
		}
	}
	got, err := client.Get(t.Context(), id)
	if err != nil || !got.HasTag(fleetTag) || !got.HasTag("open-spawn") || len(got.Tags) != 2 {
		t.Errorf("its tags are %v, %v", got.Tags, err)
	}
	wantKind(t, client.Tag(t.Context(), id+1, fleetTag), cloud.NotFound)
}

func TestTagsThatAreNone(t *testing.T) {
	client, sim := withSimulator(t)
	wantKind(t, client.EnsureTag(t.Context(), "a b"), cloud.Refused) // says the API
	sim.ResetJournal()
	wantKind(t, client.EnsureTag(t.Context(), ""), cloud.Refused)
	wantKind(t, client.Tag(t.Context(), 7, ""), cloud.Refused)
	wantKind(t, client.Tag(t.Context(), 0, fleetTag), cloud.Refused)
	if n := len(sim.Journal()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

func TestTaggingIsOnePOSTWhateverGoesWrong(t *testing.T) {
	for name, tc := range createFaults {
		t.Run(name, func(t *testing.T) {
			client, sim := withSimulator(t)
			id := sim.Plant(dosim.Plant{Name: "scout"})
			if err := client.EnsureTag(t.Context(), fleetTag); err != nil {
				t.Fatal(err)
			}
			sim.ResetJournal()
			tc.fault.Method, tc.fault.Count = http.MethodPost, dosim.Forever
			sim.AddFault(tc.fault)
			if tc.fault.Kind == dosim.FaultCutBody {
				tc.wantKind = cloud.Unavailable // there is no body to cut
				return
			}
			wantKind(t, client.Tag(t.Context(), id, fleetTag), tc.wantKind)
			wantKind(t, client.EnsureTag(t.Context(), fleetTag), tc.wantKind)
			if n := sim.Requests(http.MethodPost, ""); n != 2 {
				t.Errorf("%d POSTs, want 2", n)
			}
			got, err := client.Get(t.Context(), id)
			if err != nil || got.HasTag(fleetTag) != (tc.wantLive > 0) {
				t.Errorf("its tags are %v, %v", got.Tags, err)
			}
		})
	}
}

func TestAnAnswerAboutAnotherTagIsADoubt(t *testing.T) {
	const js, html = "application/json", "text/html"
	for name, handler := range map[string]http.HandlerFunc{
		"another":         answering(201, js, `{"tag":{"name":"another"}}`),
		"no name":         answering(201, js, `{"tag":{}}`),
		"null":            answering(201, js, `{"tag":null}`),
		"an empty object": answering(201, js, `{}`),
		"a portal":        answering(200, html, `<html>Please log in</html>`),
	} {
		t.Run(name, func(t *testing.T) {
			client := withHandler(t, handler)
			wantKind(t, client.EnsureTag(t.Context(), fleetTag), cloud.Unavailable)
			wantKind(t, client.Tag(t.Context(), 7, fleetTag), cloud.Unavailable) // only a 204 accepts it
		})
	}
}
