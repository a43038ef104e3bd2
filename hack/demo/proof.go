// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

// goneTimeout bounds the wait for everything to be gone.
const goneTimeout = 3 * time.Minute

// kinds are ours, as kubectl names them.
var kinds = []string{"accounts", "bots", "droplets"}

// proveNothingLeft deletes the samples and proves that every bot had one instance and that nothing remains.
func (d *demo) proveNothingLeft(ctx context.Context) error {
	bots, err := d.bots(ctx)
	if err != nil {
		return err
	}
	agents, err := d.agents(ctx)
	if err != nil {
		return err
	}
	if err := d.deleteSamples(ctx); err != nil {
		return err
	}
	left, err := d.objectsLeft(ctx)
	if err != nil {
		return err
	}
	if d.settings.real {
		return left.check() // what is left at DigitalOcean is looked at when the demo ends
	}
	census, err := d.simulator.Census(ctx)
	if err != nil {
		return err
	}
	again, err := d.agents(ctx)
	if err != nil {
		return err
	}
	rest := remains{agents: living(append(agents, again...)), objects: left}
	d.printProof(len(bots), census, rest)
	return errors.Join(census.Check(len(bots)), rest.check())
}

// agents are the processes of the agents that run; none in a real run.
func (d *demo) agents(ctx context.Context) ([]int, error) {
	if d.settings.real {
		return nil, nil
	}
	agents, err := d.simulator.Agents(ctx)
	var processes []int
	for _, agent := range agents {
		if agent.PID != 0 {
			processes = append(processes, agent.PID)
		}
	}
	return processes, err
}

// living are those of some processes that live.
func living(processes []int) []int {
	return slices.DeleteFunc(processes, func(pid int) bool { return syscall.Kill(pid, 0) != nil })
}

// deleteSamples returns when everything in config/samples is gone.
func (d *demo) deleteSamples(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, goneTimeout)
	defer cancel()
	d.say("deleting config/samples")
	started := time.Now()
	_, err := d.plane.Kubectl(ctx, "delete", "--ignore-not-found", "-k", d.samples())
	if err == nil {
		d.say("gone (%d s)", int(time.Since(started).Seconds()))
		return nil
	}
	if bots, listErr := d.bots(context.WithoutCancel(ctx)); listErr == nil {
		d.dump(bots)
	}
	return fmt.Errorf("deleting config/samples: %w", err)
}

// remains are what is left, and must not be.
type remains struct {
	agents  []int
	objects objectsLeft
}

// objectsLeft are names of objects: of our kinds, and of what machines were told and say.
type objectsLeft struct{ ours, machines []string }

// objectsLeft looks for them in the cluster. The gateway's own Leases are no machine's.
func (d *demo) objectsLeft(ctx context.Context) (left objectsLeft, err error) {
	for _, look := range []struct {
		into *[]string
		args []string
	}{
		{&left.ours, []string{strings.Join(kinds, ","), "-A"}},
		{&left.machines, []string{"secrets,leases", "-n", localrun.DeliveryNamespace}},
		{&left.machines, []string{"secrets", "-n", localrun.SystemNamespace, "-l", spawnv1.GroupName + "/bot"}},
	} {
		output, err := d.plane.Kubectl(ctx, append([]string{"get", "-o", "name"}, look.args...)...)
		if err != nil {
			return left, err
		}
		*look.into = append(*look.into, strings.Fields(string(output))...)
	}
	left.machines = slices.DeleteFunc(left.machines, func(name string) bool {
		return strings.HasPrefix(name, "lease.coordination.k8s.io/gateway.")
	})
	return left, nil
}

func (l objectsLeft) check() error {
	if all := slices.Concat(l.ours, l.machines); len(all) > 0 {
		return fmt.Errorf("objects are left: %s", strings.Join(all, ", "))
	}
	return nil
}

func (r remains) check() error {
	if len(r.agents) > 0 {
		return errors.Join(fmt.Errorf("agents are left, as processes %v", r.agents), r.objects.check())
	}
	return r.objects.check()
}

func (d *demo) printProof(bots int, c localrun.Census, left remains) {
	d.print("", "What the simulated DigitalOcean saw, and what is left:", "")
	for _, row := range []struct {
		what  string
		count int
	}{
		{"bots", bots},
		{"instances ever created", c.Created},
		{"names that two instances bore", len(c.Twice)},
		{"requests to create an instance", c.Calls[localrun.CreateRoute]},
		{"instances left", c.Live},
		{"agents left", len(left.agents)},
		{"Accounts, Bots and Droplets left", len(left.objects.ours)},
		{"Secrets and Leases of machines left", len(left.objects.machines)},
	} {
		d.row(row.what, row.count)
	}
	d.print("", "What it was asked:", "")
	for _, route := range slices.Sorted(maps.Keys(c.Calls)) {
		d.row(route, c.Calls[route])
	}
	d.print("")
}

func (d *demo) row(what string, count int) { d.print(fmt.Sprintf("  %-42s %5d", what, count)) }

func (d *demo) samples() string { return filepath.Join(d.root, "config", "samples") }
