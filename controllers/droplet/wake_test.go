// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"testing"

	clocktesting "k8s.io/utils/clock/testing"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/status"
)

// listing is a cloud of which only the fleet can be listed.
type listing []cloud.Instance

func (l listing) ListByTag(context.Context, string) ([]cloud.Instance, error) { return l, nil }

func passOf(t *testing.T, instances ...cloud.Instance) inventory.Pass {
	t.Helper()
	fleet := inventory.New(inventory.Options{
		Lister: listing(instances), Tag: "fleet", Clock: clocktesting.NewFakeClock(epoch),
	})
	if err := fleet.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	pass, _ := fleet.Latest()
	return pass
}

func TestAPassWakesADropletOnlyForNews(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(*spawnv1.Droplet, *cloud.Instance)
		want bool
	}{
		"nothing new":          {func(*spawnv1.Droplet, *cloud.Instance) {}, false},
		"no instance recorded": {func(d *spawnv1.Droplet, _ *cloud.Instance) { d.Status.InstanceID = 0 }, false},
		"not listed":           {func(_ *spawnv1.Droplet, i *cloud.Instance) { i.ID = 8 }, true},
		"powered off":          {func(_ *spawnv1.Droplet, i *cloud.Instance) { i.State = cloud.StateOff }, true},
		"listed as new":        {func(_ *spawnv1.Droplet, i *cloud.Instance) { i.State = cloud.StateNew }, false},
		"booted":               {func(d *spawnv1.Droplet, _ *cloud.Instance) { d.Status.State = "new" }, true},
		"renamed":              {func(_ *spawnv1.Droplet, i *cloud.Instance) { i.Name = "x" }, true},
		"resized":              {func(_ *spawnv1.Droplet, i *cloud.Instance) { i.Size = "x" }, true},
		"untagged":             {func(_ *spawnv1.Droplet, i *cloud.Instance) { i.Tags = i.Tags[:1] }, true},
		"a public address":     {func(_ *spawnv1.Droplet, i *cloud.Instance) { i.PublicIPv4 = "x" }, true},
		"a private address":    {func(_ *spawnv1.Droplet, i *cloud.Instance) { i.PrivateIPv4 = "x" }, true},
		"an IPv6 address":      {func(_ *spawnv1.Droplet, i *cloud.Instance) { i.PublicIPv6 = "x" }, true},
		"lost and listed again": {func(d *spawnv1.Droplet, _ *cloud.Instance) {
			status.Set(d, epoch, status.False(spawnv1.ExistsCondition, spawnv1.InstanceLostReason, "it is lost"))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			droplet, instance := sample()
			test.edit(droplet, &instance)
			if got := differs(droplet, passOf(t, instance), "f"); got != test.want {
				t.Errorf("differs is %v, want %v", got, test.want)
			}
		})
	}
}

func TestAPassWakesADropletForADuplicate(t *testing.T) {
	droplet, instance := sample()
	duplicate := instance
	duplicate.ID = 8
	if !differs(droplet, passOf(t, instance, duplicate), "f") {
		t.Error("a second instance of the name is no news")
	}
	duplicate.Name += "x"
	if differs(droplet, passOf(t, instance, duplicate), "f") {
		t.Error("another's instance is news")
	}
}
