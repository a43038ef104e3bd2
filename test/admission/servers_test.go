// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/cert"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/yaml"

	"github.com/cedros-io/open-spawn/internal/admission"
	"github.com/cedros-io/open-spawn/internal/manager"
	"github.com/cedros-io/open-spawn/internal/slots"
)

const (
	// replicas is how many webhook servers there are.
	replicas = 3
	// askedWithin bounds the wait for the API server to ask the webhooks.
	askedWithin = 30 * time.Second
	lookEvery   = 50 * time.Millisecond
)

// serveWebhooks starts the servers and the proxy before them, and has the API server ask it.
func serveWebhooks(ctx context.Context) error {
	certificate, key, err := cert.GenerateSelfSignedCertKey("localhost", nil, nil)
	if err != nil {
		return fmt.Errorf("making a certificate: %w", err)
	}
	dir, err := os.MkdirTemp("", "open-spawn-admission-")
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"tls.crt": certificate, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	proxy := &shared.proxy
	for range replicas {
		address, err := startServer(ctx, dir)
		if err != nil {
			return err
		}
		proxy.backends = append(proxy.backends, address)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go proxy.serve(ctx, listener)
	return configure(ctx, listener.Addr().String(), certificate)
}

// startServer starts one replica's webhook server, with a client of its own.
func startServer(ctx context.Context, certificates string) (string, error) {
	free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return "", err
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	port, err := strconv.Atoi(service)
	if err != nil {
		return "", err
	}
	live, err := client.New(shared.plane.Config(), client.Options{Scheme: manager.Scheme()})
	if err != nil {
		return "", err
	}
	server := webhook.NewServer(webhook.Options{
		Host: host, Port: port, CertDir: certificates, TLSOpts: []func(*tls.Config){manyConnections},
	})
	admission.Register(server, admission.Options{
		Live: counted(live), Book: slots.Book{Client: live, Clock: clock.RealClock{}}, Clock: clock.RealClock{},
		Scheme: manager.Scheme(),
	})
	go func() { _ = server.Start(ctx) }() // until the process ends
	return address, nil
}

// proxy hands each connection to the next server, as a Service does.
type proxy struct {
	backends []string
	next     atomic.Int64
	faults
}

func (p *proxy) serve(ctx context.Context, listener net.Listener) {
	for {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		go p.carry(ctx, from)
	}
}

func (p *proxy) carry(ctx context.Context, from net.Conn) {
	defer func() { _ = from.Close() }()
	number := int(p.next.Add(1)) % len(p.backends)
	backend := p.backends[number]
	if p.isGone(number) {
		return
	}
	to, err := (&net.Dialer{}).DialContext(ctx, "tcp", backend)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	defer p.opened(from)()
	go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
	_, _ = io.Copy(replies{from, &p.faults}, to)
}

// configure installs config/webhook with the proxy in the place of the Service, and waits until the API server asks.
func configure(ctx context.Context, address string, authority []byte) error {
	content, err := os.ReadFile(filepath.Join(repository, "config", "webhook", "webhooks.yaml"))
	if err != nil {
		return err
	}
	var configuration admissionregistrationv1.ValidatingWebhookConfiguration
	if err := yaml.UnmarshalStrict(content, &configuration); err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	for i := range configuration.Webhooks {
		where := &configuration.Webhooks[i].ClientConfig
		url := "https://" + net.JoinHostPort("localhost", port) + *where.Service.Path
		where.URL, where.Service, where.CABundle = &url, nil, authority
	}
	if err := shared.api.Create(ctx, &configuration); err != nil {
		return fmt.Errorf("installing the webhooks: %w", err)
	}
	return wait.PollUntilContextTimeout(ctx, lookEvery, askedWithin, true, func(ctx context.Context) (bool, error) {
		err := shared.api.Create(ctx, newBot("nobody", "probe"), client.DryRunAll)
		asked := slices.ContainsFunc(readsOf, func(reads *atomic.Int64) bool { return reads.Load() > 0 })
		return asked, err
	})
}
