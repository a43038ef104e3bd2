// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/tokenfile"
	"github.com/cedros-io/open-spawn/internal/version"
)

// connection is DigitalOcean as the controllers may use it: behind the one budget that they share, and behind that the
// fleet's guard.
type connection struct {
	fleet  string
	guard  *fleet.Guard
	cloud  *budget.Instances
	offers offers
}

// connect connects to DigitalOcean through the fleet's guard, which starts with the controllers, and the budget.
func connect(ctx context.Context, mgr ctrl.Manager, o Options) (connection, error) {
	token, err := tokenfile.Open(o.Settings.DigitalOceanTokenFile, o.Clock)
	if err != nil {
		return connection{}, fmt.Errorf("--digitalocean-token-file: %w", err)
	}
	calls := budget.New(budget.Options{
		PerMinute: o.Settings.DigitalOceanCallsPerMinute, Token: token.Token, Clock: o.Clock,
	})
	if !o.Embedded {
		if err := metrics.Registry.Register(calls); err != nil {
			return connection{}, fmt.Errorf("registering budget metrics: %w", err)
		}
	}
	dial := dialer(o, calls.Observe)
	guard, fleetID, err := newGuard(ctx, mgr, o, token.Token, dial)
	if err != nil {
		return connection{}, err
	}
	return connection{
		fleet: fleetID, guard: guard, cloud: budget.NewInstances(calls, guard),
		offers: offers{calls: calls, token: token.Token, dial: dial},
	}, nil
}

// newGuard is the fleet's guard, with the fleet id that it found.
func newGuard(
	ctx context.Context, mgr ctrl.Manager, o Options, token func() string, dial func(token string) (fleet.Cloud, error),
) (*fleet.Guard, string, error) {
	namespace := o.Settings.LeaderElectionNamespace
	who, err := fleet.Identify(ctx, mgr.GetAPIReader(), namespace, o.Settings.FleetID)
	if err != nil {
		return nil, "", err
	}
	if _, err := dial(""); err != nil { // the settings are noticed now, and the token at the first call
		return nil, "", err
	}
	// Not the manager's client: the record is read live, and is not worth a watch on every ConfigMap.
	live, err := newLive(mgr)
	if err != nil {
		return nil, "", err
	}
	guard := fleet.New(fleet.Options{
		Token: token, Dial: dial, API: live, Namespace: namespace, Namespaces: o.Settings.WatchNamespaces, Identity: who,
		NewFleet: o.Settings.NewFleet, TakeOver: o.Settings.TakeOver,
		Recorder: mgr.GetEventRecorder("fleet"), Clock: o.Clock,
	})
	if !o.Embedded {
		if err := metrics.Registry.Register(guard); err != nil {
			return nil, "", fmt.Errorf("registering fleet metrics: %w", err)
		}
	}
	if err := mgr.Add(guard); err != nil {
		return nil, "", fmt.Errorf("adding the fleet's guard: %w", err)
	}
	return guard, who.Fleet, nil
}

// newLive is a client without a cache.
func newLive(mgr ctrl.Manager) (client.Client, error) {
	live, err := client.New(mgr.GetConfig(), client.Options{
		Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient(),
	})
	if err != nil {
		return nil, fmt.Errorf("building a client without a cache: %w", err)
	}
	return live, nil
}

// dialer connects with one token for good. All connections share a transport, and so their sockets.
func dialer(o Options, observe func(cloud.Answer)) func(token string) (fleet.Cloud, error) {
	do := digitalocean.Options{
		BaseURL: o.Settings.DigitalOceanURL, UserAgent: "open-spawn/" + version.Version(),
		Observe: observe, Clock: o.Clock,
	}
	do.Transport = digitalocean.NewTransport(do)
	if !o.Embedded {
		do.Metrics = metrics.Registry
	}
	return func(token string) (fleet.Cloud, error) {
		bound := do
		bound.Token = func() string { return token }
		return digitalocean.Connect(bound)
	}
}
