// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

// Freeze is what the controller needs of the fleet's guard.
type Freeze interface {
	// Frozen is nil, or why nothing may be done at the cloud, as a *cloud.Error of kind Frozen.
	Frozen() error
	// OnChange calls hear whenever Frozen comes to say something else.
	OnChange(hear func()) (stop func())
}

// thawed takes a step that asks the cloud while the fleet is not frozen. While it is, condition Exists says so instead,
// also of an instance at rest: nobody can tell how it is.
type thawed struct {
	freeze Freeze
	step   step
}

// Reconcile is the step's own, or says why it has to wait. A request that was refused waits for its time or its spec in
// either case, asks nobody, and keeps the reason that a person has to read.
func (t *thawed) Reconcile(ctx context.Context, s *scope) (reconcile.Result, error) {
	err := t.freeze.Frozen()
	if err == nil || s.droplet.DeletionTimestamp.IsZero() && nextMove(s.droplet, s.now) == moveWait {
		return t.step.Reconcile(ctx, s)
	}
	trouble := troubleOf(err, s.now)
	s.exists(status.Unknown, trouble.reason, "%s", trouble.message)
	return reconcile.Result{RequeueAfter: trouble.wait}, nil
}

// everyDroplet wakes every Droplet when something changes that concerns the whole fleet.
func everyDroplet(reader client.Reader, onChange func(hear func()) (stop func())) source.Source {
	return source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		onChange(func() {
			var droplets spawnv1.DropletList
			if err := reader.List(ctx, &droplets, client.UnsafeDisableDeepCopy); err != nil {
				log.FromContext(ctx).Error(err, "listing the droplets of a fleet that has changed as a whole")
				return
			}
			for i := range droplets.Items {
				queue.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&droplets.Items[i])})
			}
		})
		return nil
	})
}
