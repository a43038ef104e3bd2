// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/inventory"
)

// Fleet is what the controller needs of the inventory.
type Fleet interface {
	// Latest is the last complete pass over the fleet, false before the first.
	Latest() (inventory.Pass, bool)
	// RequestPassAfter asks for a pass that begins after an instant, soon.
	RequestPassAfter(instant time.Time)
	// Failing is why the last try at a pass did not complete, nil when it did.
	Failing() error
}

// names finds the machine name of a Bot that has none: that of an instance which nobody claims, or a fresh one when a
// complete pass over the fleet shows that there is no such instance. The pass must have begun after this process first
// saw the Bot nameless; an older one might be from before the Bot's last instance.
type names struct {
	live      client.Reader
	inventory Fleet
	clock     clock.PassiveClock
	fleet     string

	mu      sync.Mutex
	waiting map[types.NamespacedName]wait
}

// wait is since when a Bot has been waiting for a pass. A Bot that was deleted and created anew is another Bot.
type wait struct {
	uid   types.UID
	since time.Time
	// answered is set when the pass has told all that the Bot wanted to know, for as long as it is not admitted.
	answered bool
}

func newNames(o Options) *names {
	return &names{
		live: o.Live, inventory: o.Inventory, clock: o.Clock, fleet: o.Fleet,
		waiting: map[types.NamespacedName]wait{},
	}
}

// find is the machine name for the Bot, or empty while a pass over the fleet is waited for.
func (n *names) find(ctx context.Context, bot *spawnv1.Bot) (string, error) {
	name, listed, err := n.unclaimedOf(ctx, bot)
	if err == nil && listed && name == "" {
		name = identity.NewName(n.fleet, bot.Namespace, bot.Name)
	}
	return name, err
}

// unclaimedOf is the name of an instance of the Bot that nobody claims, or empty. It is not known, and listed is false,
// while a pass over the fleet is waited for.
func (n *names) unclaimedOf(ctx context.Context, bot *spawnv1.Bot) (name string, listed bool, err error) {
	pass, listed := n.awaitPass(bot)
	if !listed {
		return "", false, nil
	}
	name, err = n.unclaimed(ctx, bot.Namespace, n.instancesOf(pass, bot))
	return name, true, err
}

// instancesOf are the instances that bear a name of the Bot.
func (n *names) instancesOf(pass inventory.Pass, bot *spawnv1.Bot) []cloud.Instance {
	return pass.Matching(identity.Prefix(n.fleet, bot.Namespace, bot.Name), identity.SuffixLength)
}

// instanceNamed is an instance of a name, nil when there is none, or while a pass over the fleet is waited for.
func (n *names) instanceNamed(bot *spawnv1.Bot, name string) *cloud.Instance {
	pass, listed := n.awaitPass(bot)
	if !listed {
		return nil
	}
	if hits := pass.ByName(name); len(hits) > 0 {
		return &hits[0]
	}
	n.answered(bot)
	return nil
}

// awaitPass is the last pass over the fleet, if it may be believed about the Bot; otherwise another is asked for, and
// wakes the Bot.
func (n *names) awaitPass(bot *spawnv1.Bot) (inventory.Pass, bool) {
	return n.passAfter(n.waitingSince(bot))
}

// passAfter is the last pass over the fleet if it began after an instant; otherwise another is asked for.
func (n *names) passAfter(instant time.Time) (inventory.Pass, bool) {
	pass, ok := n.inventory.Latest()
	if !ok || !pass.StartedAt.After(instant) {
		n.inventory.RequestPassAfter(instant)
		return inventory.Pass{}, false
	}
	return pass, true
}

// unclaimed is the name of the newest of the instances that no Droplet object claims, or empty. The newest is the one
// whose name was given last.
func (n *names) unclaimed(ctx context.Context, namespace string, hits []cloud.Instance) (string, error) {
	for i := len(hits) - 1; i >= 0; i-- {
		var droplet spawnv1.Droplet
		err := n.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: hits[i].Name}, &droplet)
		if apierrors.IsNotFound(err) {
			return hits[i].Name, nil
		}
		if err != nil {
			return "", fmt.Errorf("looking for the droplet of instance %d: %w", hits[i].ID, err)
		}
	}
	return "", nil
}

// waitingSince is when the Bot began to wait for a pass.
func (n *names) waitingSince(bot *spawnv1.Bot) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := client.ObjectKeyFromObject(bot)
	waits, ok := n.waiting[key]
	if !ok || waits.uid != bot.UID {
		waits = wait{uid: bot.UID, since: n.clock.Now()}
		n.waiting[key] = waits
	}
	return waits.since
}

// answered notes that the Bot knows all it wanted to know of the fleet, so that no further pass wakes it.
func (n *names) answered(bot *spawnv1.Bot) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := client.ObjectKeyFromObject(bot)
	if waits, ok := n.waiting[key]; ok {
		waits.answered = true
		n.waiting[key] = waits
	}
}

// forget ends the wait of a Bot that has a name, or is gone.
func (n *names) forget(key types.NamespacedName) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.waiting, key)
}

// waitingFor are the Bots that a pass lets go on.
func (n *names) waitingFor(pass inventory.Pass) []types.NamespacedName {
	n.mu.Lock()
	defer n.mu.Unlock()
	var keys []types.NamespacedName
	for key, waits := range n.waiting {
		if !waits.answered && pass.StartedAt.After(waits.since) {
			keys = append(keys, key)
		}
	}
	return keys
}
