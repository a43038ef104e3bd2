// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package slots

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

// Claimant is a Bot without a slot that wants one.
type Claimant struct {
	// Bot is the Bot.
	Bot *spawnv1.Bot
	// OwnsMachine tells whether it has a machine already: its slot was lost, not refused.
	OwnsMachine bool
}

// Owners are Bots that own a machine, whether or not their status says so.
type Owners map[types.NamespacedName]bool

// OwnersOf are the Bots whose the Droplets are.
func OwnersOf(droplets []spawnv1.Droplet) Owners {
	owners := make(Owners, len(droplets))
	for i := range droplets {
		owners[types.NamespacedName{Namespace: droplets[i].Namespace, Name: droplets[i].Spec.BotRef.Name}] = true
	}
	return owners
}

// LastTaken is when the newest slot of an Account was taken, zero when it has none. What machines its Bots have besides
// is seen in a pass over the fleet that began later.
func LastTaken(account *spawnv1.Account) (last time.Time) {
	for _, slot := range account.Status.Slots {
		if slot.ReservedAt.After(last) {
			last = slot.ReservedAt.Time
		}
	}
	return last
}

// Queue are the Bots of an Account that want a slot and have none, in the order in which they get one: those that own
// a machine first, because that one counts already, and then the oldest. The Bots are all that refer to the Account.
func Queue(account *spawnv1.Account, bots []spawnv1.Bot, owners Owners) []Claimant {
	var queue []Claimant
	for i := range bots {
		bot := &bots[i]
		c := Claimant{Bot: bot, OwnsMachine: bot.Status.DropletName != "" || owners[client.ObjectKeyFromObject(bot)]}
		if !Holds(account, bot) && !isLetGo(bot) && (c.OwnsMachine || competes(bot)) {
			queue = append(queue, c)
		}
	}
	slices.SortFunc(queue, Claimant.compare)
	return queue
}

func (c Claimant) compare(other Claimant) int {
	if c.OwnsMachine != other.OwnsMachine {
		if c.OwnsMachine {
			return -1
		}
		return 1
	}
	a, b := c.Bot, other.Bot
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(KeyOf(a), KeyOf(b)))
}

// isLetGo tells whether nothing of ours is left to be done for a Bot: it is there only for somebody else's finalizer,
// and will never take a slot.
func isLetGo(bot *spawnv1.Bot) bool {
	return !bot.DeletionTimestamp.IsZero() && !slices.Contains(bot.Finalizers, spawnv1.BotFinalizer)
}

// competes tells whether a Bot without a machine may get a slot: one that is going, or waits for anything else than its
// Account, stands in nobody's way. What was said of an earlier generation of the Bot does not count.
func competes(bot *spawnv1.Bot) bool {
	if !bot.DeletionTimestamp.IsZero() {
		return false
	}
	admitted := status.Get(bot, spawnv1.AdmittedCondition)
	if admitted == nil || admitted.ObservedGeneration != bot.Generation {
		return true
	}
	switch admitted.Reason {
	case spawnv1.AdmittedReason, spawnv1.AccountNotFoundReason, spawnv1.AccountDeletingReason,
		spawnv1.AccountSuspendedReason, spawnv1.AccountLimitReachedReason, spawnv1.AccountNotReadyReason:
		return true
	}
	return false
}
