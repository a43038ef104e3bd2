// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/scope"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// object is what is remembered of a Droplet object.
type object struct {
	instanceID int64
	deleting   bool
}

// claims are what all objects say of instances, at one moment.
type claims struct {
	fleet   string
	objects map[string]object // Droplet objects by name, which is unique in practice; of two, one is enough
	bots    int
	named   map[string]bool // machine names that Bots have in their status, perhaps before there is a Droplet
	ids     map[int64]bool
	waiting []types.NamespacedName // Bots that may yet adopt whatever bears their prefix

	prefixes map[string]bool // of those that wait, made when first needed
}

// readClaims lists all objects. Droplets come first: a Bot stores its machine's name before the Droplet is created, so
// that a Droplet which is missing from the first list is named in the second.
func (s *Sweeper) readClaims(ctx context.Context, reader client.Reader, pass inventory.Pass) (*claims, error) {
	var droplets []spawnv1.Droplet
	for _, namespace := range s.settings.Namespaces.Lists() {
		var list spawnv1.DropletList
		if err := reader.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing droplets: %w", err)
		}
		droplets = append(droplets, list.Items...)
	}
	var bots []spawnv1.Bot
	for _, namespace := range s.settings.Namespaces.Lists() {
		var list spawnv1.BotList
		if err := reader.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing bots: %w", err)
		}
		bots = append(bots, list.Items...)
	}
	c := newClaims(s.fleet, droplets, bots, pass)
	if len(s.settings.Namespaces) == 0 {
		return c, nil
	}
	var accounts spawnv1.AccountList
	if err := reader.List(ctx, &accounts, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	c.addUnread(accounts.Items, s.settings.Namespaces)
	return c, nil
}

// addUnread adds the Bots that may not be read, such as those of a namespace that is not watched any more: whoever has
// a machine has a slot, and that is in the Account for all to see.
func (c *claims) addUnread(accounts []spawnv1.Account, read scope.Namespaces) {
	for i := range accounts {
		for key := range accounts[i].Status.Slots {
			if bot := slots.BotOf(key); !read.Has(bot.Namespace) {
				c.waiting = append(c.waiting, bot)
			}
		}
	}
}

func newClaims(fleet string, droplets []spawnv1.Droplet, bots []spawnv1.Bot, pass inventory.Pass) *claims {
	c := &claims{
		fleet: fleet, objects: make(map[string]object, len(droplets)), bots: len(bots),
		named: make(map[string]bool, len(bots)), ids: make(map[int64]bool, len(droplets)),
	}
	settled := make(map[types.NamespacedName]bool, len(droplets))
	for i := range droplets {
		d := &droplets[i]
		deleting := !d.DeletionTimestamp.IsZero()
		c.objects[d.Name] = object{instanceID: d.Status.InstanceID, deleting: deleting}
		c.ids[d.Status.InstanceID] = true
		_, alive := pass.ByID(d.Status.InstanceID)
		settled[client.ObjectKeyFromObject(d)] = alive && !deleting
	}
	for i := range bots {
		b := &bots[i]
		c.named[b.Status.DropletName] = true
		c.ids[b.Status.InstanceID] = true
		// A Bot whose machine is there for all to see takes no other. Every other Bot may: one that was restored without
		// status does, and one that was restored with an old status will when the machine it names turns out to be gone.
		if !settled[types.NamespacedName{Namespace: b.Namespace, Name: b.Status.DropletName}] {
			c.waiting = append(c.waiting, client.ObjectKeyFromObject(b))
		}
	}
	return c
}

// isClaimed tells whether an object claims the instance, or whether a Bot may adopt it.
func (c *claims) isClaimed(instance cloud.Instance) bool {
	if _, ok := c.objects[instance.Name]; ok || c.ids[instance.ID] || c.named[instance.Name] {
		return true
	}
	if c.prefixes == nil {
		c.prefixes = make(map[string]bool, len(c.waiting))
		for _, bot := range c.waiting {
			c.prefixes[identity.Prefix(c.fleet, bot.Namespace, bot.Name)] = true
		}
	}
	return c.prefixes[identity.PrefixOf(instance.Name)]
}

// unclaimed are those of the instances that nobody claims.
func (c *claims) unclaimed(instances []cloud.Instance) []cloud.Instance {
	var found []cloud.Instance
	for _, instance := range instances {
		if !c.isClaimed(instance) {
			found = append(found, instance)
		}
	}
	return found
}

// isOurs tells whether an instance bears our fleet's tag and no other fleet's. Nothing else is ever destroyed.
func isOurs(instance cloud.Instance, fleet string) bool {
	return instance.HasTag(identity.FleetTag(fleet)) && !isOfAnotherFleet(instance, fleet)
}

func isOfAnotherFleet(instance cloud.Instance, fleet string) bool {
	for _, tag := range instance.Tags {
		if strings.HasPrefix(tag, spawnv1.FleetTagPrefix) && tag != identity.FleetTag(fleet) {
			return true
		}
	}
	return false
}
