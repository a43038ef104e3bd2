// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/identity"
)

// lostAfter is how far apart two complete lists must be that do not have a snapshot, before it is taken for lost.
const lostAfter = 30 * time.Second

// Cloud is the cloud as far as the budget lets a bot ask. A Bot asks for its snapshots only, and in rare moments: all
// that is done to instances is its Droplet's.
type Cloud interface {
	// For is the cloud for what can wait.
	For(account, bot string) cloud.API
	// ForDestroy is the cloud for what ends costs.
	ForDestroy(account, bot string) cloud.API
	// ForReplace is room for another machine in the place of one, or the error that says when there is some.
	ForReplace(account, bot string) (*budget.Room, error)
}

// snapshots finds and destroys the snapshots of a bot. They are known by their names, which bear the bot's, so they are
// found again when everything else is lost.
type snapshots struct {
	cloud Cloud
	fleet string

	mu     sync.Mutex // guards missed
	missed map[types.NamespacedName]miss
}

// miss is when a snapshot was first not found.
type miss struct {
	id int64
	at time.Time
}

func newSnapshots(o Options) *snapshots {
	return &snapshots{cloud: o.Cloud, fleet: o.Fleet, missed: map[types.NamespacedName]miss{}}
}

// own are the snapshots that were taken of the bot's machines, the newest first.
func (n *snapshots) own(ctx context.Context, bot *spawnv1.Bot) ([]cloud.Snapshot, error) {
	all, err := n.cloud.For(bot.Spec.AccountRef.Name, budgetName(bot)).ListSnapshots(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the snapshots of bot %s: %w", bot.Name, err)
	}
	return n.ownOf(bot, all), nil
}

func (n *snapshots) ownOf(bot *spawnv1.Bot, all []cloud.Snapshot) []cloud.Snapshot {
	prefix := identity.Prefix(n.fleet, bot.Namespace, bot.Name)
	own := slices.DeleteFunc(slices.Clone(all), func(s cloud.Snapshot) bool {
		return !identity.IsSnapshotOf(prefix, s.Name)
	})
	slices.SortFunc(own, func(a, b cloud.Snapshot) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return own
}

// destroy destroys one snapshot if it exists and bears the bot's name. One that bears another name by now is somebody's
// who wants to keep it.
func (n *snapshots) destroy(ctx context.Context, bot *spawnv1.Bot, id int64) error {
	view := n.cloud.ForDestroy(bot.Spec.AccountRef.Name, budgetName(bot))
	all, err := view.ListSnapshots(ctx)
	if err != nil {
		return fmt.Errorf("listing the snapshots of bot %s: %w", bot.Name, err)
	}
	if !slices.ContainsFunc(n.ownOf(bot, all), func(s cloud.Snapshot) bool { return s.ID == id }) {
		return nil
	}
	if err := cloud.IgnoreNotFound(view.DeleteSnapshot(ctx, id)); err != nil {
		return fmt.Errorf("destroying snapshot %d: %w", id, err)
	}
	log.FromContext(ctx).Info("destroyed snapshot", "snapshotID", id)
	return nil
}

// destroyAll destroys every snapshot of the bot and tells whether there was none left before.
func (n *snapshots) destroyAll(ctx context.Context, bot *spawnv1.Bot) (none bool, err error) {
	view := n.cloud.ForDestroy(bot.Spec.AccountRef.Name, budgetName(bot))
	all, err := view.ListSnapshots(ctx)
	if err != nil {
		return false, fmt.Errorf("listing the snapshots of bot %s: %w", bot.Name, err)
	}
	own := n.ownOf(bot, all)
	for _, snapshot := range own {
		if err := cloud.IgnoreNotFound(view.DeleteSnapshot(ctx, snapshot.ID)); err != nil {
			return false, fmt.Errorf("destroying snapshot %d: %w", snapshot.ID, err)
		}
		log.FromContext(ctx).Info("destroyed snapshot", "snapshotID", snapshot.ID)
	}
	return len(own) == 0, nil
}

// exists tells whether the snapshot that the bot is to be restored from is in a complete list, whatever its name is by
// now. When it is not, since tells when it was first missed.
func (n *snapshots) exists(
	ctx context.Context, bot *spawnv1.Bot, id int64, now time.Time,
) (found bool, since time.Time, err error) {
	all, err := n.cloud.For(bot.Spec.AccountRef.Name, budgetName(bot)).ListSnapshots(ctx)
	if err != nil {
		return false, now, fmt.Errorf("looking for snapshot %d: %w", id, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	key := client.ObjectKeyFromObject(bot)
	if slices.ContainsFunc(all, func(s cloud.Snapshot) bool { return s.ID == id }) {
		delete(n.missed, key)
		return true, now, nil
	}
	if first, known := n.missed[key]; !known || first.id != id {
		n.missed[key] = miss{id: id, at: now}
	}
	return false, n.missed[key].at, nil
}

// forget is for a Bot that is gone, or is not restored any more.
func (n *snapshots) forget(bot *spawnv1.Bot) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.missed, client.ObjectKeyFromObject(bot))
}

// budgetName is the bot in whose name calls are made. The names of bots are unique in a namespace only.
func budgetName(bot *spawnv1.Bot) string { return bot.Namespace + "/" + bot.Name }
