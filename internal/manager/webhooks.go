// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/cedros-io/open-spawn/internal/admission"
	"github.com/cedros-io/open-spawn/internal/catalogue"
	"github.com/cedros-io/open-spawn/internal/certs"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// addWebhooks adds the admission webhooks, unless they are to be served nowhere. Every replica serves them, and is
// ready when it does.
func addWebhooks(ctx context.Context, mgr ctrl.Manager, o Options, offers offers, identity string) error {
	if isNowhere(o.Settings.WebhookBindAddress) {
		return nil
	}
	live, err := newLive(mgr)
	if err != nil {
		return err
	}
	server, err := certs.Add(ctx, mgr, certs.Options{
		Address: o.Settings.WebhookBindAddress, Namespace: o.Settings.LeaderElectionNamespace,
		Hosts: o.Settings.WebhookHosts, API: live, Controller: "webhook-certificate-" + identity, Clock: o.Clock,
	})
	if err != nil {
		return err
	}
	meters := admission.NewMeters()
	if !o.Embedded {
		if err := metrics.Registry.Register(meters); err != nil {
			return fmt.Errorf("registering admission metrics: %w", err)
		}
	}
	admission.Register(server, admission.Options{
		Live: live, Book: slots.Book{Client: live, Clock: o.Clock}, Clock: o.Clock, Scheme: mgr.GetScheme(),
		Prices:     catalogue.New(catalogue.Options{Cloud: offers, Clock: o.Clock}),
		Namespaces: o.Settings.WatchNamespaces, Meters: meters,
	})
	if err := mgr.AddReadyzCheck("webhooks", server.StartedChecker()); err != nil {
		return fmt.Errorf("adding the ready probe of the webhooks: %w", err)
	}
	return nil
}
