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

// What is told about the machines that talk.
var (
	machinesHeard = prometheus.NewDesc("openspawn_machines_expected",
		"Machines that have registered and are to be heard.", nil, nil)
	machinesSilent = prometheus.NewDesc("openspawn_machines_silent",
		"Machines of those that were not heard for their grace period.", nil, nil)
	ingestUp = prometheus.NewDesc("openspawn_heartbeat_ingest_up",
		"1 while a gateway says that it receives, else 0: then nobody can be said to be silent.", nil, nil)
	configLag = prometheus.NewDesc("openspawn_bots_config_lagging",
		"Bots that do not run the newest version of their config, or whose config cannot be delivered.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *Controller) Describe(to chan<- *prometheus.Desc) {
	c.absence.meters.absentBots.Describe(to)
	c.absence.meters.breaker.Describe(to)
	for _, about := range []*prometheus.Desc{machinesHeard, machinesSilent, ingestUp, configLag} {
		to <- about
	}
}

// Collect implements prometheus.Collector.
func (c *Controller) Collect(to chan<- prometheus.Metric) {
	c.absence.meters.absentBots.Collect(to)
	c.absence.meters.breaker.Collect(to)
	if c.talk.deliveries == nil {
		return
	}
	counts, up := c.talk.deliveries.Fleet.Counts(), 0
	if counts.Receives {
		up = 1
	}
	for about, value := range map[*prometheus.Desc]int{
		machinesHeard: counts.Machines, machinesSilent: counts.Silent, ingestUp: up,
		configLag: c.talk.config.readings.lagging(),
	} {
		to <- prometheus.MustNewConstMetric(about, prometheus.GaugeValue, float64(value))
	}
}
