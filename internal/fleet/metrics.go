// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"github.com/prometheus/client_golang/prometheus"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// reasons are all that a verdict can have, so that the metric has a sample for each and an alert sees it come and go.
var reasons = []string{
	spawnv1.CredentialsInvalidReason, spawnv1.AccountMismatchReason, spawnv1.FleetUnacknowledgedReason,
	spawnv1.FleetOfAnotherClusterReason, spawnv1.FleetRecordInvalidReason,
}

var frozenMetric = prometheus.NewDesc("openspawn_fleet_frozen",
	"1 for the reason why nothing is changed at the cloud, 0 for every other; absent where no token was verified.",
	[]string{"reason"}, nil)

// Describe implements prometheus.Collector.
func (g *Guard) Describe(to chan<- *prometheus.Desc) { to <- frozenMetric }

// Collect implements prometheus.Collector. A replica that has verified nothing says nothing.
func (g *Guard) Collect(to chan<- prometheus.Metric) {
	now := g.verdict.Load()
	if now == nil {
		return
	}
	for _, reason := range reasons {
		value := 0.0
		if reason == now.reason {
			value = 1
		}
		to <- prometheus.MustNewConstMetric(frozenMetric, prometheus.GaugeValue, value, reason)
	}
}
