// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cedros-io/open-spawn/internal/delivery"
)

// liveTimeout is how long the API server is given: who asks us waits 15 s at most.
const liveTimeout = 5 * time.Second

// ErrRegistered means that a machine has a Lease already, so its token was used.
var ErrRegistered = errors.New("the machine has registered already")

// ErrRevoked means that a machine has no Lease any more. It is never made again but by registering.
var ErrRevoked = errors.New("the machine has no Lease")

// ErrChanged means that somebody else has written the Lease since it was read.
var ErrChanged = errors.New("the Lease was changed since it was read")

// Live is what the API server says of a machine now. What is not there is no error. Both objects are always asked for,
// so that it takes as long for a name that nobody has.
func (s *Store) Live(ctx context.Context, machine string) (Record, error) {
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	var r Record
	secret, err := s.liveSecret(ctx, machine)
	if err != nil {
		return Record{}, err
	}
	lease, err := s.liveLease(ctx, machine)
	if err != nil {
		return Record{}, err
	}
	r.add(secret, lease)
	return r, nil
}

func (s *Store) liveSecret(ctx context.Context, machine string) (*secret, error) {
	object, err := s.o.Client.CoreV1().Secrets(s.o.Namespace).Get(ctx, machine, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // there is nothing, and nothing is wrong
	case err != nil:
		return nil, fmt.Errorf("reading delivery Secret %s: %w", machine, err)
	}
	return readSecret(object)
}

func (s *Store) liveLease(ctx context.Context, machine string) (*lease, error) {
	object, err := s.o.Client.CoordinationV1().Leases(s.o.Namespace).Get(ctx, machine, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // there is nothing, and nothing is wrong
	case err != nil:
		return nil, fmt.Errorf("reading Lease %s: %w", machine, err)
	case delivery.IsGateway(object):
		return nil, nil //nolint:nilnil // it is no machine's
	}
	return readLease(object)
}

// Register makes the machine's Lease. Of any number of gateways that try, one does, and the others get ErrRegistered.
func (s *Store) Register(ctx context.Context, machine string, m *delivery.Machine, p *delivery.Presence) error {
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	lease := &coordinationv1.Lease{ObjectMeta: delivery.ObjectMeta(s.o.Namespace, machine, m.Namespace, m.Bot)}
	if err := p.WriteTo(lease); err != nil {
		return err
	}
	_, err := s.o.Client.CoordinationV1().Leases(s.o.Namespace).Create(ctx, lease, metav1.CreateOptions{})
	switch {
	case apierrors.IsAlreadyExists(err):
		return ErrRegistered
	case err != nil:
		return fmt.Errorf("creating Lease %s: %w", machine, err)
	}
	return nil
}

// Update writes the Lease that a Record was read from, if nobody has written it since. It never makes one: whoever
// comes late must not bring back what was revoked.
func (s *Store) Update(ctx context.Context, r Record, p *delivery.Presence) error {
	if r.lease == nil {
		return ErrRevoked
	}
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	lease := r.lease.DeepCopy()
	if err := p.WriteTo(lease); err != nil {
		return err
	}
	_, err := s.o.Client.CoordinationV1().Leases(s.o.Namespace).Update(ctx, lease, metav1.UpdateOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return ErrRevoked
	case apierrors.IsConflict(err):
		return ErrChanged
	case err != nil:
		return fmt.Errorf("writing Lease %s: %w", lease.Name, err)
	}
	return nil
}

// Say writes a gateway's own Lease, and makes it if need be.
func (s *Store) Say(ctx context.Context, g delivery.Gateway) error {
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	leases := s.o.Client.CoordinationV1().Leases(s.o.Namespace)
	lease, err := leases.Get(ctx, g.LeaseName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: s.o.Namespace, Name: g.LeaseName()}}
		g.WriteTo(lease)
		_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
	case err == nil:
		g.WriteTo(lease)
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("writing the Lease of gateway %s: %w", g.Name, err)
	}
	return nil
}
