// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

// againAfter is how long after a failure the Secret that was deleted is made again.
const againAfter = 5 * time.Second

// mirror keeps the certificate in a file as it is in the Secret, where the webhook server looks for it. A volume would
// follow too, a minute later, and there is none outside a cluster. When the Secret is deleted it makes another, for the
// rotator to fill; the file stays, and the server serves on.
type mirror struct {
	cache  cache.Cache
	secret secret
	path   string
	clock  clock.Clock

	written chan struct{} // closed when the file is there
	once    sync.Once
	lost    chan struct{} // has an item when the Secret was deleted
}

// NeedLeaderElection is false: every replica serves.
func (m *mirror) NeedLeaderElection() bool { return false }

// Start follows the Secret until ctx is done.
func (m *mirror) Start(ctx context.Context) error {
	defer func() { _ = os.RemoveAll(filepath.Dir(m.path)) }() // what is left is in memory, and ends with the pod
	informer, err := m.cache.GetInformer(ctx, &corev1.Secret{})
	if err != nil {
		return fmt.Errorf("watching the webhook's certificate: %w", err)
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { m.see(ctx, obj) },
		UpdateFunc: func(_, obj any) { m.see(ctx, obj) },
		DeleteFunc: func(any) { m.miss() },
	})
	if err != nil {
		return fmt.Errorf("watching the webhook's certificate: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-m.lost:
			m.replace(ctx)
		}
	}
}

// see writes the certificate to the file.
func (m *mirror) see(ctx context.Context, obj any) {
	found, ok := obj.(*corev1.Secret)
	if !ok || found.Name != SecretName {
		return
	}
	content := pair(found)
	if content == nil {
		return // the rotator has yet to fill it
	}
	if err := m.write(content); err != nil {
		log.FromContext(ctx).Error(err, "keeping the webhook's certificate")
		return
	}
	m.once.Do(func() { close(m.written) })
}

// write replaces the file as a whole, if it differs.
func (m *mirror) write(content []byte) error {
	if before, err := os.ReadFile(m.path); err == nil && bytes.Equal(before, content) {
		return nil
	}
	next := m.path + ".next"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return fmt.Errorf("writing the webhook's certificate: %w", err)
	}
	if err := os.Rename(next, m.path); err != nil {
		return fmt.Errorf("replacing the webhook's certificate: %w", err)
	}
	return nil
}

// miss notes that the Secret is gone.
func (m *mirror) miss() {
	select {
	case m.lost <- struct{}{}:
	default: // noted already
	}
}

// replace makes the Secret again, or sees to it that this is tried again.
func (m *mirror) replace(ctx context.Context) {
	err := m.secret.prepare(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	log.FromContext(ctx).Error(err, "the Secret with the webhook's certificate was deleted")
	select {
	case <-ctx.Done():
	case <-m.clock.After(againAfter):
		m.miss()
	}
}

// delayed starts the webhook server when it has a certificate: without one it would end the manager.
type delayed struct {
	server webhook.Server
	after  <-chan struct{}
}

// NeedLeaderElection is false: every replica serves.
func (d *delayed) NeedLeaderElection() bool { return false }

// Start waits, and serves until ctx is done.
func (d *delayed) Start(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-d.after:
		return d.server.Start(ctx)
	}
}
