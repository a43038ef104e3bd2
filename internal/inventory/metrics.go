// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meters are what the inventory tells about itself.
type meters struct {
	passes           *prometheus.CounterVec
	complete, failed prometheus.Counter
	age, instances   *prometheus.Desc
	// since is the start of the first pass that was tried: before it there is no age, and after it an inventory that
	// never completes one still ages.
	since *atomic.Pointer[time.Time]
}

func newMeters() meters {
	passes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "openspawn_inventory_passes_total",
		Help: "Passes over the fleet at the cloud, by result: complete or failed.",
	}, []string{"result"})
	return meters{
		passes:   passes,
		complete: passes.WithLabelValues("complete"),
		failed:   passes.WithLabelValues("failed"),
		age: prometheus.NewDesc("openspawn_inventory_age_seconds",
			"Time since the last complete pass over the fleet began; absent where nothing was listed.", nil, nil),
		instances: prometheus.NewDesc("openspawn_inventory_instances",
			"Instances in the last complete pass over the fleet.", nil, nil),
		since: &atomic.Pointer[time.Time]{},
	}
}

func (m *meters) begin(now time.Time) { m.since.CompareAndSwap(nil, &now) }

// Describe implements prometheus.Collector.
func (i *Inventory) Describe(to chan<- *prometheus.Desc) {
	i.meters.passes.Describe(to)
	to <- i.meters.age
	to <- i.meters.instances
}

// Collect implements prometheus.Collector. A replica that has never listed reports no age, so that a follower does not
// look like a leader that is blind.
func (i *Inventory) Collect(to chan<- prometheus.Metric) {
	i.meters.passes.Collect(to)
	since := i.meters.since.Load()
	if since == nil {
		return
	}
	if pass, ok := i.Latest(); ok {
		since = &pass.StartedAt
		to <- prometheus.MustNewConstMetric(i.meters.instances, prometheus.GaugeValue, float64(pass.Len()))
	}
	age := i.clock.Since(*since).Seconds()
	to <- prometheus.MustNewConstMetric(i.meters.age, prometheus.GaugeValue, age)
}
