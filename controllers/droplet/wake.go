// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/status"
)

// dropletOfBot is the Droplet that a Bot names as its machine.
func dropletOfBot(_ context.Context, obj client.Object) []reconcile.Request {
	bot, ok := obj.(*spawnv1.Bot)
	if !ok || bot.Status.DropletName == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{
		Namespace: bot.Namespace, Name: bot.Status.DropletName,
	}}}
}

// namesDroplet passes a Bot on when it has come to name a machine.
func namesDroplet() predicate.Predicate {
	named := func(obj client.Object) string {
		if bot, ok := obj.(*spawnv1.Bot); ok {
			return bot.Status.DropletName
		}
		return ""
	}
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false }, // each Droplet's own event does it
		UpdateFunc:  func(e event.UpdateEvent) bool { return named(e.ObjectNew) != named(e.ObjectOld) },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// finalizersChanged passes a Droplet on whose finalizers somebody has touched: that changes no generation.
func finalizersChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return !slices.Equal(e.ObjectNew.GetFinalizers(), e.ObjectOld.GetFinalizers())
		},
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// fleetSource wakes, after every complete pass over the fleet, the Droplets whose instance is not as their status has
// it. Comparing with what is recorded, not with the pass before, also finds what changed while nobody looked.
func fleetSource(reader client.Reader, passes *inventory.Inventory, fleet string) source.Source {
	return source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		passes.OnPass(func(pass inventory.Pass) {
			var droplets spawnv1.DropletList
			if err := reader.List(ctx, &droplets, client.UnsafeDisableDeepCopy); err != nil {
				log.FromContext(ctx).Error(err, "listing droplets after a pass over the fleet")
				return
			}
			for i := range droplets.Items {
				if d := &droplets.Items[i]; differs(d, pass, fleet) {
					queue.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(d)})
				}
			}
		})
		return nil
	})
}

// differs tells whether a pass shows a Droplet's instance other than as its status has it.
func differs(droplet *spawnv1.Droplet, pass inventory.Pass, fleet string) bool {
	if droplet.Status.InstanceID == 0 {
		return false
	}
	instance, listed := pass.ByID(droplet.Status.InstanceID)
	switch {
	case !listed, !status.IsTrue(droplet, spawnv1.ExistsCondition):
		return true // also what kept us from seeing it may be over
	case len(pass.ByName(droplet.Name)) > 1:
		return true // a surplus instance, which the Droplet destroys
	case instance.State == cloud.StateNew:
		return false // the Droplet polls its booting instance by itself, or knows better already
	}
	return !isAsRecorded(droplet, instance) || len(missingTags(droplet, instance, fleet)) > 0
}

func isAsRecorded(droplet *spawnv1.Droplet, instance cloud.Instance) bool {
	recorded := droplet.Status
	return recorded.State == string(instance.State) && recorded.PublicIPv4 == instance.PublicIPv4 &&
		recorded.PrivateIPv4 == instance.PrivateIPv4 && recorded.PublicIPv6 == instance.PublicIPv6 &&
		instance.Name == droplet.Name && instance.Size == droplet.Spec.Size
}
