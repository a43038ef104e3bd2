// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/cedros-io/open-spawn/internal/delivery"
)

// Record is what is known of one machine. Nobody changes what it points to.
type Record struct {
	// Machine and Content are what its Secret says: nil when there is none, or it says nothing yet.
	Machine *delivery.Machine
	Content *delivery.Content
	// Presence is what its Lease says; nil when it has not registered, or was revoked.
	Presence *delivery.Presence
	// Renewed is when we saw that the Lease was renewed, by our clock.
	Renewed time.Time

	lease *coordinationv1.Lease
}

// secret is a delivery Secret as it was read.
type secret struct {
	machine *delivery.Machine
	content *delivery.Content
}

// lease is a machine's Lease as it was read.
type lease struct {
	presence *delivery.Presence
	object   *coordinationv1.Lease
	renewed  time.Time
}

func (r *Record) add(s *secret, l *lease) {
	if s != nil {
		r.Machine, r.Content = s.machine, s.content
	}
	if l != nil {
		r.Presence, r.lease, r.Renewed = l.presence, l.object, l.renewed
	}
}

// readSecret reads a delivery Secret; nil for one that is going.
func readSecret(object *corev1.Secret) (*secret, error) {
	if object.DeletionTimestamp != nil {
		return nil, nil //nolint:nilnil // there is nothing, and nothing is wrong
	}
	machine, err := delivery.ReadMachine(object)
	if err != nil {
		return nil, err
	}
	content, err := delivery.ReadContent(object)
	if err != nil && !errors.Is(err, delivery.ErrNoContent) {
		return nil, err
	}
	return &secret{machine, content}, nil
}

// readLease reads a machine's Lease; nil for one that is going.
func readLease(object *coordinationv1.Lease) (*lease, error) {
	if object.DeletionTimestamp != nil {
		return nil, nil //nolint:nilnil // there is nothing, and nothing is wrong
	}
	presence, err := delivery.ReadPresence(object)
	if err != nil {
		return nil, fmt.Errorf("reading a machine's Lease: %w", err)
	}
	return &lease{presence: presence, object: object}, nil
}
