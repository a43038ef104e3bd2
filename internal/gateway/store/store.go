// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/delivery"
)

// Options are what a Store needs.
type Options struct {
	// Client reads and writes the API server.
	Client kubernetes.Interface
	// Namespace is the delivery namespace.
	Namespace string
	// Clock is the time.
	Clock clock.PassiveClock
	// Logger takes what is broken.
	Logger logr.Logger
}

// Store knows the machines. Its methods may be called from several goroutines.
type Store struct {
	o         Options
	informers []cache.SharedIndexInformer

	mu       sync.RWMutex
	secrets  map[string]*secret
	leases   map[string]*lease
	gateways map[string]gateway
	watchers map[string]map[chan struct{}]bool
}

// gateway is what a replica's Lease says, and when we saw it say so.
type gateway struct {
	delivery.Gateway
	seen time.Time
}

// New makes a Store, which knows nothing until it runs.
func New(o Options) (*Store, error) {
	s := &Store{
		o: o, secrets: map[string]*secret{}, leases: map[string]*lease{}, gateways: map[string]gateway{},
		watchers: map[string]map[chan struct{}]bool{},
	}
	factory := informers.NewSharedInformerFactoryWithOptions(o.Client, 0, informers.WithNamespace(o.Namespace),
		informers.WithTransform(withoutManagers))
	secrets, leases := factory.Core().V1().Secrets().Informer(), factory.Coordination().V1().Leases().Informer()
	s.informers = []cache.SharedIndexInformer{secrets, leases}
	_, err := secrets.AddEventHandler(handler(s.sawSecret, s.lostSecret))
	if err != nil {
		return nil, fmt.Errorf("watching delivery Secrets: %w", err)
	}
	if _, err := leases.AddEventHandler(handler(s.sawLease, s.lostLease)); err != nil {
		return nil, fmt.Errorf("watching Leases: %w", err)
	}
	return s, nil
}

// withoutManagers drops what takes the most room and says nothing to us.
func withoutManagers(object any) (any, error) {
	if known, err := meta.Accessor(object); err == nil {
		known.SetManagedFields(nil)
	}
	return object, nil
}

// Run watches until the context ends.
func (s *Store) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, informer := range s.informers {
		running.Go(func() { informer.RunWithContext(ctx) })
	}
	running.Wait()
	return nil
}

// Synced tells whether everything that there is was seen once.
func (s *Store) Synced() bool {
	for _, informer := range s.informers {
		if !informer.HasSynced() {
			return false
		}
	}
	return true
}

// Lookup is what is known of a machine, without asking anybody.
func (s *Store) Lookup(machine string) Record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var r Record
	r.add(s.secrets[machine], s.leases[machine])
	return r
}

// Machines is how many machines have registered.
func (s *Store) Machines() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.leases)
}

// Share is which part of what all gateways may write is a replica's: one half is divided evenly, so that a replica to
// which all machines come at once can begin, and the other by what each of them has said it serves.
func (s *Store) Share(name string, serves int) float64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	own, all, replicas := serves+1, serves+1, 1
	for _, g := range s.gateways {
		if g.Name != name && s.o.Clock.Since(g.seen) < delivery.GatewayDuration {
			all += g.Serves + 1
			replicas++
		}
	}
	return (float64(own)/float64(all) + 1/float64(replicas)) / 2
}

// Watch says when a machine's Secret changes, until cancel is called.
func (s *Store) Watch(machine string) (changed <-chan struct{}, cancel func()) {
	mine := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watchers[machine] == nil {
		s.watchers[machine] = map[chan struct{}]bool{}
	}
	s.watchers[machine][mine] = true
	return mine, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers[machine], mine)
		if len(s.watchers[machine]) == 0 {
			delete(s.watchers, machine)
		}
	}
}

// Watches is how many wait for a change of a machine's Secret.
func (s *Store) Watches(machine string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.watchers[machine])
}
