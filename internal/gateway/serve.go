// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"

	"github.com/cedros-io/open-spawn/internal/gateway/limit"
)

const (
	// headerTimeout, readTimeout and writeTimeout bound a request that is answered at once.
	headerTimeout, readTimeout, writeTimeout = 5 * time.Second, 10 * time.Second, 15 * time.Second
	// idleTimeout is above the usual interval of heartbeats, 30 s to 60 s, so that most need no handshake.
	idleTimeout = 75 * time.Second
	// maxHeaderBytes is what Go adds 4 KiB to: requests with more than 8 KiB of headers are refused.
	maxHeaderBytes = 4 << 10
	// finishWithin is how long requests that are being answered are given at the end.
	finishWithin = 20 * time.Second
)

// Serving is where and how a Gateway is served.
type Serving struct {
	// Listen is the address that machines call, over TLS.
	Listen string
	// CertFile and KeyFile hold the certificate and its key; they are read again when they change.
	CertFile, KeyFile string
	// TrustedProxies are the networks whose PROXY protocol is believed.
	TrustedProxies []netip.Prefix
	// Probes and Metrics are the addresses of those; empty means nowhere.
	Probes, Metrics string
	// Gatherer has the metrics.
	Gatherer prometheus.Gatherer
	// DrainDelay is how long this replica still serves after it said that it is about to end.
	DrainDelay time.Duration
	// Listening is told the address that machines call, once they can; it may be nil.
	Listening func(net.Addr)
}

// Serve serves until the context ends, and then finishes what was begun.
func (g *Gateway) Serve(ctx context.Context, s Serving) error {
	watcher, err := certwatcher.New(s.CertFile, s.KeyFile)
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	listener, err := g.listen(s, watcher.GetCertificate)
	if err != nil {
		return err
	}
	if s.Listening != nil {
		s.Listening(listener.Addr())
	}
	// What serves outlives the context, for as long as it takes to finish.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, serving := errgroup.WithContext(serving)
	server := g.server()
	group.Go(func() error { return watcher.Start(serving) })
	group.Go(func() error { return g.Run(serving) })
	group.Go(func() error { return ended(server.Serve(listener)) })
	group.Go(func() error { return serveBeside(serving, s.Probes, g.Probes()) })
	group.Go(func() error { return serveBeside(serving, s.Metrics, metricsOf(s.Gatherer)) })
	group.Go(func() error {
		defer stop()
		return g.finish(ctx, serving, server, s.DrainDelay)
	})
	return group.Wait()
}

// finish waits for the end, and has everybody go elsewhere before it comes.
func (g *Gateway) finish(ctx, serving context.Context, server *http.Server, delay time.Duration) error {
	select {
	case <-ctx.Done():
	case <-serving.Done():
		return server.Close()
	}
	g.o.Logger.Info("draining")
	g.Drain()
	select {
	case <-g.o.Clock.After(delay):
	case <-serving.Done():
	}
	last, cancel := context.WithTimeout(serving, finishWithin)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		return errors.Join(fmt.Errorf("finishing: %w", err), server.Close())
	}
	return nil
}

// server speaks HTTP/1 only: machines ask one thing at a time, and HTTP/2 has ways to ask for more than we could limit.
func (g *Gateway) server() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: g, Protocols: protocols, ErrorLog: log.New(&complaints{
			log: g.o.Logger, lines: limit.New(g.o.Clock, linesPerMinute, 1),
		}, "", 0),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
	}
}

// complaints is what the server says of connections, such as that a handshake failed: so many in a minute.
type complaints struct {
	log   logr.Logger
	lines *limit.Buckets
}

// Write logs a line.
func (c *complaints) Write(line []byte) (int, error) {
	if _, ok := c.lines.Take(""); ok {
		c.log.Info("connection", "reason", string(line))
	}
	return len(line), nil
}

func metricsOf(gatherer prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{})
}

// serveBeside serves what only the cluster asks for.
func serveBeside(ctx context.Context, address string, handler http.Handler) error {
	if address == "" {
		return nil
	}
	server := &http.Server{
		Addr: address, Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	return ended(server.ListenAndServe())
}

// ended drops the error that is the proper end of a server.
func ended(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
