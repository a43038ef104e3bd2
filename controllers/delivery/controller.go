// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package delivery tidies up the delivery namespace. What belongs to a Bot is deleted with it, or with its machine;
// here goes what a deletion by force, or a gateway that has ended, has left there.
package delivery

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/delivery"
)

// leftFor is for how long something must have been nobody's before it is deleted. Backup tools restore objects in any
// order, and a gateway that was cut off may come back.
const leftFor = time.Hour

// Options are the collaborators of a Controller. All are required but Namespaces.
type Options struct {
	// Client reads Bots and Droplets from the cache, and deletes user data.
	Client client.Client
	// Live reads Bots and Droplets from the API server itself.
	Live client.Reader
	// Machines reads the delivery namespace from its cache, and deletes there.
	Machines client.Client
	// Namespace is the delivery namespace, and SystemNamespace the manager's own, where user data is.
	Namespace, SystemNamespace string
	// Namespaces are the only ones that are watched; none means all. What is of a Bot elsewhere is left alone.
	Namespaces []string
	// Clock is the time.
	Clock clock.PassiveClock
}

// Controller deletes what is left of machines that nobody has, and the Leases of gateways that are no more.
type Controller struct {
	o Options

	mu   sync.Mutex // guards what follows
	seen map[string]sighting
}

// sighting is since when something has been the same.
type sighting struct {
	mark  string
	since time.Time
}

// NewController builds a Controller.
func NewController(o Options) *Controller { return &Controller{o: o, seen: map[string]sighting{}} }

// Reconcile looks at all that bears one name in the delivery namespace.
func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var lease coordinationv1.Lease
	hasLease, err := c.get(ctx, request.NamespacedName, &lease)
	if err != nil {
		return reconcile.Result{}, err
	}
	if hasLease && delivery.IsGateway(&lease) {
		return c.reconcileGateway(ctx, &lease)
	}
	var secret corev1.Secret
	hasSecret, err := c.get(ctx, request.NamespacedName, &secret)
	if err != nil {
		return reconcile.Result{}, err
	}
	bot, ours := delivery.BotOf(&lease)
	if hasSecret {
		bot, ours = delivery.BotOf(&secret)
	}
	if !ours || len(c.o.Namespaces) > 0 && !slices.Contains(c.o.Namespaces, bot.Namespace) {
		c.forget(request.Name)
		return reconcile.Result{}, nil
	}
	return c.reconcileMachine(ctx, request.Name, bot)
}

// get reads an object of the delivery namespace, and tells whether there is one.
func (c *Controller) get(ctx context.Context, key client.ObjectKey, into client.Object) (bool, error) {
	err := c.o.Machines.Get(ctx, key, into)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("reading %s of the delivery namespace: %w", key.Name, err)
	}
	return err == nil, nil
}

// reconcileGateway deletes the Lease of a gateway that does not renew it any more.
func (c *Controller) reconcileGateway(ctx context.Context, lease *coordinationv1.Lease) (reconcile.Result, error) {
	renewed := delivery.ReadGateway(lease).Renewed
	if wait := c.wait(lease.Name, renewed.String()); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	log.FromContext(ctx).Info("a gateway is no more", "lease", lease.Name)
	c.forget(lease.Name)
	return reconcile.Result{}, remove(ctx, c.o.Machines, lease, client.Preconditions{
		UID: &lease.UID, ResourceVersion: &lease.ResourceVersion,
	})
}

// reconcileMachine deletes what is left of a machine, if no Bot names it and it has no Droplet.
func (c *Controller) reconcileMachine(
	ctx context.Context, machine string, bot types.NamespacedName,
) (reconcile.Result, error) {
	claimed, err := isClaimed(ctx, c.o.Client, machine, bot)
	if err != nil || claimed {
		c.forget(machine)
		return reconcile.Result{}, err
	}
	if wait := c.wait(machine, "unclaimed"); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	if claimed, err = isClaimed(ctx, c.o.Live, machine, bot); err != nil || claimed {
		c.forget(machine)
		return reconcile.Result{}, err
	}
	log.FromContext(ctx).Info("deleting what is left of a machine", "machine", machine, "bot", bot.String())
	meta := func(namespace string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: machine}
	}
	// To wait until a cache has seen it, the client would have to watch all Secrets there are.
	if err := remove(ctx, c.o.Client, &corev1.Secret{ObjectMeta: meta(c.o.SystemNamespace)},
		client.DisableReadYourWritesConsistency); err != nil {
		return reconcile.Result{}, err
	}
	if err := remove(ctx, c.o.Machines, &corev1.Secret{ObjectMeta: meta(c.o.Namespace)}); err != nil {
		return reconcile.Result{}, err
	}
	c.forget(machine)
	return reconcile.Result{}, remove(ctx, c.o.Machines, &coordinationv1.Lease{ObjectMeta: meta(c.o.Namespace)})
}

// isClaimed tells whether the Bot names the machine, or a Droplet bears its name.
func isClaimed(ctx context.Context, reader client.Reader, machine string, key types.NamespacedName) (bool, error) {
	var bot spawnv1.Bot
	err := reader.Get(ctx, key, &bot)
	if err == nil && bot.Status.DropletName == machine {
		return true, nil
	}
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("reading bot %s: %w", key, err)
	}
	err = reader.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: machine}, &spawnv1.Droplet{})
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("reading droplet %s: %w", machine, err)
	}
	return err == nil, nil
}

// wait is how long something must still be the same, 0 when it was for long enough.
func (c *Controller) wait(name, mark string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Clock.Now()
	before, known := c.seen[name]
	if !known || before.mark != mark {
		before = sighting{mark, now}
		c.seen[name] = before
	}
	return leftFor - now.Sub(before.since)
}

func (c *Controller) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.seen, name)
}

func remove(ctx context.Context, from client.Client, object client.Object, options ...client.DeleteOption) error {
	if err := client.IgnoreNotFound(from.Delete(ctx, object, options...)); err != nil {
		return fmt.Errorf("deleting what is left as %s: %w", object.GetName(), err)
	}
	return nil
}

// Register adds the controller to a manager. It is woken by what is in the delivery namespace, and by Bots and Droplets
// that go.
func (c *Controller) Register(mgr ctrl.Manager, machines cache.Cache) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("delivery").
		Watches(&spawnv1.Bot{}, c.whenGone(func(object client.Object) string {
			if bot, ok := object.(*spawnv1.Bot); ok {
				return bot.Status.DropletName
			}
			return ""
		})).
		Watches(&spawnv1.Droplet{}, c.whenGone(client.Object.GetName)).
		WatchesRawSource(leases(machines)).
		WatchesRawSource(secrets(machines)).
		Complete(c)
}
