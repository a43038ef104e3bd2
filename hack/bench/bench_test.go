// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cedros-io/open-spawn/internal/localrun"
)

// line is one request in the audit log, for a resource or a resource/subresource.
func line(user, verb, what string, code int, at time.Time) string {
	resource, subresource, _ := strings.Cut(what, "/")
	return fmt.Sprintf(`{"stage":"ResponseComplete","verb":%q,"stageTimestamp":%q,"user":{"username":%q},`+
		`"objectRef":{"resource":%q,"subresource":%q},"responseStatus":{"code":%d}}`+"\n",
		verb, at.Format(time.RFC3339Nano), user, resource, subresource, code)
}

func TestTrafficCountsTheManagerOnly(t *testing.T) {
	ready := time.Unix(100, 0).UTC()
	late := ready.Add(time.Second)
	us := localrun.ManagerUser
	log := strings.Join([]string{
		line(us, "patch", "bots/status", 200, ready),
		line(us, "patch", "bots/status", 409, late),
		line(us, "delete", "droplets", 200, late),
		line(us, "get", "droplets", 404, ready),
		line(us, "create", "events", 201, ready),
		line(us, "update", "leases", 200, ready),
		line(us, "patch", "accounts", 403, ready),
		line(us, "watch", "bots", 200, ready),
		line("system:admin", "create", "bots", 201, ready),
		strings.Replace(line(us, "patch", "bots", 200, ready), "ResponseComplete", "ResponseStarted", 1),
	}, "")
	got, err := countTraffic(strings.NewReader(log), ready)
	if err != nil {
		t.Fatal(err)
	}
	want := traffic{
		writes:      map[string]int{"bots/status.patch": 2, "droplets.delete": 1, "accounts.patch": 1},
		reads:       map[string]int{"droplets.get": 1},
		refused:     map[string]int{"bots/status.patch 409": 1, "accounts.patch 403": 1},
		forbidden:   map[string]int{"accounts.patch": 1},
		writesUntil: 2, events: 1, leases: 1,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(traffic{})); diff != "" {
		t.Error(diff)
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for percent, want := range map[int]float64{50: 50, 99: 99, 100: 100} {
		if got := percentile(hundred, percent); got != want {
			t.Errorf("percentile %d is %v, want %v", percent, got, want)
		}
	}
	if got := percentile([]float64{7}, 99); got != 7 {
		t.Errorf("the percentile of one value is %v", got)
	}
}

func TestFleetFitsItsAccounts(t *testing.T) {
	for bots, accounts := range map[int]int{1: 1, 50: 1, 51: 2, 200: 4} {
		f := newFleet(bots)
		if len(f.bots) != bots || len(f.accounts) != accounts {
			t.Errorf("%d bots of %d accounts, want %d of %d", len(f.bots), len(f.accounts), bots, accounts)
		}
	}
}

func TestNumberOfBots(t *testing.T) {
	for value, want := range map[string]int{"": defaultBots, "1": 1, "10000": 10000, "0": 0, "many": 0, "10001": 0} {
		got, err := readBots(func(string) (string, bool) { return value, true })
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("N=%s gives %d, %v", value, got, err)
		}
	}
}
