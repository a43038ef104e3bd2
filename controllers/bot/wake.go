// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/slots"
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
	return botsWhere(reader, func(*spawnv1.Account, *spawnv1.Bot) bool { return true })
}

// waitingBotsOf are the Bots that refer to an Account and hold no slot of it.
func waitingBotsOf(reader client.Reader) handler.MapFunc {
	return botsWhere(reader, func(account *spawnv1.Account, bot *spawnv1.Bot) bool { return !slots.Holds(account, bot) })
}

// accountChanged passes an Account on whose spec or deletion has changed, or that is another one of the same name. Its
// status changes with every Bot.
func accountChanged() predicate.Predicate {
	return predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(e event.UpdateEvent) bool { return e.ObjectNew.GetUID() != e.ObjectOld.GetUID() },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	})
}

// slotsFreed passes an Account on of which somebody has lost or given back a slot, or whose status has come to be
// complete again: a Bot that waits may get one. That a slot was taken is no news to anybody.
func slotsFreed() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, wasAccount := e.ObjectOld.(*spawnv1.Account)
			after, isAccount := e.ObjectNew.(*spawnv1.Account)
			return wasAccount && isAccount && (hasLostSlots(before.Status.Slots, after.Status.Slots) ||
				before.Status.InitializedFor != after.Status.InitializedFor)
		},
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// hasLostSlots tells whether a slot is gone, or is not any more whose it was.
func hasLostSlots(before, after map[string]spawnv1.Slot) bool {
	for key, slot := range before {
		if now, kept := after[key]; !kept || slot.UID != "" && slot.UID != now.UID {
			return true
		}
	}
	return false
}

// botsWhere are those of the Bots that refer to an Account.
func botsWhere(reader client.Reader, wanted func(*spawnv1.Account, *spawnv1.Bot) bool) handler.MapFunc {
	return func(ctx context.Context, obj client.Object) []reconcile.Request {
		account, ok := obj.(*spawnv1.Account)
		if !ok {
			return nil
		}
		var bots spawnv1.BotList
		if err := reader.List(ctx, &bots, client.MatchingFields{index.BotAccount: account.GetName()}); err != nil {
			log.FromContext(ctx).Error(err, "listing the bots of an account", "account", account.GetName())
			return nil
		}
		requests := make([]reconcile.Request, 0, len(bots.Items))
		for i := range bots.Items {
			if bot := &bots.Items[i]; wanted(account, bot) {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(bot)})
			}
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
