// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/status"
)

// turnPause is how soon a Bot looks again whether it is its turn, while those before it take what is free.
const turnPause = 2 * time.Second

// bind makes the slot that is kept under the Bot's name the Bot's own, and tells whether it holds one. Such a slot was
// reserved when the Bot was created, or was an earlier Bot's of that name, which is gone because this one exists.
func (a *admission) bind(ctx context.Context, account *spawnv1.Account, bot *spawnv1.Bot) (bool, error) {
	if slots.Holds(account, bot) {
		return true, nil
	}
	if _, kept := account.Status.Slots[slots.KeyOf(bot)]; !kept {
		return false, nil
	}
	if err := a.book.Bind(ctx, account, bot); err != nil {
		return false, err
	}
	log.FromContext(ctx).Info("bound the slot")
	return true, nil
}

// takeInTurn takes a slot if it is the Bot's turn, or says what it waits for.
func (a *admission) takeInTurn(ctx context.Context, account *spawnv1.Account, bot *spawnv1.Bot) (verdict, error) {
	if waits, err := a.turn(ctx, account, bot); err != nil || waits.stands() {
		return waits, err
	}
	return a.take(ctx, account, bot)
}

// take takes a slot. The API server has the last word on whether there is one.
func (a *admission) take(ctx context.Context, account *spawnv1.Account, bot *spawnv1.Bot) (verdict, error) {
	_, err := a.book.Take(ctx, account.Name, bot)
	switch {
	case errors.Is(err, slots.ErrFull):
		return against(limitReached(account), turnPause), nil // who has the slots is known when the cache is told
	case err != nil:
		return verdict{}, err
	}
	log.FromContext(ctx).Info("took a slot")
	return verdict{}, nil
}

// turn says what a Bot without a slot waits for: the limit, or those that come before it. While others take what has
// become free, what was said of the limit is left standing, so that a Bot does not change its mind for a moment.
func (a *admission) turn(ctx context.Context, account *spawnv1.Account, bot *spawnv1.Bot) (verdict, error) {
	if slots.IsFull(account) {
		return against(limitReached(account), 0), nil
	}
	before, err := a.before(ctx, account, bot)
	if err != nil || before < int(account.Limit())-len(account.Status.Slots) {
		return verdict{}, err // there is room for them and for it, whoever comes first
	}
	said := status.Get(bot, spawnv1.AdmittedCondition)
	if said != nil && said.Reason == spawnv1.AccountLimitReachedReason && said.ObservedGeneration == bot.Generation {
		return against(*said, turnPause), nil
	}
	return against(status.Unknown(spawnv1.AdmittedCondition, spawnv1.AccountNotReadyReason,
		"the Bots of Account %q that have a machine, or are older, get their slots first", account.Name), turnPause), nil
}

// limitReached does not say who has the slots, as the webhook does: whenever one changes hands, every Bot that waits
// would be written.
func limitReached(account *spawnv1.Account) condition {
	return status.False(spawnv1.AdmittedCondition, spawnv1.AccountLimitReachedReason, "%s", slots.Shortage(account))
}

// before is how many Bots come before this one in the Account's queue. What was said of it earlier does not keep it
// from standing there: it is being judged anew.
func (a *admission) before(ctx context.Context, account *spawnv1.Account, bot *spawnv1.Bot) (int, error) {
	var bots spawnv1.BotList
	err := a.client.List(ctx, &bots, client.MatchingFields{index.BotAccount: account.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return 0, fmt.Errorf("listing the account's bots: %w", err)
	}
	for i := range bots.Items {
		if bots.Items[i].UID == bot.UID {
			bots.Items[i] = *bot.DeepCopy()
			status.Remove(&bots.Items[i], spawnv1.AdmittedCondition)
		}
	}
	queue, err := a.queue(ctx, account, bots.Items)
	place := slices.IndexFunc(queue, func(c slots.Claimant) bool { return c.Bot.UID == bot.UID })
	if place < 0 {
		return len(bots.Items), err // the lists are of another moment than the Bot, or it waits for a pass
	}
	return place, err
}

// queue is the Account's queue, nil while a pass over the fleet is waited for: when some will get no slot, and the
// Account or all that was known of its Bots may be from a backup, DigitalOcean knows who has a machine.
func (a *admission) queue(
	ctx context.Context, account *spawnv1.Account, bots []spawnv1.Bot,
) ([]slots.Claimant, error) {
	owners, err := a.owners(ctx, bots)
	if err != nil {
		return nil, err
	}
	queue := slots.Queue(account, bots, owners)
	if slots.IsInitialized(account) || len(queue) <= int(account.Limit())-len(account.Status.Slots) {
		return queue, nil
	}
	pass, listed := a.names.passAfter(slots.LastTaken(account))
	if !listed {
		return nil, nil
	}
	for _, c := range queue {
		if len(a.names.instancesOf(pass, c.Bot)) > 0 {
			owners[client.ObjectKeyFromObject(c.Bot)] = true
		}
	}
	return slots.Queue(account, bots, owners), nil
}

// owners are the Bots of which there are Droplets, in the namespaces of some Bots.
func (a *admission) owners(ctx context.Context, bots []spawnv1.Bot) (slots.Owners, error) {
	var namespaces []string
	for i := range bots {
		namespaces = append(namespaces, bots[i].Namespace)
	}
	slices.Sort(namespaces)
	var droplets []spawnv1.Droplet
	for _, namespace := range slices.Compact(namespaces) {
		var list spawnv1.DropletList
		err := a.client.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy)
		if err != nil {
			return nil, fmt.Errorf("listing the machines of the account's bots: %w", err)
		}
		droplets = append(droplets, list.Items...)
	}
	return slots.OwnersOf(droplets), nil
}

// machineOf is the Droplet that the Bot names, nil when it is not there, and whether the Bot owns a machine: it names
// one, or a Droplet says that it is the Bot's.
func (a *admission) machineOf(ctx context.Context, bot *spawnv1.Bot) (*spawnv1.Droplet, bool, error) {
	if bot.Status.DropletName == "" {
		var left spawnv1.DropletList
		err := a.client.List(ctx, &left, client.InNamespace(bot.Namespace),
			client.MatchingFields{index.DropletBot: bot.Name}, client.UnsafeDisableDeepCopy)
		if err != nil {
			return nil, false, fmt.Errorf("listing the bot's droplets: %w", err)
		}
		return nil, len(left.Items) > 0, nil
	}
	var droplet spawnv1.Droplet
	key := types.NamespacedName{Namespace: bot.Namespace, Name: bot.Status.DropletName}
	err := a.client.Get(ctx, key, &droplet)
	switch {
	case apierrors.IsNotFound(err):
		return nil, true, nil
	case err != nil:
		return nil, true, fmt.Errorf("reading droplet %s: %w", key, err)
	case droplet.Spec.BotRef.Name != bot.Name:
		return nil, true, nil
	}
	return &droplet, true, nil
}
