// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package slots

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// Key is under what an Account keeps the slot of a Bot. A Bot's name, not its uid: one request to create a Bot can ask
// for admission several times, each time with another uid.
func Key(bot types.NamespacedName) string { return bot.Namespace + "/" + bot.Name }

// KeyOf is the Key of a Bot.
func KeyOf(bot *spawnv1.Bot) string { return Key(client.ObjectKeyFromObject(bot)) }

// BotOf is the Bot that a Key is of.
func BotOf(key string) types.NamespacedName {
	namespace, name, _ := strings.Cut(key, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// Holds tells whether the Account's slot of the Bot is bound to it.
func Holds(account *spawnv1.Account, bot *spawnv1.Bot) bool {
	slot, taken := account.Status.Slots[KeyOf(bot)]
	return taken && slot.UID != "" && slot.UID == string(bot.UID)
}

// IsInitialized tells whether the Bots that were there before the Account's slots have theirs: until then no slot may
// be reserved for a new one.
func IsInitialized(account *spawnv1.Account) bool {
	return account.UID != "" && account.Status.InitializedFor == string(account.UID)
}

// IsFull tells whether the Account has no slot for one Bot more.
func IsFull(account *spawnv1.Account) bool {
	return len(account.Status.Slots) >= int(account.Limit())
}

// Holders are the Bots that have a slot, in the order of their names, as somebody in the namespace calls them: without
// their namespace if it is that one.
func Holders(account *spawnv1.Account, namespace string) []string {
	holders := make([]string, 0, len(account.Status.Slots))
	for key := range account.Status.Slots {
		holders = append(holders, strings.TrimPrefix(key, namespace+"/"))
	}
	slices.Sort(holders)
	return holders
}

// Beyond are the newest of the Bots that have a slot, as many as are more than the limit, oldest first. A slot without
// a Bot counts as newer than all.
func Beyond(account *spawnv1.Account, bots []spawnv1.Bot) []string {
	born := make(map[string]int64, len(bots))
	for i := range bots {
		key := KeyOf(&bots[i])
		if account.Status.Slots[key].UID == "" || Holds(account, &bots[i]) {
			born[key] = bots[i].CreationTimestamp.Unix()
		}
	}
	age := func(key string) int64 {
		if at, exists := born[key]; exists {
			return at
		}
		return math.MaxInt64
	}
	keys := Holders(account, "")
	slices.SortStableFunc(keys, func(a, b string) int { return cmp.Compare(age(a), age(b)) })
	return keys[min(int(account.Limit()), len(keys)):]
}
