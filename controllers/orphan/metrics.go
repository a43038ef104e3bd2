// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan

import "github.com/prometheus/client_golang/prometheus"

// The values of label state.
const (
	stateFound       = "found"
	stateDestroyable = "destroyable"
	stateUntagged    = "untagged"
)

// meters are what the sweeper tells about itself.
type meters struct {
	orphans   *prometheus.GaugeVec
	destroyed prometheus.Counter
	open      prometheus.Gauge
}

func newMeters() meters {
	return meters{
		orphans: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "openspawn_orphans",
			Help: "Instances that no object claims: found, with the fleet's tag; destroyable, seen often enough and old " +
				"enough; untagged, named like a machine and without a fleet's tag. Absent where nobody has looked.",
		}, []string{"state"}),
		destroyed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "openspawn_orphans_destroyed_total",
			Help: "Orphans that were destroyed.",
		}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "openspawn_orphan_breaker_open",
			Help: "1 while no orphan is destroyed because there are too many, or too few objects.",
		}),
	}
}

func (m meters) show(found, destroyable, untagged int, open bool) {
	m.orphans.WithLabelValues(stateFound).Set(float64(found))
	m.orphans.WithLabelValues(stateDestroyable).Set(float64(destroyable))
	m.orphans.WithLabelValues(stateUntagged).Set(float64(untagged))
	m.open.Set(0)
	if open {
		m.open.Set(1)
	}
}

// Describe implements prometheus.Collector.
func (s *Sweeper) Describe(to chan<- *prometheus.Desc) {
	for _, c := range []prometheus.Collector{s.meters.orphans, s.meters.destroyed, s.meters.open} {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (s *Sweeper) Collect(to chan<- prometheus.Metric) {
	for _, c := range []prometheus.Collector{s.meters.orphans, s.meters.destroyed, s.meters.open} {
		c.Collect(to)
	}
}
