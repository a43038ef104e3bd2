// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/cedros-io/open-spawn/internal/localrun"
)

// report is what is printed. Every number per bot covers its whole life, from apply to gone, unless it says otherwise.
type report struct {
	Bots           int     `json:"bots"`
	SecondsToReady float64 `json:"seconds_to_ready"`
	SecondsToGone  float64 `json:"seconds_to_gone"`
	BotsPerSecond  float64 `json:"bots_per_second"`
	P50            float64 `json:"p50_seconds_to_ready"`
	P99            float64 `json:"p99_seconds_to_ready"`

	// EditToDelivered and EditToApplied are from the answer to an edit until its machine has it, and until the Bot says
	// that it runs.
	EditToDelivered latency `json:"edit_to_delivered"`
	EditToApplied   latency `json:"edit_to_applied"`

	Writes           map[string]float64 `json:"api_writes_per_bot"`
	WritesUntilReady float64            `json:"api_writes_per_bot_until_ready_total"`
	Reads            map[string]float64 `json:"api_reads_per_bot"`
	Events           float64            `json:"api_event_writes_per_bot"`
	Leases           int                `json:"api_lease_writes"`
	Refused          map[string]int     `json:"api_writes_refused"`

	Calls     map[string]float64 `json:"digitalocean_calls_per_bot"`
	Inventory int                `json:"digitalocean_inventory_calls"`

	// MemoryPeak is 0 where the system does not tell.
	MemoryPeak float64 `json:"manager_rss_peak_mib"`

	Simulator simulated `json:"simulator"`
	Go        string    `json:"go"`
	CPUs      int       `json:"cpus"`
}

// simulated is how the simulator was made to behave.
type simulated struct {
	StateDelay float64 `json:"state_delay_seconds"`
	RateLimits string  `json:"rate_limits"`
}

func newReport(bots int) report {
	return report{
		Bots: bots, Go: runtime.Version(), CPUs: runtime.NumCPU(),
		Simulator: simulated{StateDelay: stateDelay.Seconds(), RateLimits: "off"},
	}
}

// times fills in what follows from how long each Bot took, the quickest first.
func (r *report) times(seconds []float64) {
	r.BotsPerSecond = round(float64(r.Bots) / r.SecondsToReady)
	r.SecondsToReady, r.SecondsToGone = round(r.SecondsToReady), round(r.SecondsToGone)
	r.P50, r.P99 = round(percentile(seconds, 50)), round(percentile(seconds, 99))
}

// percentile is the least value that is not exceeded by that many in a hundred.
func percentile(sorted []float64, percent int) float64 {
	rank := (len(sorted)*percent + 99) / 100
	return sorted[max(rank, 1)-1]
}

func (r *report) requests(t traffic) {
	r.Writes, r.Reads = r.perBot(t.writes), r.perBot(t.reads)
	r.WritesUntilReady = round(float64(t.writesUntil) / float64(r.Bots))
	r.Events = round(float64(t.events) / float64(r.Bots))
	r.Leases, r.Refused = t.leases, t.refused
}

func (r *report) calls(calls map[string]int) {
	r.Inventory = calls[localrun.InventoryRoute]
	delete(calls, localrun.InventoryRoute)
	r.Calls = r.perBot(calls)
}

// perBot divides, and adds the total.
func (r *report) perBot(counts map[string]int) map[string]float64 {
	perBot, total := map[string]float64{}, 0
	for name, count := range counts {
		perBot[name] = round(float64(count) / float64(r.Bots))
		total += count
	}
	perBot["total"] = round(float64(total) / float64(r.Bots))
	return perBot
}

func round(value float64) float64 { return math.Round(value*100) / 100 }

// fine is round for what takes milliseconds.
func fine(value float64) float64 { return math.Round(value*10000) / 10000 }

// peakMemory is the most memory in MiB that a process had resident at once, from Linux's /proc.
func peakMemory(pid int) float64 {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "VmHWM:" {
			kib, _ := strconv.ParseFloat(fields[1], 64) // always a number
			return round(kib / 1024)
		}
	}
	return 0
}
