// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

func TestGet(t *testing.T) {
	client, sim := withSimulator(t)
	id := sim.Plant(dosim.Plant{Name: "scout", Tags: []string{fleetTag}, Size: "s-1vcpu-2gb"})
	got, err := client.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	behind, _ := sim.Instance(id)
	want := cloud.Instance{
		ID: id, Name: "scout", State: cloud.StateActive, Region: "nyc3", Size: "s-1vcpu-2gb", Image: "ubuntu-24-04-x64",
		DiskGB: 50, VPCUUID: behind.VPCUUID, Tags: []string{fleetTag}, PublicIPv4: behind.PublicIPv4,
		PrivateIPv4: behind.PrivateIPv4, HourlyPriceMicros: 17860, CreatedAt: behind.CreatedAt.Truncate(time.Second),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	_, err = client.Get(t.Context(), id+1)
	wantKind(t, err, cloud.NotFound)
	var answer *cloud.Error
	if !errors.As(err, &answer) || answer.Status != 404 || answer.RequestID == "" {
		t.Errorf("status or request id is lost: %+v", answer)
	}
}

func TestIDsThatAreNoInstancesAreNeverGone(t *testing.T) {
	client, sim := withSimulator(t)
	for _, id := range []int64{0, -1} {
		_, err := client.Get(t.Context(), id)
		wantKind(t, err, cloud.Refused)
		wantKind(t, client.Delete(t.Context(), id), cloud.Refused)
	}
	if n := len(sim.Journal()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

func TestGetWantsTheInstanceThatWasAskedFor(t *testing.T) {
	client := withHandler(t, answering(200, "application/json",
		`{"droplet":{"id":8,"name":"other","created_at":"2026-01-02T03:04:05Z"}}`))
	_, err := client.Get(t.Context(), 7)
	wantKind(t, err, cloud.Unavailable)
}

func TestFindByNameIsExact(t *testing.T) {
	client, sim := withSimulator(t)
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	young := sim.Plant(dosim.Plant{Name: "scout", CreatedAt: noon.Add(time.Hour)})
	old := sim.Plant(dosim.Plant{Name: "scout", CreatedAt: noon})
	twin := sim.Plant(dosim.Plant{Name: "scout", CreatedAt: noon.Add(time.Hour)})
	for _, other := range []string{"SCOUT", "Scout", "scout2", "a-scout", "a&tag_name=x", "50%25", "a b+c", "a#b"} {
		sim.Plant(dosim.Plant{Name: other, CreatedAt: noon})
	}
	for name, want := range map[string]int{
		"scout": 3, "SCOUT": 1, "scou": 0, "scout2": 1, "a&tag_name=x": 1, "50%25": 1, "50%": 0, "a b+c": 1, "a#b": 1,
	} {
		found, err := client.FindByName(t.Context(), name)
		if err != nil || len(found) != want {
			t.Errorf("%q: %d found, want %d (%v)", name, len(found), want, err)
		}
	}
	found, err := client.FindByName(t.Context(), "scout")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{old, young, twin}, ids(found)); diff != "" {
		t.Errorf("not oldest first: %s", diff)
	}
	_, err = client.FindByName(t.Context(), "")
	wantKind(t, err, cloud.Refused)
}

func ids(instances []cloud.Instance) []int64 {
	all := make([]int64, 0, len(instances))
	for _, i := range instances {
		all = append(all, i.ID)
	}
	return all
}

// plantFleet plants n instances of the fleet, and some that are not.
func plantFleet(sim *dosim.Server, n int) []int64 {
	var planted []int64
	for i := range n {
		planted = append(planted, sim.Plant(dosim.Plant{Name: fmt.Sprintf("bot-%03d", i), Tags: []string{fleetTag}}))
	}
	sim.Plant(dosim.Plant{Name: "stranger", Tags: []string{fleetTag + "0"}})
	sim.Plant(dosim.Plant{Name: "untagged"})
	return planted
}

func TestListByTagReadsEveryPage(t *testing.T) {
	for _, tc := range []struct{ size, wantRequests int }{{0, 1}, {1, 1}, {199, 1}, {200, 1}, {201, 2}, {450, 3}} {
		client, sim := withSimulator(t)
		planted := plantFleet(sim, tc.size)
		listed, err := client.ListByTag(t.Context(), fleetTag)
		if err != nil {
			t.Fatal(err)
		}
		got := ids(listed)
		slices.Sort(got)
		if !slices.Equal(got, planted) {
			t.Errorf("%d listed, want %d", len(got), tc.size)
		}
		for _, request := range sim.Journal() {
			if !strings.Contains(request.Query, "per_page=200") {
				t.Errorf("query %q", request.Query)
			}
		}
		if n := len(sim.Journal()); n != tc.wantRequests {
			t.Errorf("%d requests for %d instances, want %d", n, tc.size, tc.wantRequests)
		}
	}
}

func TestListByTagWantsATag(t *testing.T) {
	client, sim := withSimulator(t)
	_, err := client.ListByTag(t.Context(), "")
	wantKind(t, err, cloud.Refused)
	if n := len(sim.Journal()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

func TestAPassIsIncompleteWhenAPageFails(t *testing.T) {
	for name, tc := range map[string]struct {
		fault dosim.Fault
		want  cloud.Kind
	}{
		"the server fails":        {dosim.Fault{Kind: dosim.FaultStatus, Status: 500}, cloud.Unavailable},
		"the edge times out":      {dosim.Fault{Kind: dosim.FaultStatus, Status: 504, HTML: true}, cloud.Unavailable},
		"the page is cut":         {dosim.Fault{Kind: dosim.FaultCutBody}, cloud.Unavailable},
		"too many requests":       {dosim.Fault{Kind: dosim.FaultStatus, Status: 429}, cloud.Throttled},
		"the credential is wrong": {dosim.Fault{Kind: dosim.FaultStatus, Status: 401}, cloud.Unauthorized},
	} {
		for page := range 3 {
			if page != 1 && name != "the server fails" {
				continue // where it fails matters once
			}
			t.Run(fmt.Sprintf("%s on page %d", name, page+1), func(t *testing.T) {
				client, sim := withSimulator(t)
				plantFleet(sim, 450)
				tc.fault.Skip = page
				sim.AddFault(tc.fault)
				listed, err := client.ListByTag(t.Context(), fleetTag)
				wantKind(t, err, tc.want)
				if listed != nil {
					t.Errorf("%d instances beside an error", len(listed))
				}
			})
		}
	}
}

func TestAPassIsIncompleteWhenTheFleetShiftsUnderIt(t *testing.T) {
	for name, shift := range map[string]func(sim *dosim.Server, planted []int64){
		"one is destroyed": func(sim *dosim.Server, planted []int64) { _ = sim.DestroyInstance(planted[0]) },
		"one is created":   func(sim *dosim.Server, _ []int64) { plantFleet(sim, 1) },
		"one is replaced": func(sim *dosim.Server, planted []int64) {
			_ = sim.DestroyInstance(planted[0])
			_ = sim.DestroyInstance(planted[1])
			plantFleet(sim, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var between func()
			client, sim := withSimulator(t, func(o *Options) {
				next := o.Transport
				o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
					response, err := next.RoundTrip(r)
					between()
					between = func() {}
					return response, err
				})
			})
			planted := plantFleet(sim, 450)
			between = func() { shift(sim, planted) }
			_, err := client.ListByTag(t.Context(), fleetTag)
			wantKind(t, err, cloud.Unavailable)

			if _, err := client.ListByTag(t.Context(), fleetTag); err != nil {
				t.Errorf("a calm pass fails: %v", err)
			}
		})
	}
}

func TestWalkTrustsNoCount(t *testing.T) {
	next := func(total int, items ...int64) page[int64] { return page[int64]{items: items, total: total} }
	last := func(total int, items ...int64) page[int64] {
		return page[int64]{items: items, total: total, last: true}
	}
	for name, tc := range map[string]struct {
		pages   []page[int64]
		want    []int64
		wantErr string
	}{
		"nothing":                         {pages: []page[int64]{last(0)}, want: []int64{}},
		"one page":                        {pages: []page[int64]{last(2, 1, 2)}, want: []int64{1, 2}},
		"two pages":                       {pages: []page[int64]{next(3, 1, 2), last(3, 3)}, want: []int64{1, 2, 3}},
		"an empty last page":              {pages: []page[int64]{next(1, 1), last(1)}, want: []int64{1}},
		"too few":                         {pages: []page[int64]{last(3, 1, 2)}, wantErr: "2 of 3 came"},
		"too many":                        {pages: []page[int64]{next(1, 1, 2)}, wantErr: "2 of 1 came"},
		"an id twice on a page":           {pages: []page[int64]{last(2, 1, 1)}, wantErr: "1 came twice"},
		"an id on two pages":              {pages: []page[int64]{next(3, 1, 2), last(3, 2)}, wantErr: "2 came twice"},
		"the total shrinks":               {pages: []page[int64]{next(3, 1, 2), last(2)}, wantErr: "from 3 to 2"},
		"the total grows":                 {pages: []page[int64]{next(3, 1, 2), next(4, 3)}, wantErr: "from 3 to 4"},
		"an empty page that has a next":   {pages: []page[int64]{next(3, 1), next(3)}, wantErr: "1 of 3 came"},
		"a total that no memory can hold": {pages: []page[int64]{last(1 << 40)}, wantErr: "0 of"},
		"a negative total":                {pages: []page[int64]{last(-1)}, wantErr: "0 of -1 came"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := walk("listing", func(number int) (page[int64], error) { return tc.pages[number-1], nil },
				func(id int64) int64 { return id })
			if tc.wantErr == "" {
				if err != nil || cmp.Diff(tc.want, got) != "" {
					t.Errorf("%v, %v; want %v", got, err, tc.want)
				}
				return
			}
			wantKind(t, err, cloud.Unavailable)
			if !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("%v, want %q", err, tc.wantErr)
			}
		})
	}
}

