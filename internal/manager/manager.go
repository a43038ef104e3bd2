// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package manager puts the manager process together: the connection to the API server and to DigitalOcean, leader
// election, probes, metrics, and the controllers. cmd/manager runs it; so do the wiring tests.
package manager

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/controllers"
	"github.com/cedros-io/open-spawn/controllers/orphan"
	"github.com/cedros-io/open-spawn/internal/catalogue"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/inventory"
	"github.com/cedros-io/open-spawn/internal/options"
	"github.com/cedros-io/open-spawn/internal/version"
)

// shutdownGrace lets a create that is under way be answered, 60 s, and be written down, 20 s, before the process ends.
const shutdownGrace = 90 * time.Second

// Options are what the process hands over.
type Options struct {
	// Settings are the flags.
	Settings options.Manager
	// Config is the connection to the API server.
	Config *rest.Config
	// Clock is the time.
	Clock clock.WithTicker
	// Logger takes the log.
	Logger logr.Logger
	// Embedded lets several managers live in one process, for tests: no global metrics, no unique names.
	Embedded bool
}

// Scheme knows every kind that the manager reads or writes.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(spawnv1.AddToScheme(scheme))
	return scheme
}

// New builds the manager; Start runs it. It reads the token file and, for the fleet id, the fleet record and namespace
// kube-system.
func New(ctx context.Context, o Options) (ctrl.Manager, error) {
	if err := checkSettings(ctx, o); err != nil {
		return nil, err
	}
	election, err := newElection(o)
	if err != nil {
		return nil, err
	}
	if err := election.settle(ctx, o.Config, o.Settings.DeliveryNamespace); err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(o.Config, managerOptions(o, election))
	if err != nil {
		return nil, fmt.Errorf("building the manager: %w", err)
	}
	do, err := connect(ctx, mgr, o)
	if err != nil {
		return nil, err
	}
	if err := addControllers(ctx, mgr, o, election, do); err != nil {
		return nil, err
	}
	if err := addWebhooks(ctx, mgr, o, do.offers, election.identity); err != nil {
		return nil, err
	}
	o.Logger.Info("starting", "version", version.Version(), "fleet", do.fleet, "identity", election.identity)
	return mgr, addProbes(mgr)
}

// addControllers adds the controllers, and what they share.
func addControllers(ctx context.Context, mgr ctrl.Manager, o Options, election election, do connection) error {
	passes := inventory.New(inventory.Options{
		Lister: do.cloud.For("", ""), Tag: identity.FleetTag(do.fleet), Interval: o.Settings.InventoryInterval,
		Limit: do.cloud.HourLimit, Clock: o.Clock,
	})
	collectors := registerer(o)
	if err := collectors.Register(passes); err != nil {
		return fmt.Errorf("registering inventory metrics: %w", err)
	}
	wall, err := newFirewall(mgr, o, do)
	if err != nil {
		return err
	}
	talk, machines, err := newDelivery(ctx, mgr, o)
	if err != nil {
		return err
	}
	return controllers.Register(ctx, mgr, controllers.Options{
		Cloud: do.cloud, Freeze: do.guard, Firewall: wall, Inventory: passes, Metrics: collectors, Clock: o.Clock,
		Leader: election.check(mgr.GetAPIReader(), o.Clock), Fleet: do.fleet, SettleWindow: o.Settings.SettleWindow,
		Market:        catalogue.New(catalogue.Options{Cloud: do.cloud.For("", ""), Clock: o.Clock}),
		ShutdownGrace: o.Settings.ShutdownGrace, Orphans: orphans(o.Settings), Namespaces: o.Settings.WatchNamespaces,
		Delivery: talk, Machines: machines, SystemNamespace: o.Settings.LeaderElectionNamespace,
	})
}

// registerer is where metrics go: nowhere when there are other managers in the process.
func registerer(o Options) prometheus.Registerer {
	if o.Embedded {
		return prometheus.NewRegistry()
	}
	return metrics.Registry
}

func orphans(settings options.Manager) orphan.Settings {
	return orphan.Settings{
		Policy: settings.OrphanPolicy, MinAge: settings.OrphanMinAge, Sightings: settings.OrphanSightings,
		Namespaces: settings.WatchNamespaces, Namespace: settings.LeaderElectionNamespace,
	}
}

func managerOptions(o Options, election election) ctrl.Options {
	settings := o.Settings
	mo := ctrl.Options{
		Scheme:                 Scheme(),
		Logger:                 o.Logger,
		Metrics:                metricsserver.Options{BindAddress: settings.MetricsBindAddress},
		HealthProbeBindAddress: settings.HealthProbeBindAddress,
		LeaderElection:         settings.LeaderElect,
		// Nothing runs after the manager has stopped, so a successor need not wait for the lease to run out.
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       ptr.To(shutdownGrace),
		Controller:                    config.Controller{SkipNameValidation: ptr.To(o.Embedded)},
		Cache:                         cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
		Client: client.Options{Cache: &client.CacheOptions{
			// A read after our own write must see it: acting on an older state would create a second machine.
			EnableReadYourWritesConsistency: ptr.To(true),
			// Secrets are read by name, live, and never held.
			DisableFor: []client.Object{&corev1.Secret{}},
		}},
	}
	if settings.LeaderElect {
		mo.LeaderElectionResourceLockInterface = election.lock
	}
	for _, namespace := range settings.WatchNamespaces {
		if mo.Cache.DefaultNamespaces == nil {
			mo.Cache.DefaultNamespaces = map[string]cache.Config{}
		}
		mo.Cache.DefaultNamespaces[namespace] = cache.Config{}
	}
	return mo
}

func addProbes(mgr ctrl.Manager) error {
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("adding the health probe: %w", err)
	}
	synced := func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), time.Second)
		defer cancel()
		if !mgr.GetCache().WaitForCacheSync(ctx) {
			return fmt.Errorf("the caches have not caught up with the API server yet")
		}
		return nil
	}
	if err := mgr.AddReadyzCheck("caches", synced); err != nil {
		return fmt.Errorf("adding the ready probe: %w", err)
	}
	return nil
}
