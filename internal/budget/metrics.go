// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import "github.com/prometheus/client_golang/prometheus"

// meters are the metrics of a Budget. Their labels are bounded: no account and no bot is in them.
type meters struct {
	admitted, refused                   *prometheus.CounterVec
	waited                              *prometheus.HistogramVec
	limit, remaining, waiting, breaking *prometheus.Desc
}

func newMeters() meters {
	m := meters{
		admitted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openspawn_budget_admitted_total",
			Help: "Calls to the cloud that the budget has admitted.",
		}, []string{"class"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openspawn_budget_refused_total",
			Help: "Refusals of the budget; the same call is refused again each time it asks too early.",
		}, []string{"class", "reason"}),
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "openspawn_budget_wait_seconds",
			Help:    "Time from the first refusal of a call to its admission; 0 for most.",
			Buckets: []float64{0, 1, 5, 15, 60, 300, 900}, // 300 is the longest that one refusal tells to wait
		}, []string{"class"}),
		limit: prometheus.NewDesc("openspawn_budget_limit",
			"Calls that the token has in the window.", []string{"window"}, nil),
		remaining: prometheus.NewDesc("openspawn_budget_remaining",
			"Calls that are left of the window, as far as is known.", []string{"window"}, nil),
		waiting: prometheus.NewDesc("openspawn_budget_waiting",
			"Bots that wait for room in the budget.", []string{"class"}, nil),
		breaking: prometheus.NewDesc("openspawn_budget_breaker_open",
			"1 while the cloud is taken to be down and is asked only now and then.", nil, nil),
	}
	for c := range classes {
		m.admitted.WithLabelValues(Class(c).String())
		m.waited.WithLabelValues(Class(c).String())
	}
	return m
}

// Describe implements prometheus.Collector.
func (b *Budget) Describe(to chan<- *prometheus.Desc) {
	b.meters.admitted.Describe(to)
	b.meters.refused.Describe(to)
	b.meters.waited.Describe(to)
	for _, d := range []*prometheus.Desc{b.meters.limit, b.meters.remaining, b.meters.waiting, b.meters.breaking} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (b *Budget) Collect(to chan<- prometheus.Metric) {
	b.meters.admitted.Collect(to)
	b.meters.refused.Collect(to)
	b.meters.waited.Collect(to)

	b.mu.Lock()
	defer b.mu.Unlock()
	l, now := b.current(), b.clock.Now()
	gauge := func(d *prometheus.Desc, value int, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	gauge(b.meters.limit, l.hour.limit, "hour")
	gauge(b.meters.limit, l.minute.limit, "minute")
	gauge(b.meters.remaining, max(0, l.hour.left(now, 0)), "hour")
	gauge(b.meters.remaining, max(0, l.minute.limit-l.minute.all.count(now)), "minute")
	for c := range l.lines {
		gauge(b.meters.waiting, len(l.lines[c].tickets), Class(c).String())
	}
	open := 0
	if l.breaker.openFor > 0 {
		open = 1
	}
	gauge(b.meters.breaking, open)
}
