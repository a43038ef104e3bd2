// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	webhookadmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/policy"
	"github.com/cedros-io/open-spawn/internal/scope"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// accounts warns of what a change of an Account does to its Bots. It refuses nothing.
type accounts struct {
	live       client.Reader
	namespaces scope.Namespaces
}

var _ webhookadmission.Validator[*spawnv1.Account] = (*accounts)(nil)

// ValidateCreate has nothing to say, and is not asked.
func (a *accounts) ValidateCreate(context.Context, *spawnv1.Account) (webhookadmission.Warnings, error) {
	return nil, nil
}

// ValidateUpdate warns of Bots that end up beyond the limit, that stop, and that are not allowed any more.
func (a *accounts) ValidateUpdate(
	ctx context.Context, before, account *spawnv1.Account,
) (webhookadmission.Warnings, error) {
	held, limit := len(account.Status.Slots), int(account.Limit())
	bots, err := a.bots(ctx, before)
	if err != nil {
		log.FromContext(ctx).Error(err, "looking for bots that a change affects")
		return webhookadmission.Warnings{"open-spawn could not look for the bots that this affects"}, nil
	}
	var warnings webhookadmission.Warnings
	if limit < int(before.Limit()) && held > limit {
		warnings = append(warnings, fmt.Sprintf("account %q has %s and would allow %d: %s beyond it; nothing is "+
			"destroyed, and no bot is added until there is room",
			account.Name, count(held), limit, are(slots.Beyond(account, bots))))
	}
	if before.Spec.DesiredState != spawnv1.AccountSuspended && account.Spec.DesiredState == spawnv1.AccountSuspended {
		warnings = append(warnings, fmt.Sprintf("suspending account %q stops %s and powers the machines off; nothing is "+
			"deleted, and machines that are off are still billed", account.Name, count(held)))
	}
	return append(warnings, nowForbidden(before, account, bots)...), nil
}

// ValidateDelete warns that an Account stays while it has Bots.
func (a *accounts) ValidateDelete(ctx context.Context, account *spawnv1.Account) (webhookadmission.Warnings, error) {
	bots, err := a.bots(ctx, account)
	if err != nil {
		log.FromContext(ctx).Error(err, "looking for the bots of an account that is to be deleted")
		return webhookadmission.Warnings{"open-spawn could not look for the bots that this waits for"}, nil
	}
	names := slots.Holders(account, "")
	for i := range bots {
		names = append(names, slots.KeyOf(&bots[i]))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return nil, nil
	}
	return webhookadmission.Warnings{fmt.Sprintf("account %q stays until %s deleted; deleting it deletes no bot, and "+
		"takes none in any more", account.Name, are(names))}, nil
}

// bots are the Account's Bots where it may have any, or has, as far as they are ours to read.
func (a *accounts) bots(ctx context.Context, account *spawnv1.Account) ([]spawnv1.Bot, error) {
	namespaces := slices.Clone(account.Spec.Namespaces)
	for key := range account.Status.Slots {
		namespaces = append(namespaces, slots.BotOf(key).Namespace)
	}
	slices.Sort(namespaces)
	var found []spawnv1.Bot
	for _, namespace := range slices.Compact(namespaces) {
		if !a.namespaces.Has(namespace) {
			continue
		}
		var list spawnv1.BotList
		if err := a.live.List(ctx, &list, client.InNamespace(namespace)); err != nil {
			return nil, fmt.Errorf("listing the bots of namespace %q: %w", namespace, err)
		}
		found = append(found, slices.DeleteFunc(list.Items, func(bot spawnv1.Bot) bool {
			return bot.Spec.AccountRef.Name != account.Name
		})...)
	}
	return found, nil
}

// nowForbidden warns, for each reason, of the Bots that the change makes inadmissible.
func nowForbidden(before, account *spawnv1.Account, bots []spawnv1.Bot) webhookadmission.Warnings {
	affected := map[string][]string{}
	for i := range bots {
		for _, v := range policy.Check(account, &bots[i]) {
			was := policy.Check(before, &bots[i])
			isNew := !slices.ContainsFunc(was, func(w policy.Violation) bool {
				return w.Reason == v.Reason && w.Field == v.Field
			})
			if name := slots.KeyOf(&bots[i]); isNew && !slices.Contains(affected[v.Reason], name) {
				affected[v.Reason] = append(affected[v.Reason], name)
			}
		}
	}
	var warnings webhookadmission.Warnings
	for _, part := range []struct{ reason, says string }{
		{spawnv1.NamespaceNotAllowedReason, "in a namespace that account %q would not list any more"},
		{spawnv1.LiveTradingForbiddenReason, "trading Live, which account %q would not allow any more"},
		{spawnv1.MachineNotAllowedReason, "on a machine that account %q would not allow any more"},
		{spawnv1.EndpointNotAllowedReason, "using a model endpoint that account %q would not allow any more"},
	} {
		if names := affected[part.reason]; len(names) > 0 {
			warnings = append(warnings, fmt.Sprintf("%s "+part.says+"; machines that exist are kept, and no new one is made",
				are(names), account.Name))
		}
	}
	return warnings
}

// are names Bots, with the verb that follows.
func are(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return slots.List(names) + " are"
}

func count(bots int) string {
	if bots == 1 {
		return "1 bot"
	}
	return fmt.Sprintf("%d bots", bots)
}
