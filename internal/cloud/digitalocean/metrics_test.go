// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

// samples reads counters and gauges as name{labels} → value, and histograms as their count.
func samples(t *testing.T, registry prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, pair := range m.GetLabel() {
				labels = append(labels, pair.GetValue())
			}
			key := family.GetName() + "{" + strings.Join(labels, ",") + "}"
			all[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

func TestMetricsCountRequestsByRoute(t *testing.T) {
	registry := prometheus.NewRegistry()
	client, sim := withSimulator(t, func(o *Options) { o.Metrics = registry })
	if got := samples(t, registry); len(got) != 0 {
		t.Errorf("before the first request: %v", got)
	}
	created, err := client.Create(t.Context(), request("scout"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = client.Get(t.Context(), created.ID)
	_, _ = client.Get(t.Context(), created.ID+1)
	_, _ = client.FindByName(t.Context(), "scout")
	sim.AddFault(dosim.Fault{Kind: dosim.FaultDropAfter})
	_ = client.Delete(t.Context(), created.ID)

	got := samples(t, registry)
	delete(got, "openspawn_cloud_ratelimit_remaining{}")
	want := map[string]float64{ // the labels in the order of their names: code, method, route
		"openspawn_cloud_requests_total{202,POST,/v2/droplets}":         1,
		"openspawn_cloud_requests_total{200,GET,/v2/droplets}":          1,
		"openspawn_cloud_requests_total{200,GET,/v2/droplets/{id}}":     1,
		"openspawn_cloud_requests_total{404,GET,/v2/droplets/{id}}":     1,
		"openspawn_cloud_requests_total{none,DELETE,/v2/droplets/{id}}": 1,
		"openspawn_cloud_request_duration_seconds{/v2/droplets}":        2,
		"openspawn_cloud_request_duration_seconds{/v2/droplets/{id}}":   3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMetricsTellWhatTheTokenHasLeft(t *testing.T) {
	registry := prometheus.NewRegistry()
	client := withHandler(t, answering(500, "application/json", "{}", "Ratelimit-Remaining: 4321"),
		func(o *Options) { o.Metrics = registry })
	_, _ = client.Get(t.Context(), 7)
	if got := samples(t, registry)["openspawn_cloud_ratelimit_remaining{}"]; got != 4321 {
		t.Errorf("%v, want 4321", got)
	}
}

func TestASecondClientSharesTheMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	for range 2 {
		client := withHandler(t, answering(204, "application/json", ""), func(o *Options) { o.Metrics = registry })
		if err := client.Delete(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
	}
	if got := samples(t, registry)["openspawn_cloud_requests_total{204,DELETE,/v2/droplets/{id}}"]; got != 2 {
		t.Errorf("%v, want 2", got)
	}
}

func TestRoutesAreBounded(t *testing.T) {
	o := &observer{basePath: "/do/"}
	for path, want := range map[string]string{
		"/do/v2/droplets":                    "/v2/droplets",
		"/do/v2/droplets/7":                  "/v2/droplets/{id}",
		"/do/v2/droplets/7/actions":          "/v2/droplets/{id}/actions",
		"/do/v2/droplets/7/actions/8":        "/v2/droplets/{id}/actions/{id}",
		"/do/v2/droplets/7/backups":          "other",
		"/do/v2/tags/open-spawn:x/resources": "/v2/tags/{id}/resources",
		"/do/v2/images/ubuntu-24-04-x64":     "/v2/images/{id}",
		"/do/v2/snapshots/7":                 "/v2/snapshots/{id}",
		"/do/v2/firewalls":                   "/v2/firewalls",
		"/do/v2/firewalls/7/rules":           "other",
		"/do/v2/dropletsandmore":             "other",
		"/v2/droplets":                       "other",
		"/do/v2/account":                     "/v2/account",
		"/do/v2/account/keys":                "other",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://api.example.com"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.route(r); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestABasePathIsKept(t *testing.T) {
	var paths []string
	client := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	}, func(o *Options) { o.BaseURL += "/do" })
	if err := client.Delete(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/do/v2/droplets/7"}, paths); diff != "" {
		t.Error(diff)
	}
}
