// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestSizesAreThoseThatCanBeHadNow(t *testing.T) {
	client, sim := withSimulator(t)
	find := func(slug string) cloud.Size {
		t.Helper()
		all, err := client.Sizes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(s cloud.Size) bool { return s.Slug == slug })
		if i < 0 {
			t.Fatalf("no %s among %d sizes", slug, len(all))
		}
		return all[i]
	}
	got := find("s-1vcpu-2gb")
	if !got.Available || got.DiskGB != 50 || got.HourlyPriceMicros != 17860 || !slices.Contains(got.Regions, "nyc3") {
		t.Errorf("%+v", got)
	}
	sim.SetSizeAvailable("s-1vcpu-2gb", "nyc3", false)
	if got := find("s-1vcpu-2gb"); slices.Contains(got.Regions, "nyc3") {
		t.Errorf("%+v", got)
	}
}

func TestSizesAreReadFromEveryPage(t *testing.T) {
	const total = perPage + 1
	requests := 0
	page := func(from, to int, links string) string {
		var sizes []string
		for i := from; i < to; i++ {
			sizes = append(sizes, fmt.Sprintf(`{"slug":"size-%d","available":true}`, i))
		}
		return fmt.Sprintf(`{"sizes":[%s],"links":%s,"meta":{"total":%d}}`, strings.Join(sizes, ","), links, total)
	}
	client := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		body := page(0, perPage, `{"pages":{"next":"http://`+r.Host+`/v2/sizes?page=2"}}`)
		if r.URL.Query().Get("page") == "2" {
			body = page(perPage, total, `{}`)
		}
		answering(200, "application/json", body)(w, r)
	})
	all, err := client.Sizes(t.Context())
	if err != nil || len(all) != total || requests != 2 {
		t.Errorf("%d sizes of %d requests, %v", len(all), requests, err)
	}
}

func TestSizesThatAreNotTheAPIs(t *testing.T) {
	for name, body := range map[string]string{
		"no total": `{"sizes":[]}`, "no slug": `{"sizes":[{"disk":25}],"meta":{"total":1}}`,
		"one twice": `{"sizes":[{"slug":"a"},{"slug":"a"}],"meta":{"total":2}}`,
		"too few":   `{"sizes":[{"slug":"a"}],"meta":{"total":2}}`, "null": `null`,
	} {
		t.Run(name, func(t *testing.T) {
			all, err := withHandler(t, answering(200, "application/json", body)).Sizes(t.Context())
			wantKind(t, err, cloud.Unavailable)
			if all != nil {
				t.Errorf("%d sizes beside an error", len(all))
			}
		})
	}
}

func TestImage(t *testing.T) {
	client, sim := withSimulator(t)
	got, err := client.Image(t.Context(), "ubuntu-24-04-x64")
	if err != nil || got.Slug != "ubuntu-24-04-x64" || got.MinDiskGB != 10 || !slices.Contains(got.Regions, "nyc3") {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = client.Image(t.Context(), "ubuntu-4-10")
	wantKind(t, err, cloud.NotFound)
	sim.ResetJournal()
	_, err = client.Image(t.Context(), "")
	wantKind(t, err, cloud.Refused)
	if n := len(sim.Journal()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
	for _, fault := range []dosim.Fault{
		{Kind: dosim.FaultStatus, Status: 500}, {Kind: dosim.FaultCutBody}, {Kind: dosim.FaultDropAfter},
	} {
		sim.AddFault(fault)
		_, err = client.Image(t.Context(), "ubuntu-24-04-x64")
		wantKind(t, err, cloud.Unavailable)
	}
}

func TestASlugStaysInItsPlace(t *testing.T) {
	for _, odd := range []string{"../droplets", "a/b", "a?b=c", "a#b", "50%"} {
		client := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
			if want := "/v2/images/" + url.PathEscape(odd); r.URL.EscapedPath() != want || r.URL.RawQuery != "" {
				t.Errorf("%q went to %s", odd, r.URL)
			}
			answering(404, "application/json", `{"id":"not_found","message":"no"}`)(w, r)
		})
		_, err := client.Image(t.Context(), odd)
		wantKind(t, err, cloud.NotFound)
	}
}

func TestImageWantsTheImageThatWasAskedFor(t *testing.T) {
	for _, body := range []string{
		`{"image":{"id":7,"slug":"debian-12-x64"}}`, `{"image":{"id":7}}`, `{"image":null}`, `{}`,
	} {
		got, err := withHandler(t, answering(200, "application/json", body)).Image(t.Context(), "ubuntu-24-04-x64")
		wantKind(t, err, cloud.Unavailable)
		if diff := cmp.Diff(cloud.Image{}, got); diff != "" {
			t.Errorf("beside an error: %s", diff)
		}
	}
}
