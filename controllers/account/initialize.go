// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// initialize says in the Account's status that the Bots which were there before it, or before its status was lost, have
// their slots: from then on slots are reserved for new ones. The cache decides only that it is not so yet: a Bot that
// it has not seen may own a machine. So may one that has nothing to show for it after a restore: DigitalOcean knows.
func (c *Controller) initialize(
	ctx context.Context, account *spawnv1.Account, cached []spawnv1.Bot,
) (reconcile.Result, error) {
	if slots.IsInitialized(account) || !isSettled(account, slots.Queue(account, cached, nil)) {
		return reconcile.Result{}, nil
	}
	bots, err := c.live.bots(ctx, account.Name)
	if err != nil {
		return reconcile.Result{}, err
	}
	bots = slices.DeleteFunc(bots, func(bot spawnv1.Bot) bool { return slots.Holds(account, &bot) })
	if len(bots) > 0 {
		pass, ok := passAfter(c.inventory, slots.LastTaken(account))
		if !ok {
			return reconcile.Result{RequeueAfter: passAgain}, nil
		}
		owners, err := c.owners(ctx, bots, pass)
		if err != nil || !isSettled(account, slots.Queue(account, bots, owners)) {
			return reconcile.Result{}, err
		}
	}
	account.Status.InitializedFor = string(account.UID)
	return reconcile.Result{}, nil
}

// isSettled tells whether nobody is left who gets a slot before a new Bot may: none wants one, or there is none left
// and the first who wants one owns no machine, and so has to wait like a new one.
func isSettled(account *spawnv1.Account, queue []slots.Claimant) bool {
	return len(queue) == 0 || slots.IsFull(account) && !queue[0].OwnsMachine
}

// owners are those of some Bots of which there is a Droplet, or an instance in a pass.
func (c *Controller) owners(ctx context.Context, bots []spawnv1.Bot, pass inventory.Pass) (slots.Owners, error) {
	var droplets []spawnv1.Droplet
	listed := map[string]bool{}
	for i := range bots {
		namespace := bots[i].Namespace
		if listed[namespace] {
			continue
		}
		some, err := c.live.droplets(ctx, namespace)
		if err != nil {
			return nil, err
		}
		droplets, listed[namespace] = append(droplets, some...), true
	}
	owners := slots.OwnersOf(droplets)
	for i := range bots {
		if key := client.ObjectKeyFromObject(&bots[i]); hasInstance(pass, c.fleet, key) {
			owners[key] = true
		}
	}
	return owners, nil
}
