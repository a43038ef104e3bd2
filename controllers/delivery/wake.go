// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// whenGone wakes us for the machine of an object that was deleted.
func (c *Controller) whenGone(machine func(client.Object) string) handler.Funcs {
	return handler.Funcs{DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
		if name := machine(e.Object); name != "" {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKey{Namespace: c.o.Namespace, Name: name}})
		}
	}}
}

// leases and secrets wake us for each that is new: what becomes of them later, other events tell.
func leases(machines cache.Cache) source.SyncingSource {
	return source.Kind(machines, &coordinationv1.Lease{}, whenNew[*coordinationv1.Lease]())
}

func secrets(machines cache.Cache) source.SyncingSource {
	return source.Kind(machines, &corev1.Secret{}, whenNew[*corev1.Secret]())
}

func whenNew[T client.Object]() handler.TypedFuncs[T, reconcile.Request] {
	return handler.TypedFuncs[T, reconcile.Request]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[T], q queue) {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(e.Object)})
		},
	}
}
