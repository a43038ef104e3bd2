// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/tokenfile"
	"github.com/cedros-io/open-spawn/internal/version"
)

// newGuard connects to DigitalOcean through the fleet's guard, which starts with the controllers. It also gives the
// fleet id.
func newGuard(ctx context.Context, mgr ctrl.Manager, o Options) (*fleet.Guard, string, error) {
	namespace := o.Settings.LeaderElectionNamespace
	who, err := fleet.Identify(ctx, mgr.GetAPIReader(), namespace, o.Settings.FleetID)
	if err != nil {
		return nil, "", err
	}
	token, err := tokenfile.Open(o.Settings.DigitalOceanTokenFile, o.Clock)
	if err != nil {
		return nil, "", fmt.Errorf("--digitalocean-token-file: %w", err)
	}
	dial := dialer(o)
	if _, err := dial(""); err != nil { // the settings are noticed now, and the token at the first call
		return nil, "", err
	}
	// Not the manager's client: the record is read live, and is not worth a watch on every ConfigMap.
	live, err := client.New(mgr.GetConfig(), client.Options{
		Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient(),
	})
	if err != nil {
		return nil, "", fmt.Errorf("building a client for the fleet record: %w", err)
	}
	guard := fleet.New(fleet.Options{
		Token: token.Token, Dial: dial, API: live, Namespace: namespace, Identity: who,
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

// dialer connects with one token for good. All connections share a transport, and so their sockets.
func dialer(o Options) func(token string) (fleet.Cloud, error) {
	do := digitalocean.Options{
		BaseURL: o.Settings.DigitalOceanURL, UserAgent: "open-spawn/" + version.Version(), Clock: o.Clock,
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
