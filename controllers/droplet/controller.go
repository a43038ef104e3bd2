// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package droplet makes one instance exist for one Droplet object, looks after it, and destroys it. It is the only
// writer of instances that a Droplet claims, and of a Droplet's status.
package droplet

import (
	"context"
	"time"

	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/finalizer"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/leadership"
	"github.com/cedros-io/open-spawn/internal/outcome"
	"github.com/cedros-io/open-spawn/internal/status"
)

// +kubebuilder:rbac:groups=spawn.cedros.io,resources=droplets,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=spawn.cedros.io,resources=droplets/status,verbs=patch
// +kubebuilder:rbac:groups=spawn.cedros.io,resources=bots,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=spawn.cedros.io,resources=accounts,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

const (
	// workers bounds the calls that are under way at once, so that a fleet applied in one go does not spend a minute's
	// rate limit in a second.
	workers = 10
	// firstRetry and lastRetry bound the backoff after an error: soon at first, and never so rare that a cloud that
	// came back goes unnoticed for long.
	firstRetry = 500 * time.Millisecond
	lastRetry  = 2 * time.Minute
)

// Fleet is what the controller needs of the inventory.
type Fleet interface {
	// Latest is the last complete pass over the fleet, false before the first.
	Latest() (inventory.Pass, bool)
}

// Options are the collaborators of a Controller. All are required.
type Options struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads from the API server itself.
	Live client.Reader
	// Cloud is where instances are, as far as the budget lets us ask.
	Cloud *budget.Instances
	// Freeze tells whether anything may be done at the cloud.
	Freeze Freeze
	// Firewall tells whether an instance may be created.
	Firewall Firewall
	// Inventory is the fleet as the cloud lists it.
	Inventory Fleet
	// Clock is the time.
	Clock clock.PassiveClock
	// Leader tells whether this process may still create.
	Leader leadership.Check
	// Recorder takes events.
	Recorder events.EventRecorder
	// Fleet is the fleet id.
	Fleet string
	// SystemNamespace is where the Secrets with user data are.
	SystemNamespace string
	// SettleWindow is how long after a lost reply an instance may still appear.
	SettleWindow time.Duration
	// Market knows what sizes can be had.
	Market Market
	// ShutdownGrace is how long a machine is given to shut itself down before its power is cut.
	ShutdownGrace time.Duration
}

// Controller reconciles Droplets.
type Controller struct {
	client   client.Client
	clock    clock.PassiveClock
	recorder events.EventRecorder
	freeze   Freeze
	firewall Firewall
	fleet    string
	steps    []step
	finalize step
}

// NewController builds a Controller.
func NewController(o Options) *Controller {
	exists := &existence{
		client: o.Client, live: o.Live, cloud: o.Cloud, inventory: o.Inventory, clock: o.Clock, leader: o.Leader,
		firewall: o.Firewall, fleet: o.Fleet, settle: o.SettleWindow, sightings: newSightings(),
		systemNamespace: o.SystemNamespace,
	}
	operate := &operations{existence: exists, market: o.Market, grace: o.ShutdownGrace}
	return &Controller{
		client: o.Client, clock: o.Clock, recorder: o.Recorder, freeze: o.Freeze, firewall: o.Firewall, fleet: o.Fleet,
		steps:    []step{&thawed{o.Freeze, exists}, operate, power{}, drift{}},
		finalize: &thawed{o.Freeze, &finalize{operations: operate, destructions: newDestructions(o.Client)}},
	}
}

// Reconcile brings one Droplet nearer to what its spec says.
func (c *Controller) Reconcile(ctx context.Context, droplet *spawnv1.Droplet) (reconcile.Result, error) {
	ctx = log.IntoContext(ctx, log.FromContext(ctx).WithValues("bot", droplet.Spec.BotRef.Name))
	deleting := !droplet.DeletionTimestamp.IsZero()
	switch held := controllerutil.ContainsFinalizer(droplet, spawnv1.DropletFinalizer); {
	case deleting && !held:
		return reconcile.Result{}, nil
	case !held:
		// Somebody took it off: put it back before anything else; the change wakes us.
		return reconcile.Result{}, finalizer.Add(ctx, c.client, droplet, spawnv1.DropletFinalizer)
	}
	if deleting {
		if abandoned, err := c.abandon(ctx, droplet); abandoned || err != nil {
			return reconcile.Result{}, err
		}
	}
	before := droplet.DeepCopy()
	s := newScope(c.client, droplet, c.fleet, c.clock.Now())
	var out outcome.Outcome
	for _, step := range c.stepsFor(deleting) {
		out.Add(step.Reconcile(ctx, s))
	}
	if s.gone {
		return out.Of()
	}
	err := s.save(ctx)
	if err == nil {
		status.Announce(c.recorder, before, droplet)
	}
	out.Add(reconcile.Result{}, client.IgnoreNotFound(err))
	return out.Of()
}

func (c *Controller) stepsFor(deleting bool) []step {
	if deleting {
		return []step{c.finalize}
	}
	return c.steps
}

// Register adds the controller to a manager. It is woken by a change of a Droplet's spec or deletion, by its Bot naming
// it, by passes over the fleet that show an instance other than as recorded, when the fleet freezes or
// thaws, and when its firewall comes to be in place.
func (c *Controller) Register(mgr ctrl.Manager, passes *inventory.Inventory) error {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry)
	return ctrl.NewControllerManagedBy(mgr).
		Named("droplet").
		For(&spawnv1.Droplet{}, builder.WithPredicates(predicate.Or[client.Object](
			predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, finalizersChanged()))).
		Watches(&spawnv1.Bot{}, handler.EnqueueRequestsFromMapFunc(dropletOfBot), builder.WithPredicates(namesDroplet())).
		WatchesRawSource(fleetSource(mgr.GetClient(), passes, c.fleet)).
		WatchesRawSource(everyDroplet(mgr.GetClient(), c.freeze.OnChange)).
		WatchesRawSource(everyDroplet(mgr.GetClient(), c.firewall.OnChange)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, RateLimiter: limiter}).
		Complete(reconcile.AsReconciler(mgr.GetClient(), c))
}
