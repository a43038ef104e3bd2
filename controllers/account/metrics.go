// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account

import "github.com/prometheus/client_golang/prometheus"

// Describe implements prometheus.Collector.
func (c *Controller) Describe(to chan<- *prometheus.Desc) {
	c.costs.describe(to)
	c.tallies.describe(to)
	c.sweeper.swept.Describe(to)
}

// Collect implements prometheus.Collector. A replica that has looked at no Account says nothing of any.
func (c *Controller) Collect(to chan<- prometheus.Metric) {
	c.costs.collect(to)
	c.tallies.collect(to)
	c.sweeper.swept.Collect(to)
}
