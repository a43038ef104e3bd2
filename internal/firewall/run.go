// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package firewall

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

const (
	// every is how long a change in the console may stay: six calls an hour, of 5,000.
	every = 10 * time.Minute
	// again is when it is tried again after a failure: machines may be waiting.
	again = 30 * time.Second
)

// NeedLeaderElection tells the manager that one replica looks after the firewall.
func (k *Keeper) NeedLeaderElection() bool { return true }

// Start looks at the firewall at once, then every 10 min, sooner after a failure, and when the fleet freezes or thaws,
// until ctx is done. A failure is not an error of Start: whoever would make a machine hears of it.
func (k *Keeper) Start(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	stop := k.freeze.OnChange(func() {
		select {
		case changed <- struct{}{}:
		default: // we have been woken and have not looked yet
		}
	})
	defer stop()
	for ctx.Err() == nil {
		timer := k.clock.NewTimer(pause(k.Check(ctx)))
		select {
		case <-timer.C():
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

func pause(err error) time.Duration {
	if err == nil {
		return every
	}
	return max(again, cloud.RetryAfter(err))
}

var readyMetric = prometheus.NewDesc("openspawn_firewall_ready",
	"1 when the fleet's firewall is in place as far as is known, else 0; absent where nobody has looked.", nil, nil)

func newRepairs() prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{
		Name: "openspawn_firewall_repairs_total",
		Help: "Times that the fleet's firewall was gone or other than the flags say, and was put right.",
	})
}

// Describe implements prometheus.Collector.
func (k *Keeper) Describe(to chan<- *prometheus.Desc) {
	to <- readyMetric
	k.repairs.Describe(to)
}

// Collect implements prometheus.Collector.
func (k *Keeper) Collect(to chan<- prometheus.Metric) {
	k.repairs.Collect(to)
	switch err := k.Ready(); err {
	case nil:
		to <- prometheus.MustNewConstMetric(readyMetric, prometheus.GaugeValue, 1)
	case errUnseen: //nolint:errorlint // it is that very one, before the first look
	default:
		to <- prometheus.MustNewConstMetric(readyMetric, prometheus.GaugeValue, 0)
	}
}
