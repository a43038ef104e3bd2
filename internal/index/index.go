// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package index holds every index of the cache: its name, what it is computed from, and its registration.
package index

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

const (
	// BotAccount finds Bots by the name of their Account.
	BotAccount = "spec.accountRef.name"
	// DropletBot finds Droplets by the name of their Bot.
	DropletBot = "spec.botRef.name"
)

// Register adds every index to the cache behind the indexer.
func Register(ctx context.Context, indexer client.FieldIndexer) error {
	if err := indexer.IndexField(ctx, &spawnv1.Bot{}, BotAccount, botAccount); err != nil {
		return fmt.Errorf("indexing bots by account: %w", err)
	}
	if err := indexer.IndexField(ctx, &spawnv1.Droplet{}, DropletBot, dropletBot); err != nil {
		return fmt.Errorf("indexing droplets by bot: %w", err)
	}
	return nil
}

func botAccount(obj client.Object) []string {
	bot, ok := obj.(*spawnv1.Bot)
	if !ok {
		return nil
	}
	return []string{bot.Spec.AccountRef.Name}
}

func dropletBot(obj client.Object) []string {
	droplet, ok := obj.(*spawnv1.Droplet)
	if !ok {
		return nil
	}
	return []string{droplet.Spec.BotRef.Name}
}
