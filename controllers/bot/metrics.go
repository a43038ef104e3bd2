// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"github.com/prometheus/client_golang/prometheus"
)

// meters are what the controller tells about Bots that do not exist.
type meters struct {
	absentBots, breaker prometheus.Gauge
}

func newMeters() meters {
	return meters{
		absentBots: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "openspawn_bots_absent", Help: "Bots that do not exist and have Droplets.",
		}),
		breaker: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "openspawn_bots_absent_breaker_open",
			Help: "1 while so many Bots are absent that none of their Droplets is deleted, else 0.",
		}),
	}
}

func (m meters) absent(count int) { m.absentBots.Set(float64(count)) }

func (m meters) open(open bool) {
	m.breaker.Set(0)
	if open {
		m.breaker.Set(1)
	}
}

// Describe implements prometheus.Collector.
func (c *Controller) Describe(to chan<- *prometheus.Desc) {
	c.absence.meters.absentBots.Describe(to)
	c.absence.meters.breaker.Describe(to)
}

// Collect implements prometheus.Collector.
func (c *Controller) Collect(to chan<- prometheus.Metric) {
	c.absence.meters.absentBots.Collect(to)
	c.absence.meters.breaker.Collect(to)
}
