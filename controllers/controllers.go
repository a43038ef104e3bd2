// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package controllers is the one list of everything that reconciles, in the order in which data flows.
package controllers

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/cedros-io/open-spawn/controllers/account"
	"github.com/cedros-io/open-spawn/controllers/bot"
	"github.com/cedros-io/open-spawn/controllers/delivery"
	"github.com/cedros-io/open-spawn/controllers/droplet"
	"github.com/cedros-io/open-spawn/controllers/orphan"
	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/catalogue"
	"github.com/cedros-io/open-spawn/internal/firewall"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/leadership"
)

// Options are what the controllers need besides a manager. All are required but Namespaces and Delivery.
type Options struct {
	// Cloud is where instances are, as far as the budget lets us ask.
	Cloud *budget.Instances
	// Freeze tells whether anything may be done at the cloud.
	Freeze droplet.Freeze
	// Firewall looks after the fleet's firewall. It is started with the controllers.
	Firewall *firewall.Keeper
	// Inventory is the fleet as the cloud lists it. It is started with the controllers.
	Inventory *inventory.Inventory
	// Metrics takes the collectors of the controllers.
	Metrics prometheus.Registerer
	// Clock is the time.
	Clock clock.PassiveClock
	// Leader tells whether this process may still create.
	Leader leadership.Check
	// Fleet is the fleet id.
	Fleet string
	// Namespaces are the only ones that are watched; none means all.
	Namespaces []string
	// Market knows what can be had.
	Market *catalogue.Catalogue
	// ShutdownGrace is how long a machine is given to shut itself down before its power is cut.
	ShutdownGrace time.Duration
	// SettleWindow is how long after a lost reply an instance may still appear.
	SettleWindow time.Duration
	// Delivery is how machines are told what to run, and heard, and Machines the cache of its namespace; nil means that
	// they are not talked to.
	Delivery *bot.Delivery
	Machines cache.Cache
	// SystemNamespace is the manager's own.
	SystemNamespace string
	// Orphans says what is done about instances that no object claims.
	Orphans orphan.Settings
}

// The webhooks too read Secrets and Accounts live, by name.
//
// +kubebuilder:rbac:groups="",resources=namespaces,resourceNames=kube-system,verbs=get
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get
// +kubebuilder:rbac:groups=spawn.cedros.io,resources=accounts,verbs=get

// Register adds every controller, the indexes they read, the inventory and the firewall to a manager.
func Register(ctx context.Context, mgr ctrl.Manager, o Options) error {
	if err := index.Register(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	if err := mgr.Add(o.Inventory); err != nil {
		return fmt.Errorf("adding the inventory: %w", err)
	}
	if err := mgr.Add(o.Firewall); err != nil {
		return fmt.Errorf("adding the firewall: %w", err)
	}
	accounts := account.NewController(account.Options{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Namespaces: o.Namespaces, Inventory: o.Inventory,
		Fleet: o.Fleet, Clock: o.Clock, Recorder: mgr.GetEventRecorder("account"),
	})
	if err := o.Metrics.Register(accounts); err != nil {
		return fmt.Errorf("registering the metrics of the account controller: %w", err)
	}
	if err := accounts.Register(mgr); err != nil {
		return fmt.Errorf("adding the account controller: %w", err)
	}
	if err := addBots(mgr, o); err != nil {
		return err
	}
	droplets := droplet.NewController(droplet.Options{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cloud: o.Cloud, Inventory: o.Inventory, Clock: o.Clock,
		Freeze: o.Freeze, Firewall: o.Firewall, Leader: o.Leader, Recorder: mgr.GetEventRecorder("droplet"),
		Fleet: o.Fleet, SettleWindow: o.SettleWindow, Market: o.Market, ShutdownGrace: o.ShutdownGrace,
		SystemNamespace: o.SystemNamespace,
	})
	if err := o.Metrics.Register(droplets); err != nil {
		return fmt.Errorf("registering the metrics of the droplet controller: %w", err)
	}
	if err := droplets.Register(mgr, o.Inventory); err != nil {
		return fmt.Errorf("adding the droplet controller: %w", err)
	}
	if err := tidy(mgr, o); err != nil {
		return err
	}
	return sweep(mgr, o)
}

// addBots adds the bot controller.
func addBots(mgr ctrl.Manager, o Options) error {
	bots := bot.NewController(bot.Options{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Inventory: o.Inventory, Cloud: o.Cloud, Freeze: o.Freeze,
		Market: bot.Offers{Catalogue: o.Market}, Clock: o.Clock, Recorder: mgr.GetEventRecorder("bot"), Fleet: o.Fleet,
		Delivery: o.Delivery,
	})
	if err := o.Metrics.Register(bots); err != nil {
		return fmt.Errorf("registering the metrics of the bot controller: %w", err)
	}
	if err := bots.Register(mgr, o.Inventory, o.Machines); err != nil {
		return fmt.Errorf("adding the bot controller: %w", err)
	}
	return nil
}

// tidy adds the controller of the delivery namespace.
func tidy(mgr ctrl.Manager, o Options) error {
	if o.Delivery == nil {
		return nil
	}
	err := delivery.NewController(delivery.Options{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Machines: o.Delivery.Client, Namespace: o.Delivery.Namespace,
		SystemNamespace: o.SystemNamespace, Namespaces: o.Namespaces, Clock: o.Clock,
	}).Register(mgr, o.Machines)
	if err != nil {
		return fmt.Errorf("adding the delivery controller: %w", err)
	}
	return nil
}

// sweep adds the sweeper, which is driven by the passes over the fleet.
func sweep(mgr ctrl.Manager, o Options) error {
	sweeper := orphan.New(orphan.Options{
		Settings: o.Orphans, Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cloud: o.Cloud, Freeze: o.Freeze,
		Passes: o.Inventory, Leader: o.Leader, Recorder: mgr.GetEventRecorder("orphan"), Clock: o.Clock, Fleet: o.Fleet,
	})
	if err := o.Metrics.Register(sweeper); err != nil {
		return fmt.Errorf("registering the sweeper's metrics: %w", err)
	}
	if err := mgr.Add(sweeper); err != nil {
		return fmt.Errorf("adding the sweeper: %w", err)
	}
	return nil
}
