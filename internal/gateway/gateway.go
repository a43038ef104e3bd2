// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"sync"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/gateway/limit"
	"github.com/cedros-io/open-spawn/internal/gateway/renewal"
	"github.com/cedros-io/open-spawn/internal/gateway/store"
)

// Options are what a Gateway needs.
type Options struct {
	// Name is this replica's: no two have the same.
	Name string
	// Client reads Secrets and writes Leases in the delivery namespace.
	Client kubernetes.Interface
	// Namespace is the delivery namespace.
	Namespace string
	// AgentDir holds builds of the agent; empty means that none are served.
	AgentDir string
	// LeaseWritesPerSecond is how many Leases all gateways together may write.
	LeaseWritesPerSecond float64
	// MaxWatches is how many requests for a config are held at once.
	MaxWatches int
	// Meters count; nil means that nobody does.
	Meters *Meters
	// Clock is the time.
	Clock clock.WithTicker
	// Logger takes the log.
	Logger logr.Logger
}

// Gateway answers machines.
type Gateway struct {
	o        Options
	meters   *Meters
	store    *store.Store
	queue    *renewal.Queue
	agents   map[string]agent
	limits   *limits
	watches  *limit.Pool
	routes   map[string]map[string]route
	said     receiving
	draining chan struct{}
	drain    sync.Once
}

// New makes a Gateway.
func New(o Options) (*Gateway, error) {
	agents, err := findAgents(o.AgentDir)
	if err != nil {
		return nil, err
	}
	known, err := store.New(store.Options{Client: o.Client, Namespace: o.Namespace, Clock: o.Clock, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	if o.Meters == nil {
		o.Meters = NewMeters()
	}
	g := &Gateway{
		o: o, meters: o.Meters, store: known, agents: agents, limits: newLimits(o.Clock),
		watches: limit.NewPool(o.MaxWatches), draining: make(chan struct{}),
	}
	g.queue = renewal.New(renewal.Options{
		Leases: known, Gateway: o.Name, PerSecond: o.LeaseWritesPerSecond, Clock: o.Clock, Logger: o.Logger,
		Written: func(result string) { g.meters.leaseWrites.WithLabelValues(result).Inc() },
	})
	g.routes = g.table()
	g.meters.observe(g)
	return g, nil
}

// Run watches and writes until the context ends. What it is asked before it has caught up it looks up live.
func (g *Gateway) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.store.Run(ctx) })
	group.Go(func() error { return g.queue.Run(ctx) })
	group.Go(func() error { return g.keepSaying(ctx) })
	return group.Wait()
}

// Drain ends what is held, and has the ready probe fail, so that machines go to other replicas.
func (g *Gateway) Drain() { g.drain.Do(func() { close(g.draining) }) }

func (g *Gateway) isDraining() bool {
	select {
	case <-g.draining:
		return true
	default:
		return false
	}
}

// Ready is nil when this replica can serve: what there is was seen, and it was written that we receive.
func (g *Gateway) Ready() error {
	if g.isDraining() {
		return errors.New("this replica is about to end")
	}
	if !g.store.Synced() {
		return errors.New("the caches have not caught up with the API server yet")
	}
	if !g.said.isFresh(g.o.Clock) {
		return errors.New("the Lease that says that we receive could not be written")
	}
	return nil
}
