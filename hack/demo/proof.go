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
	"time"

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
	if err := d.deleteSamples(ctx); err != nil {
		return err
	}
	left, err := d.objectsLeft(ctx)
	if err != nil {
		return err
	}
	if d.settings.real {
		return wrongObjects(left) // what is left at DigitalOcean is looked at when the demo ends
	}
	census, err := d.simulator.Census(ctx)
	if err != nil {
		return err
	}
	d.printProof(len(bots), census, left)
	return errors.Join(census.Check(len(bots)), wrongObjects(left))
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

// objectsLeft are the names of our objects in the cluster.
func (d *demo) objectsLeft(ctx context.Context) ([]string, error) {
	output, err := d.plane.Kubectl(ctx, "get", strings.Join(kinds, ","), "-A", "-o", "name")
	return strings.Fields(string(output)), err
}

func wrongObjects(left []string) error {
	if len(left) == 0 {
		return nil
	}
	return fmt.Errorf("objects are left: %s", strings.Join(left, ", "))
}

func (d *demo) printProof(bots int, c localrun.Census, left []string) {
	d.print("", "What the simulated DigitalOcean saw:", "")
	for _, row := range []struct {
		what  string
		count int
	}{
		{"bots", bots},
		{"instances ever created", c.Created},
		{"names that two instances bore", len(c.Twice)},
		{"requests to create an instance", c.Calls[localrun.CreateRoute]},
		{"instances left", c.Live},
		{"Accounts, Bots and Droplets left", len(left)},
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
