// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

func samples(t *testing.T, gatherer prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := gatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			if h := m.GetHistogram(); h != nil {
				all[name+" sum"] = h.GetSampleSum()
			}
		}
	}
	return all
}

func TestEveryMetricMoves(t *testing.T) {
	b := warm(t)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(b)
	before := samples(t, registry)
	expect := func(when string, want map[string]float64) {
		t.Helper()
		now := samples(t, registry)
		got := map[string]float64{}
		for name := range want {
			got[name] = now[name] - before[name]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
		before = now
	}
	const prefix = "openspawn_budget_"
	read := Request{Class: Read, Account: "a", Bot: "n/a", Cost: 60}
	b.want("", read, "")
	expect("a call", map[string]float64{
		prefix + "admitted_total read": 60, prefix + "wait_seconds read": 1, prefix + "wait_seconds read sum": 0,
		prefix + "remaining hour": -60, prefix + "remaining minute": -60, prefix + "waiting read": 0,
	})
	wait := b.want("", read, Minute)
	expect("a refusal", map[string]float64{
		prefix + "refused_total minute read": 0, prefix + "refused_total read minute": 1, prefix + "waiting read": 1,
		prefix + "remaining hour": 0,
	})
	b.clock.Step(wait)
	b.want("", read, "")
	expect("its admission", map[string]float64{
		prefix + "waiting read": -1, prefix + "wait_seconds read": 1, prefix + "wait_seconds read sum": wait.Seconds(),
	})
	b.Observe(cloud.Answer{Status: 200, Limit: 6000, Remaining: 1000})
	expect("an answer", map[string]float64{prefix + "limit hour": 1000, prefix + "remaining hour": 1000 - 4880})
	b.clock.Step(time.Minute)
	for range tolerated {
		b.callThen(Request{Class: Destroy}, errDown)
	}
	b.want("", Request{Class: Destroy}, Breaker)
	expect("an outage", map[string]float64{
		prefix + "breaker_open": 1, prefix + "refused_total destroy breaker": 1, prefix + "limit minute": 0,
	})
}
