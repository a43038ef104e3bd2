// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package account keeps an Account's status true: its limit, how many Bots have its slots, what their machines cost,
// and whether it can go. It gives no slot, and takes away those whose Bot does not exist. It is the only writer of an
// Account's status, but for the slots.
package account

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/finalizer"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/outcome"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/status"
)

// +kubebuilder:rbac:groups=spawn.cedros.io,resources=accounts,verbs=list;watch;patch
// +kubebuilder:rbac:groups=spawn.cedros.io,resources=accounts/status,verbs=patch
// +kubebuilder:rbac:groups=spawn.cedros.io,resources=bots,verbs=get;list;watch
// +kubebuilder:rbac:groups=spawn.cedros.io,resources=droplets,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Options are the collaborators of a Controller. All are required but Namespaces.
type Options struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads from the API server itself.
	Live client.Reader
	// Namespaces are the only ones that may be read; none means all.
	Namespaces []string
	// Inventory is the fleet as the cloud lists it.
	Inventory Fleet
	// Fleet is the fleet id.
	Fleet string
	// Clock is the time.
	Clock clock.PassiveClock
	// Recorder takes events.
	Recorder events.EventRecorder
}

// Controller reconciles Accounts. It is a Prometheus collector that whoever made it registers.
type Controller struct {
	client    client.Client
	live      live
	inventory Fleet
	fleet     string
	clock     clock.PassiveClock
	recorder  events.EventRecorder
	sweeper   *sweeper
	costs     costs
	tallies   tallies
}

// NewController builds a Controller.
func NewController(o Options) *Controller {
	return &Controller{
		client: o.Client, live: live{o.Live, o.Namespaces}, inventory: o.Inventory, fleet: o.Fleet, clock: o.Clock,
		recorder: o.Recorder, sweeper: newSweeper(o),
	}
}

// Reconcile looks at the Account of that name, if there is one, and at what its machines cost in either case.
func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	cost, err := c.cost(ctx, request.Name)
	if err != nil {
		return reconcile.Result{}, err
	}
	var account spawnv1.Account
	if err := c.client.Get(ctx, request.NamespacedName, &account); err != nil {
		if apierrors.IsNotFound(err) {
			c.costs.forget(request.Name, cost)
			c.tallies.forget(request.Name)
			c.sweeper.sightings.forget(request.Name)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	c.costs.set(account.Name, cost)
	c.tallies.set(&account)
	return c.reconcile(ctx, &account, cost)
}

// reconcile counts the Account's Bots and says what follows.
func (c *Controller) reconcile(ctx context.Context, account *spawnv1.Account, cost int64) (reconcile.Result, error) {
	deleting := !account.DeletionTimestamp.IsZero()
	switch held := controllerutil.ContainsFinalizer(account, spawnv1.AccountFinalizer); {
	case deleting && !held:
		return reconcile.Result{}, nil
	case !held:
		return reconcile.Result{}, finalizer.Add(ctx, c.client, account, spawnv1.AccountFinalizer)
	}
	var bots spawnv1.BotList
	if err := c.client.List(ctx, &bots, client.MatchingFields{index.BotAccount: account.Name}); err != nil {
		return reconcile.Result{}, fmt.Errorf("listing the account's bots: %w", err)
	}
	if deleting && len(bots.Items) == 0 {
		log.FromContext(ctx).Info("no bot refers to the account any more")
		return reconcile.Result{}, finalizer.Remove(ctx, c.client, account, spawnv1.AccountFinalizer)
	}
	var out outcome.Outcome
	before := account.DeepCopy()
	draft := status.NewDraft(c.client, account)
	account.Status.HourlyCostMicroUSD = &cost
	c.judge(account, bots.Items)
	out.Add(c.initialize(ctx, account, bots.Items))
	err := draft.Save(ctx)
	if err == nil {
		status.Announce(c.recorder, before, account)
	}
	out.Add(reconcile.Result{}, client.IgnoreNotFound(err))
	out.Add(c.sweeper.sweep(ctx, account, bots.Items)) // last, because it changes what was read
	return out.Of()
}

// judge says what the slots and the Bots come to.
func (c *Controller) judge(account *spawnv1.Account, bots []spawnv1.Bot) {
	now, limit := c.clock.Now(), account.Limit()
	account.Status.Limit = &limit
	account.Status.Bots = count(account, bots)
	status.Set(account, now, withinLimitCondition(account, bots))
	if !account.DeletionTimestamp.IsZero() {
		status.NotReady(account, now, spawnv1.BotsRemainReason,
			"waiting for its Bots to be deleted: "+slots.List(namesOf(bots)))
		return
	}
	status.Summarize(account, now)
}

func namesOf(bots []spawnv1.Bot) []string {
	names := make([]string, 0, len(bots))
	for i := range bots {
		names = append(names, slots.KeyOf(&bots[i]))
	}
	slices.Sort(names)
	return names
}

// Register adds the controller to a manager. It is woken by changes of Accounts, of the Bots that refer to them, and of
// what their Droplets cost.
func (c *Controller) Register(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("account").
		For(&spawnv1.Account{}).
		Watches(&spawnv1.Bot{}, handler.EnqueueRequestsFromMapFunc(accountOfBot)).
		Watches(&spawnv1.Droplet{}, handler.EnqueueRequestsFromMapFunc(accountOfDroplet),
			builder.WithPredicates(costChanged())).
		Complete(c)
}

func accountOfBot(_ context.Context, obj client.Object) []reconcile.Request {
	bot, ok := obj.(*spawnv1.Bot)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Name: bot.Spec.AccountRef.Name}}}
}
