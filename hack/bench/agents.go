// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cedros-io/open-spawn/internal/delivery"
	fleetkey "github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

// agents are the agents of all machines of the fleet, in this process: each has a connection of its own to the gateway,
// registers, beats, and holds a request for its config, as the real one does. They run nothing, so what is measured is
// the way to them and back.
type agents struct {
	gateway string
	roots   *x509.CertPool
	key     []byte
	// given is called when a machine was given a config.
	given func(machine, model string, at time.Time)

	mu    sync.Mutex
	known map[string]bool
}

// startAgents starts an agent for every machine that may register, until ctx ends.
func (s *stage) startAgents(ctx context.Context, given func(machine, model string, at time.Time)) error {
	var secret corev1.Secret
	name := client.ObjectKey{Namespace: localrun.SystemNamespace, Name: fleetkey.KeyName}
	if err := s.api.Get(ctx, name, &secret); err != nil {
		return fmt.Errorf("reading the fleet key: %w", err)
	}
	roots, err := rootsIn(s.gateway.CAFile)
	if err != nil {
		return err
	}
	a := &agents{
		gateway: s.gateway.URL, roots: roots, key: secret.Data["key"], given: given, known: map[string]bool{},
	}
	machines, err := cache.New(s.plane.Config(), cache.Options{
		Scheme: s.scheme, DefaultNamespaces: map[string]cache.Config{localrun.DeliveryNamespace: {}},
	})
	if err != nil {
		return fmt.Errorf("watching machines: %w", err)
	}
	informer, err := machines.GetInformer(ctx, &corev1.Secret{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watching machines: %w", err)
	}
	if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { a.meet(ctx, obj) },
		UpdateFunc: func(_, obj any) { a.meet(ctx, obj) },
	}); err != nil {
		return fmt.Errorf("watching machines: %w", err)
	}
	go func() { _ = machines.Start(ctx) }() // it ends with ctx
	if !machines.WaitForCacheSync(ctx) {
		return errors.New("watching machines: no answer")
	}
	return nil
}

// rootsIn are the authorities in a file.
func rootsIn(file string) (*x509.CertPool, error) {
	authority, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's authority: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	return roots, nil
}

// meet starts the agent of a machine once its instance is known.
func (a *agents) meet(ctx context.Context, obj any) {
	letter, ok := obj.(*corev1.Secret)
	if !ok {
		return
	}
	told, err := delivery.ReadMachine(letter)
	if err != nil || told.InstanceID == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.known[letter.Name] {
		a.known[letter.Name] = true
		go a.newAgent(letter.Name, told.InstanceID).run(ctx)
	}
}
