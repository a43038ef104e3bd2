// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

// scrapeDeadline bounds a read of the cache while metrics are scraped.
const scrapeDeadline = 5 * time.Second

// dropletsDesc counts Droplets by the reason of their Ready condition, so that every reason that needs a person can be
// alerted on.
var dropletsDesc = prometheus.NewDesc("openspawn_droplets",
	"Droplets by the reason of their Ready condition.", []string{"reason"}, nil)

// Describe implements prometheus.Collector.
func (c *Controller) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- dropletsDesc }

// Collect implements prometheus.Collector, from the cache.
func (c *Controller) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeDeadline)
	defer cancel()
	var droplets spawnv1.DropletList
	if err := c.client.List(ctx, &droplets, client.UnsafeDisableDeepCopy); err != nil {
		return // the caches have not caught up yet
	}
	counts := map[string]int{}
	for i := range droplets.Items {
		counts[status.Reason(&droplets.Items[i], spawnv1.ReadyCondition)]++
	}
	for reason, count := range counts {
		metrics <- prometheus.MustNewConstMetric(dropletsDesc, prometheus.GaugeValue, float64(count), reason)
	}
}
