// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

// restSizes are the fleets that are measured at rest.
var restSizes = []int{200, 1000, 10000}

// measuredPasses is how many passes the cost of one is taken from.
const measuredPasses = 10

// restReport is what is printed of fleets at rest.
type restReport struct {
	AtRest []rested `json:"at_rest"`
	Go     string   `json:"go"`
	CPUs   int      `json:"cpus"`
}

// rested is what a fleet at rest costs. The calls are those of a simulated hour, and all that the manager makes. A pass
// is the list, what the controllers compare it with, and the sweep.
type rested struct {
	Droplets     int     `json:"droplets"`
	Passes       int64   `json:"passes_per_hour"`
	PassCalls    int     `json:"digitalocean_inventory_calls_per_hour"`
	OtherCalls   int     `json:"digitalocean_other_calls_per_hour"`
	PerDroplet   float64 `json:"digitalocean_calls_per_droplet_hour"`
	PassCPU      float64 `json:"pass_cpu_ms"`
	PassAlloc    float64 `json:"pass_allocated_mib"`
	PassHeapPeak float64 `json:"pass_heap_peak_mib"`
}

// measureRest measures every fleet at rest, one after another.
func measureRest(ctx context.Context, dir string) (restReport, error) {
	r := restReport{Go: runtime.Version(), CPUs: runtime.NumCPU()}
	root, err := localrun.Root()
	if err != nil {
		return r, err
	}
	for _, size := range restSizes {
		one, err := measureRestAlone(ctx, filepath.Join(root, "bin", "dosim"), dir, size)
		if err != nil {
			return r, fmt.Errorf("measuring %d droplets at rest: %w", size, err)
		}
		r.AtRest = append(r.AtRest, one)
	}
	return r, nil
}

// measureRestAlone measures one fleet with a simulator of its own, whose costs are not ours.
func measureRestAlone(ctx context.Context, dosim, dir string, size int) (r rested, err error) {
	log := filepath.Join(dir, fmt.Sprintf("dosim-%d.log", size))
	simulator, err := localrun.StartSimulator(ctx, dosim, log, "--hourly-limit=0", "--minute-limit=0")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, simulator.Stop()) }()
	return measureFleetAtRest(ctx, simulator, size)
}

func measureFleetAtRest(ctx context.Context, simulator *localrun.Simulator, size int) (r rested, err error) {
	say("planting %d droplets", size)
	if err := plant(ctx, simulator.URL, size); err != nil {
		return r, err
	}
	m, err := startIdle(ctx, simulator.URL)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	say("an hour of %d droplets at rest", size)
	if err := m.hour(ctx, simulator.URL); err != nil {
		return r, err
	}
	census, err := simulator.Census(ctx)
	if err != nil {
		return r, err
	}
	return m.report(ctx, size, census.Calls)
}

// report reads what the hour has cost, and then measures a few passes one by one.
func (m *idle) report(ctx context.Context, size int, calls map[string]int) (rested, error) {
	pass, _ := m.inventory.Latest()
	if pass.Len() != size || m.shelf.touched.Load() != 0 {
		return rested{}, fmt.Errorf("the fleet is not at rest: a pass sees %d instances, and %d objects were looked at",
			pass.Len(), m.shelf.touched.Load())
	}
	r := rested{Droplets: size, Passes: pass.Number - m.passesBefore, PassCalls: calls[localrun.InventoryRoute]}
	for _, count := range calls {
		r.OtherCalls += count
	}
	r.OtherCalls -= r.PassCalls
	r.PerDroplet = math.Round(float64(r.PassCalls+r.OtherCalls)/float64(size)*1000) / 1000
	used, err := use(func() error {
		for range measuredPasses {
			if err := m.pass(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	r.PassCPU = round(float64(used.cpu.Microseconds()) / 1000 / measuredPasses)
	r.PassAlloc = round(float64(used.allocated) / mebibyte / measuredPasses)
	r.PassHeapPeak = round(float64(used.heapPeak) / mebibyte)
	return r, err
}

func botName(number int) string { return fmt.Sprintf("bot-%05d", number) }

// plant puts a fleet into the simulator.
func plant(ctx context.Context, url string, size int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for i := range size {
		group.Go(func() error {
			body, err := json.Marshal(map[string]any{
				"name": identity.NewName(restFleet, restNamespace, botName(i)), "tags": identity.Tags(restFleet, nil),
			})
			if err != nil {
				return err
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/_sim/droplets", bytes.NewReader(body))
			if err != nil {
				return err
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return err
			}
			if response.StatusCode != http.StatusOK {
				err = fmt.Errorf("planting a droplet: %s", response.Status)
			}
			return errors.Join(err, response.Body.Close())
		})
	}
	return group.Wait()
}
