// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package bot turns a Bot into at most one Droplet: it asks the Bot's Account for admission, allocates the machine
// name, creates the Droplet, mirrors back what became of it, has it replaced or put into a snapshot and restored, and
// deletes it with the Bot. It is the only writer of Droplet objects and of a Bot's status.
package bot

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/finalizer"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/outcome"
	"github.com/cedros-io/open-spawn/internal/status"
)

// +kubebuilder:rbac:groups=spawn.cedros.io,resources=bots,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=spawn.cedros.io,resources=bots/status,verbs=patch
// +kubebuilder:rbac:groups=spawn.cedros.io,resources=accounts,verbs=list;watch
// +kubebuilder:rbac:groups=spawn.cedros.io,resources=accounts/status,verbs=patch
// +kubebuilder:rbac:groups=spawn.cedros.io,resources=droplets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=configmaps;secrets,verbs=get
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

const (
	// workers are many because a reconcile of a Bot waits for the API server only, but for the rare one that asks the
	// cloud for snapshots.
	workers = 10
	// firstRetry and lastRetry bound the backoff after an error of the API server.
	firstRetry = 200 * time.Millisecond
	lastRetry  = time.Minute
)

// Options are the collaborators of a Controller. All are required but Market and Delivery.
type Options struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads from the API server itself.
	Live client.Reader
	// Inventory is the fleet as the cloud lists it.
	Inventory Fleet
	// Cloud is where snapshots are, as far as the budget lets us ask.
	Cloud Cloud
	// Freeze tells whether anything may be done at the cloud.
	Freeze Freeze
	// Market tells what machines can be had, and what they cost; nil means that it cannot be told.
	Market Market
	// Clock is the time.
	Clock clock.PassiveClock
	// Recorder takes events.
	Recorder events.EventRecorder
	// Fleet is the fleet id.
	Fleet string
	// Delivery is how machines are told what to run, and heard; nil means that they are not talked to, and that Bots are
	// judged by their machines alone.
	Delivery *Delivery
}

// Controller reconciles Bots.
type Controller struct {
	client   client.Client
	clock    clock.PassiveClock
	recorder events.EventRecorder
	names    *names
	absence  *absence
	talk     *talk
	steps    []step
	finalize step
}

// NewController builds a Controller.
func NewController(o Options) *Controller {
	names, snapshots, talk := newNames(o), newSnapshots(o), newTalk(o)
	redeploy := &redeploy{freeze: o.Freeze, fleet: o.Inventory, cloud: o.Cloud, market: o.Market}
	steps := []step{
		newAdmission(o, names),
		&machine{
			client: o.Client, live: o.Live, names: names, snapshots: snapshots, redeploy: redeploy,
			deliveries: talk.deliveries,
		},
		replacement{},
	}
	return &Controller{
		client: o.Client, clock: o.Clock, recorder: o.Recorder, names: names, absence: newAbsence(o), talk: talk,
		steps: append(steps, talk.steps()...), finalize: newFinalize(o, snapshots, talk.deliveries),
	}
}

// Requests is what a queue of requests is worked off with: a Bot that exists is reconciled, and one that does not is
// looked for, because its Droplets may have been left behind.
func (c *Controller) Requests() reconcile.Reconciler {
	return reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		var bot spawnv1.Bot
		err := c.client.Get(ctx, request.NamespacedName, &bot)
		switch {
		case apierrors.IsNotFound(err):
			return c.absence.Reconcile(ctx, request.NamespacedName)
		case err != nil:
			return reconcile.Result{}, fmt.Errorf("reading bot %s: %w", request.NamespacedName, err)
		}
		c.absence.forget(request.NamespacedName)
		return c.Reconcile(ctx, &bot)
	})
}

// Reconcile brings one Bot nearer to what its spec says.
func (c *Controller) Reconcile(ctx context.Context, bot *spawnv1.Bot) (reconcile.Result, error) {
	ctx = log.IntoContext(ctx, log.FromContext(ctx).WithValues("account", bot.Spec.AccountRef.Name))
	deleting := !bot.DeletionTimestamp.IsZero()
	if deleting {
		c.names.forget(client.ObjectKeyFromObject(bot))
		c.talk.forget(client.ObjectKeyFromObject(bot))
	}
	switch held := controllerutil.ContainsFinalizer(bot, spawnv1.BotFinalizer); {
	case deleting && !held:
		return reconcile.Result{}, nil
	case !held:
		return reconcile.Result{}, finalizer.Add(ctx, c.client, bot, spawnv1.BotFinalizer)
	}
	before := bot.DeepCopy()
	s := newScope(c.client, bot, c.clock.Now())
	s.talks = c.talk.deliveries != nil
	var out outcome.Outcome
	for _, step := range c.stepsFor(deleting) {
		out.Add(step.Reconcile(ctx, s))
	}
	if s.gone || s.fleeting {
		return out.Of()
	}
	if !out.Failed() {
		// A step that failed has judged nothing: what is stored then stays, and says of which generation it speaks.
		out.Add(reconcile.Result{}, client.IgnoreNotFound(s.save(ctx)))
	}
	status.Announce(c.recorder, before, s.draft.Before())
	return out.Of()
}

func (c *Controller) stepsFor(deleting bool) []step {
	if deleting {
		return []step{c.finalize}
	}
	return c.steps
}

// Register adds the controller to a manager. It is woken by changes of Bots, of their Droplets and of their Account,
// by slots of the Account that become free while they have none, by passes over the fleet that Bots without a machine
// name wait for, and, if machines are talked to, by what they say: machines is the cache of the delivery namespace.
func (c *Controller) Register(mgr ctrl.Manager, passes *inventory.Inventory, machines cache.Cache) error {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry)
	b := ctrl.NewControllerManagedBy(mgr).
		Named("bot").
		For(&spawnv1.Bot{}).
		Watches(&spawnv1.Droplet{}, handler.EnqueueRequestsFromMapFunc(botOfDroplet)).
		Watches(&spawnv1.Account{}, handler.EnqueueRequestsFromMapFunc(botsOfAccount(mgr.GetClient())),
			builder.WithPredicates(accountChanged())).
		Watches(&spawnv1.Account{}, handler.EnqueueRequestsFromMapFunc(waitingBotsOf(mgr.GetClient())),
			builder.WithPredicates(slotsFreed())).
		Watches(&spawnv1.Bot{}, handler.EnqueueRequestsFromMapFunc(waitingForTurn(mgr.GetClient())),
			builder.WithPredicates(paceChanged())).
		WatchesRawSource(passSource(c.names, passes)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, RateLimiter: limiter})
	if talk := c.talk.deliveries; talk != nil {
		b = b.WatchesRawSource(source.Kind(machines, &coordinationv1.Lease{}, hearing(talk.Fleet))).
			WatchesRawSource(source.Kind(machines, &corev1.Secret{}, letterLost()))
	}
	return b.Complete(c.Requests())
}
