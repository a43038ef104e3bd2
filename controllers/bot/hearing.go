// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/freshness"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// hearing notes when Leases are renewed, at the moment at which the cache is told, and wakes a Bot when its machine
// says something new, or is heard again. Most renewals wake nobody.
func hearing(fleet *freshness.Fleet) handler.TypedEventHandler[*coordinationv1.Lease, reconcile.Request] {
	return handler.TypedFuncs[*coordinationv1.Lease, reconcile.Request]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[*coordinationv1.Lease], q queue) {
			Hear(fleet, e.Object)
			wake(q, e.Object)
		},
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[*coordinationv1.Lease], q queue) {
			wasSilent := fleet.IsSilent(e.ObjectNew.Name)
			Hear(fleet, e.ObjectNew)
			if wasSilent != fleet.IsSilent(e.ObjectNew.Name) || isNews(e.ObjectOld, e.ObjectNew) {
				wake(q, e.ObjectNew)
			}
		},
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[*coordinationv1.Lease], q queue) {
			fleet.Forget(e.Object.Name)
			wake(q, e.Object)
		},
	}
}

// Hear notes what a Lease, as the cache has just been told of it, says of who was heard.
func Hear(fleet *freshness.Fleet, lease *coordinationv1.Lease) {
	if delivery.IsGateway(lease) {
		g := delivery.ReadGateway(lease)
		fleet.SeeGateway(g.Name, g.Renewed, delivery.GatewayDuration)
		return
	}
	if p, err := delivery.ReadPresence(lease); err == nil {
		fleet.SeeMachine(lease.Name, p.Renewed, p.Duration)
	}
}

// isNews tells whether a Lease says something that a Bot's status speaks of.
func isNews(before, after *coordinationv1.Lease) bool {
	was, err := delivery.ReadPresence(before)
	is, errNow := delivery.ReadPresence(after)
	if err != nil || errNow != nil {
		return (err == nil) != (errNow == nil)
	}
	return was.News() != is.News()
}

// wake queues the Bot of a machine.
func wake(q queue, object client.Object) {
	if bot, ok := delivery.BotOf(object); ok {
		q.Add(reconcile.Request{NamespacedName: bot})
	}
}

// letterLost wakes a Bot whose letter is gone: it is written again if the Bot is there.
func letterLost() handler.TypedEventHandler[*corev1.Secret, reconcile.Request] {
	return handler.TypedFuncs[*corev1.Secret, reconcile.Request]{
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[*corev1.Secret], q queue) { wake(q, e.Object) },
	}
}
