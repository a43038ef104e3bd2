// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/cedros-io/open-spawn/internal/delivery"
)

// handler calls saw for what is there, and lost for what is not any more.
func handler[T any](saw func(T), lost func(name string)) cache.ResourceEventHandler {
	given := func(object any) {
		if typed, ok := object.(T); ok {
			saw(typed)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    given,
		UpdateFunc: func(_, object any) { given(object) },
		DeleteFunc: func(object any) {
			if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
				_, name, _ := cache.SplitMetaNamespaceKey(key) // the key was just made
				lost(name)
			}
		},
	}
}

func (s *Store) sawSecret(object *corev1.Secret) {
	read, err := readSecret(object)
	if err != nil {
		// Better none than an old one: what is broken may have been meant to stop the machine.
		s.o.Logger.Error(err, "ignoring a Secret", "secret", object.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets[object.Name] = read
	if read == nil {
		delete(s.secrets, object.Name)
	}
	s.wake(object.Name)
}

func (s *Store) lostSecret(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.secrets, name)
	s.wake(name)
}

// wake tells those who watch a machine; one word is enough for several changes.
func (s *Store) wake(machine string) {
	for watcher := range s.watchers[machine] {
		select {
		case watcher <- struct{}{}:
		default:
		}
	}
}

func (s *Store) sawLease(object *coordinationv1.Lease) {
	if delivery.IsGateway(object) {
		s.sawGateway(object)
		return
	}
	read, err := readLease(object)
	if err != nil {
		s.o.Logger.Error(err, "ignoring a Lease", "lease", object.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if read == nil {
		delete(s.leases, object.Name)
		return
	}
	read.renewed = s.renewed(s.leases[object.Name], read.presence)
	s.leases[object.Name] = read
}

// renewed is when a Lease was renewed, by our clock. One that we see for the first time was renewed before, so then the
// clock of who renewed it must do, unless that is ahead: it only says when it should be renewed next.
func (s *Store) renewed(before *lease, now *delivery.Presence) time.Time {
	seen := s.o.Clock.Now()
	switch {
	case before == nil && now.Renewed.Before(seen):
		return now.Renewed
	case before != nil && before.presence.Renewed.Equal(now.Renewed):
		return before.renewed
	}
	return seen
}

func (s *Store) sawGateway(object *coordinationv1.Lease) {
	said := gateway{delivery.ReadGateway(object), s.o.Clock.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.gateways[object.Name]
	switch {
	case !known:
		said.seen = earlier(said.Renewed, said.seen) // what an ended replica left is old
	case before.Renewed.Equal(said.Renewed):
		said.seen = before.seen
	}
	s.gateways[object.Name] = said
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (s *Store) lostLease(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.leases, name)
	delete(s.gateways, name)
}
