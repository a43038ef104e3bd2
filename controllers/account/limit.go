// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/status"
)

// count is how many slots are bound, and how many Bots wait for one. A Bot that was not looked at yet counts as
// neither, so that a new Bot is one write to its Account, not two, and nor does one that is going.
func count(account *spawnv1.Account, bots []spawnv1.Bot) spawnv1.AccountBots {
	counted := spawnv1.AccountBots{Admitted: int32(len(bound(account)))} //nolint:gosec // the schema allows 1,000
	for i := range bots {
		bot := &bots[i]
		judged := status.Get(bot, spawnv1.AdmittedCondition) != nil
		if judged && bot.DeletionTimestamp.IsZero() && !slots.Holds(account, bot) {
			counted.Waiting++
		}
	}
	return counted
}

// bound are the keys of the slots that a Bot has, or had.
func bound(account *spawnv1.Account) []string {
	var keys []string
	for key, slot := range account.Status.Slots {
		if slot.UID != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

func withinLimitCondition(account *spawnv1.Account, bots []spawnv1.Bot) metav1.Condition {
	admitted, limit := account.Status.Bots.Admitted, *account.Status.Limit
	if admitted > limit {
		return status.False(spawnv1.WithinLimitCondition, spawnv1.OverLimitReason,
			"%d Bots are admitted and the limit is %d; beyond it, because they are the newest: %s; nothing is destroyed for "+
				"it, and no new slot is given before there is room",
			admitted, limit, slots.List(slots.Beyond(account, bots)))
	}
	return status.True(spawnv1.WithinLimitCondition, spawnv1.WithinLimitReason, "%d of %d", admitted, limit)
}