func TestListsThatAreNotTheAPIs(t *testing.T) {
	const js = "application/json"
	for name, handler := range map[string]http.HandlerFunc{
		"no total":            answering(200, js, `{"droplets":[]}`),
		"an empty object":     answering(200, js, `{}`),
		"a null":              answering(200, js, `null`),
		"no creation time":    answering(200, js, `{"droplets":[{"id":1,"name":"scout"}],"meta":{"total":1}}`),
		"an instance of id 0": answering(200, js, `{"droplets":[{"created_at":"2026-01-02T03:04:05Z"}],"meta":{"total":1}}`),
		"a portal":            answering(200, "text/html", `<html></html>`),
		"a string":            answering(200, js, `"fine"`),
	} {
		t.Run(name, func(t *testing.T) {
			client := withHandler(t, handler)
			_, err := client.ListByTag(t.Context(), fleetTag)
			wantKind(t, err, cloud.Unavailable)
			_, err = client.FindByName(t.Context(), "scout")
			wantKind(t, err, cloud.Unavailable)
		})
	}
}

func TestDelete(t *testing.T) {
	client, sim := withSimulator(t)
	id := sim.Plant(dosim.Plant{Name: "scout"})
	sim.AddFault(dosim.Fault{
		Kind: dosim.FaultStatus, Method: http.MethodDelete, Status: 422, Message: "Droplet already has a pending event.",
	})
	wantKind(t, client.Delete(t.Context(), id), cloud.Busy)
	if err := client.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if len(sim.Live("")) != 0 {
		t.Error("the instance lives")
	}
	err := client.Delete(t.Context(), id)
	wantKind(t, err, cloud.NotFound)
	if cloud.IgnoreNotFound(err) != nil {
		t.Error("a second DELETE is an error")
	}
	for _, request := range sim.Journal() {
		if request.Route != droplet || request.Query != "" {
			t.Errorf("%s %s?%s: only ids are destroyed", request.Method, request.Path, request.Query)
		}
	}
}

func TestOnlyA204AcceptsADelete(t *testing.T) {
	for _, handler := range []http.HandlerFunc{
		answering(200, "text/html", "<html>Please log in</html>"),
		answering(202, "application/json", "{}"),
		answering(404, "text/html", "<html>No such site</html>"),
		answering(404, "application/json", ""),
		answering(404, "application/json", `{"success":false}`),
	} {
		wantKind(t, withHandler(t, handler).Delete(t.Context(), 7), cloud.Unavailable)
	}
}

func TestNothingIsSentForACallerWhoIsGone(t *testing.T) {
	client, sim := withSimulator(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for op, call := range everyCall(client) {
		err := call(ctx)
		wantKind(t, err, cloud.NotSent)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the cause is lost: %v", op, err)
		}
	}
	if n := len(sim.Journal()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}
