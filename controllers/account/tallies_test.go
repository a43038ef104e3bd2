// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// metricsOf are the values of a collector's metrics, by their names and the values of their labels.
func metricsOf(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return got
}

func TestTheMetricsOfSlots(t *testing.T) {
	o := newOffice(t, 3)
	name := o.AccountName()
	want := func(when string, want map[string]float64) {
		t.Helper()
		got := metricsOf(t, o.accounts)
		maps.DeleteFunc(got, func(name string, _ float64) bool { return strings.Contains(name, "_cost_") })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	const swept = "openspawn_account_slots_swept_total"
	want("nobody has looked", map[string]float64{swept: 0})
	o.bots(spawnv1.AdmittedReason, "a", "b")
	o.take("a", "b")
	o.reserve("c")
	o.look()
	slots := "openspawn_account_slots " + name
	want("two bound and one reserved", map[string]float64{
		swept: 0, slots + " bound": 2, slots + " reserved": 1, "openspawn_account_limit " + name: 3,
	})
	o.strip(o.Account())
	if _, err := o.try(); err != nil {
		t.Fatal(err)
	}
	want("the account is gone", map[string]float64{swept: 0})
}
