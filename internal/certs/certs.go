// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

const (
	// SecretName is the Secret with the certificates, in the manager's namespace.
	SecretName = "open-spawn-webhook-cert" //nolint:gosec // a name, and no secret
	// ConfigurationName is the ValidatingWebhookConfiguration of config/webhook.
	ConfigurationName = "open-spawn"
	// ServiceName is the Service of config/webhook.
	ServiceName = "open-spawn-webhook"

	// certFile is the one file with the certificate and its key: one file is replaced at once, two are not.
	certFile = certKey
	// certKey and keyKey are the keys of the Secret.
	certKey, keyKey = "tls.crt", "tls.key"

	// caLife and certLife are how long certificates are good for; the rotator renews them 90 days before their end.
	caLife, certLife = 10 * 365 * 24 * time.Hour, 365 * 24 * time.Hour
)

// Options are what a Server needs.
type Options struct {
	// Address is where to listen, such as :9443.
	Address string
	// Namespace is the manager's own.
	Namespace string
	// Hosts are further names by which the API server calls.
	Hosts []string
	// API reads and writes the API server itself, without a cache.
	API client.Client
	// Controller names the rotating controller; it differs from manager to manager in one process.
	Controller string
	// Clock is the time.
	Clock clock.Clock
}

// Add makes the webhook server, and adds it with all that keeps its certificate to a manager. Its handlers are to be
// registered before the manager starts.
func Add(ctx context.Context, mgr ctrl.Manager, o Options) (webhook.Server, error) {
	host, port, err := splitAddress(o.Address)
	if err != nil {
		return nil, err
	}
	rotating := o.rotator()
	s := secret{api: o.API, rotator: rotating, clock: o.Clock}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "open-spawn-webhook-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the webhook's certificate: %w", err)
	}
	rotating.CertDir = dir
	narrow := newNarrowed(mgr, o)
	if err := rotator.AddRotator(narrow, rotating); err != nil {
		return nil, fmt.Errorf("adding the rotator of the webhook's certificate: %w", err)
	}
	m := &mirror{
		cache: narrow.cache, secret: s, path: filepath.Join(dir, certFile), clock: o.Clock,
		written: make(chan struct{}), lost: make(chan struct{}, 1),
	}
	if err := mgr.Add(m); err != nil {
		return nil, fmt.Errorf("adding the mirror of the webhook's certificate: %w", err)
	}
	hooks := webhook.NewServer(webhook.Options{
		Host: host, Port: port, CertDir: dir, CertName: certFile, KeyName: certFile,
		TLSOpts: []func(*tls.Config){func(c *tls.Config) { c.MinVersion = tls.VersionTLS12 }},
	})
	if err := mgr.Add(&delayed{server: hooks, after: m.written}); err != nil {
		return nil, fmt.Errorf("adding the webhook server: %w", err)
	}
	return hooks, nil
}

// names are all names of the server, that of the Service first.
func (o Options) names() []string {
	service := ServiceName + "." + o.Namespace + ".svc"
	return append([]string{service, service + ".cluster.local"}, o.Hosts...)
}

func (o Options) rotator() *rotator.CertRotator {
	names := o.names()
	return &rotator.CertRotator{
		SecretKey:      client.ObjectKey{Namespace: o.Namespace, Name: SecretName},
		CertName:       certKey,
		KeyName:        keyKey,
		CAName:         "open-spawn-webhook-ca",
		CAOrganization: "open-spawn",
		DNSName:        names[0],
		ExtraDNSNames:  names[1:],
		IsReady:        make(chan struct{}),
		Webhooks:       []rotator.WebhookInfo{{Name: ConfigurationName, Type: rotator.Validating}},
		FieldOwner:     "open-spawn-manager",
		ControllerName: o.Controller,
		CaCertDuration: caLife, ServerCertDuration: certLife,
		ExtKeyUsages: &[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// Every replica serves, so every replica must have a certificate before there is a leader.
		RequireLeaderElection: false,
	}
}

// splitAddress takes an address such as :9443 apart.
func splitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("the webhook's address: %w", err)
	}
	if port, err = strconv.Atoi(text); err != nil || port <= 0 {
		return "", 0, fmt.Errorf("the webhook's address %q has no port such as 9443", address)
	}
	return host, port, nil
}
