// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

// The flags are those by which a person tells the sweeper to be quick.
func TestAnOrphanIsDestroyedAndItsNeighboursAreNot(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withAccount(t)
	w.startChild(t, "--leader-elect", "--inventory-interval=1s",
		"--orphan-policy=Delete", "--orphan-min-age=1s", "--orphan-sightings=3")
	c.apply(t, "warden")
	c.becomeReady(t, "warden")
	long := time.Now().Add(-time.Hour) //nolint:forbidigo // the manager runs on real time
	foreign := w.cloud.Plant(dosim.Plant{Name: "precious", CreatedAt: long})
	orphan := w.cloud.Plant(dosim.Plant{Name: "waif-0123456789abc", Tags: []string{w.fleetTag(t)}, CreatedAt: long})

	eventually(t, "the orphan is destroyed", soonEnough, func(context.Context) error {
		if instance, _ := w.cloud.Instance(orphan); instance.IsLive() {
			return fmt.Errorf("it is %s", instance.State)
		}
		return nil
	})
	if instance, _ := w.cloud.Instance(foreign); !instance.IsLive() {
		t.Error("an instance without our tag was destroyed")
	}
	c.isReadyBecause(t, "warden", spawnv1.ReadyReason)
	c.hadOneInstanceEver(t, "warden")
	for _, reason := range []string{spawnv1.OrphanFoundReason, spawnv1.OrphanDestroyedReason} {
		eventually(t, "an event says "+reason, soonEnough, func(ctx context.Context) error {
			var events eventsv1.EventList
			if err := shared.api.List(ctx, &events); err != nil {
				return err
			}
			if !slices.ContainsFunc(events.Items, func(e eventsv1.Event) bool {
				return e.Reason == reason && strings.Contains(e.Note, fmt.Sprint(orphan))
			}) {
				return fmt.Errorf("none of %d events does", len(events.Items))
			}
			return nil
		})
	}
}

// fleetTag is the tag that the manager puts on its instances.
func (w *world) fleetTag(t *testing.T) string {
	t.Helper()
	for _, instance := range w.cloud.Live("") {
		for _, tag := range instance.Tags {
			if strings.HasPrefix(tag, spawnv1.FleetTagPrefix) {
				return tag
			}
		}
	}
	t.Fatal("no instance bears the tag of a fleet")
	return ""
}
