// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/url"
	"slices"
	"strings"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// Check is all that the Account's spec alone forbids of the Bot, empty when it forbids nothing. What a size costs is
// not known here: see CheckPrice. Whoever writes to a namespace that the Account does not list is a stranger to it, and
// learns nothing else of what it allows.
func Check(account *spawnv1.Account, bot *spawnv1.Bot) []Violation {
	if IsStranger(account, bot) {
		return []Violation{violation(spawnv1.NamespaceNotAllowedReason, "spec.accountRef.name",
			"account %q has no bots in namespace %q; whoever runs the platform can add it to the account's namespaces",
			account.Name, bot.Namespace)}
	}
	found := checkMachine(account, &bot.Spec.Machine)
	if isLive(bot) && account.Spec.LiveTrading != spawnv1.PermissionAllowed {
		found = append(found, violation(spawnv1.LiveTradingForbiddenReason, "spec.trading.mode",
			"account %q does not allow Live trading; use Paper, or have the account's liveTrading set to Allowed",
			account.Name))
	}
	if host := endpoint(bot); host != "" && !slices.Contains(account.Spec.LLMPolicy.AllowedHosts, host) {
		found = append(found, violation(spawnv1.EndpointNotAllowedReason, "spec.llm.baseURL",
			"account %q does not allow the host %q; it allows %s", account.Name, host,
			listed(account.Spec.LLMPolicy.AllowedHosts)))
	}
	return found
}

// IsStranger tells whether the Bot is in a namespace that the Account does not list.
func IsStranger(account *spawnv1.Account, bot *spawnv1.Bot) bool {
	return !slices.Contains(account.Spec.Namespaces, bot.Namespace)
}

// checkMachine judges the machine by the lists of the Account's machine policy, each of which allows everything of its
// kind when it is empty, but that of networks, which then allows the default one only.
func checkMachine(account *spawnv1.Account, machine *spawnv1.Machine) []Violation {
	allowed := account.Spec.MachinePolicy
	var found []Violation
	for _, wish := range []struct {
		field, value string
		allowed      []string
		unless       bool
	}{
		{"region", machine.Region, allowed.AllowedRegions, len(allowed.AllowedRegions) == 0},
		{"size", machine.Size, allowed.AllowedSizes, len(allowed.AllowedSizes) == 0},
		{"image", machine.Image, allowed.AllowedImages, len(allowed.AllowedImages) == 0},
		{"vpcUUID", machine.VPCUUID, allowed.AllowedVPCs, machine.VPCUUID == ""},
	} {
		if !wish.unless && !slices.Contains(wish.allowed, wish.value) {
			found = append(found, violation(spawnv1.MachineNotAllowedReason, "spec.machine."+wish.field,
				"account %q does not allow %q; it allows %s", account.Name, wish.value, listed(wish.allowed)))
		}
	}
	return found
}

// CheckPrice judges what the machine's size costs, in micro-USD an hour, without backups.
func CheckPrice(account *spawnv1.Account, size string, hourlyMicros int64) []Violation {
	most := account.Spec.MachinePolicy.MaxHourlyMicroUSD
	if most == nil || hourlyMicros <= *most {
		return nil
	}
	return []Violation{violation(spawnv1.MachineNotAllowedReason, "spec.machine.size",
		"%q costs %d millionths of a US dollar an hour, and account %q allows at most %d",
		size, hourlyMicros, account.Name, *most)}
}

func isLive(bot *spawnv1.Bot) bool { return bot.Spec.Trading.Mode == spawnv1.TradingLive }

// endpoint is the host of the Bot's own model endpoint, empty when it has none.
func endpoint(bot *spawnv1.Bot) string {
	if bot.Spec.LLM.BaseURL == "" {
		return ""
	}
	parsed, err := url.Parse(bot.Spec.LLM.BaseURL)
	if err != nil || parsed.Hostname() == "" {
		return bot.Spec.LLM.BaseURL // which no list of hosts contains
	}
	return parsed.Hostname()
}

func listed(allowed []string) string {
	if len(allowed) == 0 {
		return "none"
	}
	return strings.Join(allowed, ", ")
}
