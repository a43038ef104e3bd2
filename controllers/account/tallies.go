// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

var (
	slotsMetric = prometheus.NewDesc("openspawn_account_slots",
		"How many slots of the account are bound to a Bot, or only reserved for one.", []string{"account", "state"}, nil)
	limitMetric = prometheus.NewDesc("openspawn_account_limit",
		"How many bots the account may have.", []string{"account"}, nil)
)

// tally is what the metrics say of an Account's slots.
type tally struct {
	bound, reserved int
	limit           int32
}

// tallies are those of every Account that was looked at. The zero value is empty.
type tallies struct {
	mu       sync.Mutex
	accounts map[string]tally
}

func (t *tallies) set(account *spawnv1.Account) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.accounts == nil {
		t.accounts = map[string]tally{}
	}
	taken := len(bound(account))
	t.accounts[account.Name] = tally{
		bound: taken, reserved: len(account.Status.Slots) - taken, limit: account.Limit(),
	}
}

// forget is for an Account that does not exist.
func (t *tallies) forget(account string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.accounts, account)
}

func (t *tallies) describe(to chan<- *prometheus.Desc) {
	to <- slotsMetric
	to <- limitMetric
}

func (t *tallies) collect(to chan<- prometheus.Metric) {
	t.mu.Lock()
	defer t.mu.Unlock()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for account, counted := range t.accounts {
		gauge(slotsMetric, float64(counted.bound), account, "bound")
		gauge(slotsMetric, float64(counted.reserved), account, "reserved")
		gauge(limitMetric, float64(counted.limit), account)
	}
}
