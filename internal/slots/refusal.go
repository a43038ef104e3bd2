// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package slots

import (
	"fmt"
	"strings"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// named is how many Bots a message names before it counts the rest.
const named = 10

// Refusal says in one sentence that the Account has no slot left, who has them, and what helps.
func Refusal(account *spawnv1.Account, namespace string) string {
	holders := Holders(account, namespace)
	who := ""
	if len(holders) > 0 {
		who = ": " + List(holders)
	}
	return shortage(account, who)
}

// Shortage says that the Account has no slot left, and what helps, without who has them.
func Shortage(account *spawnv1.Account) string { return shortage(account, "") }

func shortage(account *spawnv1.Account, who string) string {
	return fmt.Sprintf("account %q (%s) allows %s and has %d%s; delete one, or have the account's tier or maxBots raised",
		account.Name, plan(account), bots(account.Limit()), len(account.Status.Slots), who)
}

// plan is what the Account's limit comes from.
func plan(account *spawnv1.Account) string {
	if account.Spec.MaxBots != nil {
		return fmt.Sprintf("%s, maxBots %d", account.Spec.Tier, *account.Spec.MaxBots)
	}
	return string(account.Spec.Tier)
}

func bots(number int32) string {
	switch number {
	case 0:
		return "no bots"
	case 1:
		return "1 bot"
	}
	return fmt.Sprintf("%d bots", number)
}

// List names Bots, ten at most, and counts the rest.
func List(names []string) string {
	if more := len(names) - named; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:named], ", "), more)
	}
	return strings.Join(names, ", ")
}
