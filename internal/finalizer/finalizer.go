// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package finalizer stores and removes a finalizer, each under the resourceVersion that was read: a merge patch of a
// list replaces the list, and would drop the finalizers that others have added meanwhile.
package finalizer

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// Add stores the finalizer on the object. The change wakes whoever watches the object, so the caller need not go on.
func Add(ctx context.Context, c client.Client, obj client.Object, name string) error {
	return change(ctx, c, obj, func(o client.Object) { controllerutil.AddFinalizer(o, name) })
}

// Remove takes the finalizer off, after which the object may be gone.
func Remove(ctx context.Context, c client.Client, obj client.Object, name string) error {
	return change(ctx, c, obj, func(o client.Object) { controllerutil.RemoveFinalizer(o, name) })
}

// change works on a copy, so that what the caller holds in memory is neither sent nor overwritten by the answer.
func change(ctx context.Context, c client.Client, obj client.Object, edit func(client.Object)) error {
	before, ok := obj.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("changing the finalizers of %T: not an object", obj)
	}
	after, _ := before.DeepCopyObject().(client.Object)
	edit(after)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := c.Patch(ctx, after, patch); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("changing the finalizers of %s: %w", client.ObjectKeyFromObject(obj), err)
	}
	return nil
}
