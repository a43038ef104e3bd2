// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Draft is an object whose status is being worked on in memory. A reconcile has one, and saves it once at its end; a
// step whose next act depends on what was written saves it before. Every save is made under the resourceVersion that
// was read, so a stale cache or a former leader gets a conflict and writes nothing.
type Draft[T Object] struct {
	// Object is the object as it should be.
	Object T

	client  client.Client
	written T
}

// NewDraft begins a draft of the object as it was read.
func NewDraft[T Object](c client.Client, object T) *Draft[T] {
	return &Draft[T]{Object: object, client: c, written: deepCopy(object)}
}

// Before is the object as it was read, or as it was last saved.
func (d *Draft[T]) Before() T { return d.written }

// Save writes the status if anything in it has changed since the last save, and nothing otherwise.
func (d *Draft[T]) Save(ctx context.Context) error {
	if equality.Semantic.DeepEqual(d.written, d.Object) {
		return nil
	}
	// The answer is decoded into the object that is patched, so a copy is: what the steps hold stays theirs.
	sent := deepCopy(d.Object)
	patch := client.MergeFromWithOptions(d.written, client.MergeFromWithOptimisticLock{})
	if err := d.client.Status().Patch(ctx, sent, patch); err != nil {
		return fmt.Errorf("writing the status of %s: %w", client.ObjectKeyFromObject(d.Object), err)
	}
	d.Object.SetResourceVersion(sent.GetResourceVersion())
	d.Object.SetManagedFields(sent.GetManagedFields())
	d.written = deepCopy(d.Object)
	return nil
}

// Rebase takes over the object as it is now, keeping the draft's status, so that a save that met a conflict can be
// tried again. The caller has made sure that what it is about to write is still true.
func (d *Draft[T]) Rebase(live T) {
	d.written = deepCopy(live)
	d.Object.SetResourceVersion(live.GetResourceVersion())
	d.Object.SetManagedFields(live.GetManagedFields())
}

func deepCopy[T Object](object T) T {
	return object.DeepCopyObject().(T) //nolint:forcetypeassert,errcheck // a deep copy has the type of what it copies
}
