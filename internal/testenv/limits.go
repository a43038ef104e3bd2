// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/status"
)

// limits is what was seen of each Account when it was last looked at.
type limits struct {
	// accountOf is the Account of each Bot that was ever seen, by the prefix of its machine names.
	accountOf map[string]string
	// slots and live count the slots of each Account, and the instances of its Bots.
	slots, live map[string]int
	// creates counts the requests for an instance.
	creates int
}

// checkLimits is invariant I3: neither the slots nor the instances of an Account grow beyond its limit. One that does
// not exist has none. What a test has planted is nobody's doing, so instances are judged when one was asked for.
func (e *Env) checkLimits() {
	e.t.Helper()
	allowed, taken := map[string]int{}, map[string]int{}
	for _, a := range e.accounts() {
		allowed[a.Name], taken[a.Name] = int(a.Limit()), len(a.Status.Slots)
	}
	live := e.liveByAccount()
	for name, now := range taken {
		if now > e.limits.slots[name] && now > allowed[name] {
			e.t.Fatalf("account %s has %d slots and had %d, and its limit is %d\n%s",
				name, now, e.limits.slots[name], allowed[name], e.Describe())
		}
	}
	creates := e.Creates()
	for name, now := range live {
		if creates != e.limits.creates && !e.MayHaveTwo && now > e.limits.live[name] && now > allowed[name] {
			e.t.Fatalf("account %s has %d instances and had %d, and its limit is %d\n%s",
				name, now, e.limits.live[name], allowed[name], e.Describe())
		}
	}
	e.limits.slots, e.limits.live, e.limits.creates = taken, live, creates
}

// liveByAccount counts the live instances of all Bots that were ever seen.
func (e *Env) liveByAccount() map[string]int {
	e.t.Helper()
	if e.limits.accountOf == nil {
		e.limits.accountOf = map[string]string{}
	}
	for _, bot := range e.allBots() {
		e.limits.accountOf[identity.Prefix(Fleet, bot.Namespace, bot.Name)] = bot.Spec.AccountRef.Name
	}
	live := map[string]int{}
	for prefix, account := range e.limits.accountOf {
		live[account] += len(e.Cloud.Live(prefix))
	}
	return live
}

// checkSlotsAtRest is the other half of invariant I3: when nothing changes any more, every Bot that is admitted holds a
// slot, and every slot is held by a Bot that is not refused for want of one.
func (e *Env) checkSlotsAtRest() {
	e.t.Helper()
	for _, account := range e.accounts() {
		holders := e.holders(&account)
		for key := range account.Status.Slots {
			if !holders[key] && !e.MayKeepSlots {
				e.t.Errorf("slot %s of account %s is nobody's\n%s", key, account.Name, e.Describe())
			}
		}
	}
}

// holders are the keys of the Bots that hold a slot of the Account. Each Bot's word is compared with what is so.
func (e *Env) holders(account *spawnv1.Account) map[string]bool {
	e.t.Helper()
	holders := map[string]bool{}
	for _, bot := range e.allBots() {
		if bot.Spec.AccountRef.Name != account.Name {
			continue
		}
		reason, holds := status.Reason(&bot, spawnv1.AdmittedCondition), slots.Holds(account, &bot)
		if holds && reason == spawnv1.AccountLimitReachedReason || !holds && reason == spawnv1.AdmittedReason {
			e.t.Errorf("bot %s says %s and holds a slot: %v\n%s", bot.Name, reason, holds, e.Describe())
		}
		holders[slots.KeyOf(&bot)] = holds
	}
	return holders
}
