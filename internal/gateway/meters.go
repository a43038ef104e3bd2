// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Meters count what the gateway does. It is a Prometheus collector that whoever made it registers.
type Meters struct {
	requests      *prometheus.CounterVec
	latency       *prometheus.HistogramVec
	inFlight      *prometheus.GaugeVec
	registrations *prometheus.CounterVec
	leaseWrites   *prometheus.CounterVec
	foreignBeats  prometheus.Counter
	gauges        []gauge
	observed      atomic.Pointer[Gateway]
}

// gauge is what is read when it is asked for.
type gauge struct {
	description *prometheus.Desc
	value       func(*Gateway) int
}

// NewMeters makes Meters at zero.
func NewMeters() *Meters {
	return &Meters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openspawn_gateway_requests_total", Help: "Requests by call and status.",
		}, []string{"call", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "openspawn_gateway_duration_seconds",
			Help:    "How long the answer to a request took; that to a config may have been held.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 15, 60},
		}, []string{"call"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "openspawn_gateway_in_flight_requests", Help: "Requests that are being answered, by call.",
		}, []string{"call"}),
		registrations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openspawn_gateway_registrations_total",
			Help: "Registrations by result: registered, again, conflict (another credential: somebody else has the token), " +
				"foreign (another instance or address) or refused.",
		}, []string{"result"}),
		leaseWrites: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openspawn_gateway_lease_writes_total",
			Help: "Heartbeats that were to be written, by result: written, late, revoked or failed.",
		}, []string{"result"}),
		foreignBeats: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "openspawn_gateway_foreign_heartbeats_total",
			Help: "Heartbeats of an instance that is not the machine's, such as one with a copied disk.",
		}),
		gauges: gauges(),
	}
}

func gauges() []gauge {
	describe := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return []gauge{
		{
			describe("openspawn_gateway_machines", "Machines that have registered, with any gateway."),
			func(g *Gateway) int { return g.store.Machines() },
		},
		{
			describe("openspawn_gateway_lease_queue", "Machines whose heartbeat is to be written and was not yet."),
			func(g *Gateway) int { return g.queue.Len() },
		},
		{
			describe("openspawn_gateway_watches", "Requests for a config that are held."),
			func(g *Gateway) int { return g.watches.Inside() },
		},
		{
			describe("openspawn_gateway_ready", "1 when this replica is ready."),
			func(g *Gateway) int {
				if g.Ready() != nil {
					return 0
				}
				return 1
			},
		},
	}
}

// observe has the gauges read a Gateway.
func (m *Meters) observe(g *Gateway) { m.observed.Store(g) }

// Describe implements prometheus.Collector.
func (m *Meters) Describe(to chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(to)
	}
	for _, each := range m.gauges {
		to <- each.description
	}
}

// Collect implements prometheus.Collector.
func (m *Meters) Collect(to chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(to)
	}
	g := m.observed.Load()
	if g == nil {
		return
	}
	for _, each := range m.gauges {
		to <- prometheus.MustNewConstMetric(each.description, prometheus.GaugeValue, float64(each.value(g)))
	}
}

func (m *Meters) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.latency, m.inFlight, m.registrations, m.leaseWrites, m.foreignBeats}
}

// began counts a request from here until done is called.
func (m *Meters) began(call string) (done func(status int, took time.Duration)) {
	m.inFlight.WithLabelValues(call).Inc()
	return func(status int, took time.Duration) {
		m.inFlight.WithLabelValues(call).Dec()
		m.requests.WithLabelValues(call, strconv.Itoa(status)).Inc()
		m.latency.WithLabelValues(call).Observe(took.Seconds())
	}
}
