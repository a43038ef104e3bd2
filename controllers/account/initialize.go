// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// initialize says in the Account's status that the Bots which were there before it, or before its status was lost, have
// their slots: from then on slots are reserved for new ones. The cache decides only that it is not so yet: a Bot that
// it has not seen may own a machine.
func (c *Controller) initialize(ctx context.Context, account *spawnv1.Account, cached []spawnv1.Bot) error {
	if slots.IsInitialized(account) || !isSettled(account, slots.Queue(account, cached, nil)) {
		return nil
	}
	bots, err := c.live.bots(ctx, account.Name)
	if err != nil {
		return err
	}
	droplets, err := c.dropletsBeside(ctx, account, bots)
	if err != nil {
		return err
	}
	if isSettled(account, slots.Queue(account, bots, droplets)) {
		account.Status.InitializedFor = string(account.UID)
	}
	return nil
}

// isSettled tells whether nobody is left who gets a slot before a new Bot may: none wants one, or there is none left
// and the first who wants one owns no machine, and so has to wait like a new one.
func isSettled(account *spawnv1.Account, queue []slots.Claimant) bool {
	return len(queue) == 0 || slots.IsFull(account) && !queue[0].OwnsMachine
}

// dropletsBeside are those in the namespaces of the Bots that have no slot.
func (c *Controller) dropletsBeside(
	ctx context.Context, account *spawnv1.Account, bots []spawnv1.Bot,
) ([]spawnv1.Droplet, error) {
	var all []spawnv1.Droplet
	listed := map[string]bool{}
	for i := range bots {
		namespace := bots[i].Namespace
		if listed[namespace] || slots.Holds(account, &bots[i]) {
			continue
		}
		droplets, err := c.live.droplets(ctx, namespace)
		if err != nil {
			return nil, err
		}
		all, listed[namespace] = append(all, droplets...), true
	}
	return all, nil
}
