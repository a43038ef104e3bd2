// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package digitalocean

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// meters are the metrics of the API. Their labels are bounded: ids, names and tags are in none.
type meters struct {
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	remaining *prometheus.GaugeVec
}

// newMeters registers the metrics. What is registered already, by an earlier Client, is shared.
func newMeters(registry prometheus.Registerer) (*meters, error) {
	m := &meters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openspawn_cloud_requests_total",
			Help: "Requests to the DigitalOcean API; code is the HTTP status, or none when there was no answer.",
		}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "openspawn_cloud_request_duration_seconds",
			Help:    "Time from the request to the head of the answer, or to its failure.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, // the last two are the deadlines
		}, []string{"route"}),
		// A vector without labels has no sample until it is set, where a plain gauge would report a drained token.
		remaining: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "openspawn_cloud_ratelimit_remaining",
			Help: "Requests that the token has left in the current hour, as the API last told.",
		}, nil),
	}
	if registry == nil {
		return m, nil
	}
	var errs [3]error
	m.requests, errs[0] = register(registry, m.requests)
	m.duration, errs[1] = register(registry, m.duration)
	m.remaining, errs[2] = register(registry, m.remaining)
	return m, errors.Join(errs[:]...)
}

func register[C prometheus.Collector](registry prometheus.Registerer, collector C) (C, error) {
	err := registry.Register(collector)
	var before prometheus.AlreadyRegisteredError
	if errors.As(err, &before) {
		if existing, ok := before.ExistingCollector.(C); ok {
			return existing, nil
		}
	}
	return collector, err
}

// observer counts and times each request, and keeps its answer for errors.go.
type observer struct {
	next     http.RoundTripper
	meters   *meters
	observe  func(cloud.Answer)
	clock    clock.PassiveClock
	basePath string
}

// RoundTrip implements http.RoundTripper.
func (o *observer) RoundTrip(request *http.Request) (*http.Response, error) {
	route, code := o.route(request), "none"
	start := o.clock.Now()
	response, err := o.next.RoundTrip(request)
	o.meters.duration.WithLabelValues(route).Observe(o.clock.Since(start).Seconds())
	if err == nil {
		code = strconv.Itoa(response.StatusCode)
		o.limits(response)
		if x := exchangeOf(request); x != nil {
			x.keep(response)
		}
	}
	o.meters.requests.WithLabelValues(route, request.Method, code).Inc()
	return response, err
}

func (o *observer) limits(response *http.Response) {
	if remaining, err := strconv.Atoi(response.Header.Get("Ratelimit-Remaining")); err == nil {
		o.meters.remaining.WithLabelValues().Set(float64(remaining))
	}
	if o.observe != nil {
		o.observe(limitsOf(response, o.clock.Now()))
	}
}

// maxCount bounds what a header can make anybody believe.
const maxCount = 1_000_000

// limitsOf reads the headers of the rate limit. Of two numbers that make no sense together, neither is believed.
func limitsOf(response *http.Response, now time.Time) cloud.Answer {
	header := response.Header
	told := cloud.Answer{
		Status:     response.StatusCode,
		RetryAfter: min(retryAfter(header.Get("Retry-After"), now), maxPause),
	}
	limit, limitErr := strconv.Atoi(header.Get("Ratelimit-Limit"))
	remaining, remainingErr := strconv.Atoi(header.Get("Ratelimit-Remaining"))
	if limitErr == nil && remainingErr == nil && 0 <= remaining && remaining <= limit && limit <= maxCount {
		told.Limit, told.Remaining = limit, remaining
	}
	if reset, err := strconv.ParseInt(header.Get("Ratelimit-Reset"), 10, 64); err == nil && reset > 0 {
		told.Reset = time.Unix(reset, 0)
		if latest := now.Add(maxPause); told.Reset.After(latest) {
			told.Reset = latest
		}
	}
	return told
}

// route is the request's place in the API with the ids taken out.
func (o *observer) route(request *http.Request) string {
	path, ok := strings.CutPrefix(request.URL.Path, o.basePath+"v2/")
	if !ok {
		return "other"
	}
	parts := strings.Split(path, "/")
	if len(parts) > 1 {
		parts[1] = "{id}"
	}
	if len(parts) > 3 {
		parts[3] = "{id}"
	}
	if named := "/v2/" + strings.Join(parts, "/"); slices.Contains(routes, named) {
		return named
	}
	return "other"
}

// routes are all that the client asks for.
var routes = []string{
	"/v2/account", "/v2/droplets", "/v2/droplets/{id}", "/v2/droplets/{id}/actions", "/v2/droplets/{id}/actions/{id}",
	"/v2/droplets/{id}/snapshots", "/v2/snapshots", "/v2/snapshots/{id}", "/v2/tags", "/v2/tags/{id}/resources",
	"/v2/firewalls", "/v2/firewalls/{id}", "/v2/sizes", "/v2/images/{id}",
}
