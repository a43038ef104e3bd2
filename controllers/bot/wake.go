// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/inventory"
)

// botOfDroplet is the Bot that a Droplet is the machine of.
func botOfDroplet(_ context.Context, obj client.Object) []reconcile.Request {
	droplet, ok := obj.(*spawnv1.Droplet)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{
		Namespace: droplet.Namespace, Name: droplet.Spec.BotRef.Name,
	}}}
}

// botsOfAccount are the Bots that refer to an Account.
func botsOfAccount(reader client.Reader) handler.MapFunc {
	return func(ctx context.Context, account client.Object) []reconcile.Request {
		var bots spawnv1.BotList
		if err := reader.List(ctx, &bots, client.MatchingFields{index.BotAccount: account.GetName()}); err != nil {
			log.FromContext(ctx).Error(err, "listing the bots of an account", "account", account.GetName())
			return nil
		}
		requests := make([]reconcile.Request, 0, len(bots.Items))
		for i := range bots.Items {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&bots.Items[i])})
		}
		return requests
	}
}

// passSource wakes, after every complete pass over the fleet, the Bots that wait for one.
func passSource(names *names, passes *inventory.Inventory) source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		passes.OnPass(func(pass inventory.Pass) {
			for _, key := range names.waitingFor(pass) {
				queue.Add(reconcile.Request{NamespacedName: key})
			}
		})
		return nil
	})
}
