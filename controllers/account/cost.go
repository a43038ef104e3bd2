// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

// costOf is what a Droplet costs in micro-USD an hour: the price of its instance, also while that is off, from when its
// id is known until it is confirmed gone, with which the Droplet goes, or was lost.
func costOf(droplet *spawnv1.Droplet) int64 {
	if droplet.Status.InstanceID == 0 ||
		status.Reason(droplet, spawnv1.ExistsCondition) == spawnv1.InstanceLostReason {
		return 0
	}
	return droplet.Status.HourlyPriceMicros
}

// cost adds up the machines of an account, whether or not there is an Account of that name.
func (c *Controller) cost(ctx context.Context, account string) (int64, error) {
	var droplets spawnv1.DropletList
	err := c.client.List(ctx, &droplets, client.MatchingLabels{spawnv1.AccountLabel: account},
		client.UnsafeDisableDeepCopy)
	if err != nil {
		return 0, fmt.Errorf("listing the account's droplets: %w", err)
	}
	var sum int64
	for i := range droplets.Items {
		sum += costOf(&droplets.Items[i])
	}
	return sum, nil
}

// accountOfDroplet is the account that a Droplet's label names.
func accountOfDroplet(_ context.Context, obj client.Object) []reconcile.Request {
	name := obj.GetLabels()[spawnv1.AccountLabel]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Name: name}}}
}

// costChanged passes a Droplet on when it costs more or less than before, or costs another account.
func costChanged() predicate.Predicate {
	costs := func(obj client.Object) int64 {
		if droplet, ok := obj.(*spawnv1.Droplet); ok {
			return costOf(droplet)
		}
		return 0
	}
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return costs(e.Object) != 0 },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()
			return costs(e.ObjectOld) != costs(e.ObjectNew) ||
				before[spawnv1.AccountLabel] != after[spawnv1.AccountLabel]
		},
		DeleteFunc:  func(e event.DeleteEvent) bool { return costs(e.Object) != 0 },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// costs are the sums that the metrics show. The zero value is empty.
type costs struct {
	mu sync.Mutex
	// accounts has every Account; others has names that Droplets bear and no Account, whose machines cost nobody's money
	// but the fleet's.
	accounts, others map[string]int64
}

func (c *costs) set(account string, sum int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.accounts == nil {
		c.accounts = map[string]int64{}
	}
	c.accounts[account] = sum
	delete(c.others, account)
}

// forget is set for an Account that does not exist.
func (c *costs) forget(account string, sum int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.accounts, account)
	delete(c.others, account)
	if c.others == nil {
		c.others = map[string]int64{}
	}
	if sum != 0 {
		c.others[account] = sum
	}
}

var (
	accountCostMetric = prometheus.NewDesc("openspawn_account_hourly_cost_micro_usd",
		"What the account's machines cost, in millionths of a US dollar an hour.", []string{"account"}, nil)
	costMetric = prometheus.NewDesc("openspawn_hourly_cost_micro_usd",
		"What all machines cost, in millionths of a US dollar an hour; absent where no Account was looked at.", nil, nil)
)

func (c *costs) describe(to chan<- *prometheus.Desc) {
	to <- accountCostMetric
	to <- costMetric
}

func (c *costs) collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.accounts == nil && c.others == nil {
		return
	}
	var all int64
	for account, sum := range c.accounts {
		all += sum
		to <- prometheus.MustNewConstMetric(accountCostMetric, prometheus.GaugeValue, float64(sum), account)
	}
	for _, sum := range c.others {
		all += sum
	}
	to <- prometheus.MustNewConstMetric(costMetric, prometheus.GaugeValue, float64(all))
}
