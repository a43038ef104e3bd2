// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/scope"
)

// live reads from the API server itself what the manager may read of it: everything, or some namespaces.
type live struct {
	reader     client.Reader
	namespaces scope.Namespaces
}

// bots are all that refer to the account.
func (l live) bots(ctx context.Context, account string) ([]spawnv1.Bot, error) {
	var all []spawnv1.Bot
	for _, namespace := range l.namespaces.Lists() {
		var bots spawnv1.BotList
		err := l.reader.List(ctx, &bots, client.InNamespace(namespace), client.MatchingFields{index.BotAccount: account})
		if err != nil {
			return nil, fmt.Errorf("listing the account's bots live: %w", err)
		}
		all = append(all, bots.Items...)
	}
	return all, nil
}

// bot is the Bot of that name, nil when there is none.
func (l live) bot(ctx context.Context, key types.NamespacedName) (*spawnv1.Bot, error) {
	var bot spawnv1.Bot
	if err := l.reader.Get(ctx, key, &bot); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil, nil //nolint:nilnil // that there is none is an answer
		}
		return nil, fmt.Errorf("reading bot %s live: %w", key, err)
	}
	return &bot, nil
}

// droplets are those of a namespace, or of one Bot in it.
func (l live) droplets(
	ctx context.Context, namespace string, options ...client.ListOption,
) ([]spawnv1.Droplet, error) {
	var droplets spawnv1.DropletList
	err := l.reader.List(ctx, &droplets, append(options, client.InNamespace(namespace))...)
	if err != nil {
		return nil, fmt.Errorf("listing droplets live: %w", err)
	}
	return droplets.Items, nil
}
