// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package leadership answers one question at the moment it matters: does this process still hold the leader's lease?
// A process that was paused for a minute believes it does; only the API server knows.
package leadership

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Check is asked right before a call that must not be made by a former leader. A nil error means: still the leader.
type Check interface {
	// Identity is this process's name in the lease.
	Identity() string
	// Held is nil when the lease names this process and has not run out, read live from the API server.
	Held(ctx context.Context) error
}

// Alone is the Check of a process that runs without leader election.
type Alone string

// Identity is the name it was given.
func (a Alone) Identity() string { return string(a) }

// Held is always nil.
func (a Alone) Held(context.Context) error { return nil }

// Lease is the Check of a process that takes part in leader election.
type Lease struct {
	// Reader reads live, not from a cache.
	Reader client.Reader
	// Clock is this process's clock.
	Clock clock.PassiveClock
	// Key is the Lease's namespace and name.
	Key client.ObjectKey
	// Holder is this process's name in the lease.
	Holder string
}

// Identity is this process's name in the lease.
func (l Lease) Identity() string { return l.Holder }

// Held reads the lease.
func (l Lease) Held(ctx context.Context) error {
	var lease coordinationv1.Lease
	if err := l.Reader.Get(ctx, l.Key, &lease); err != nil {
		return fmt.Errorf("reading the leader's lease: %w", err)
	}
	spec := lease.Spec
	if spec.HolderIdentity == nil || *spec.HolderIdentity != l.Holder {
		return fmt.Errorf("the leader's lease is held by %q, not by this process", deref(spec.HolderIdentity))
	}
	if spec.RenewTime == nil || spec.LeaseDurationSeconds == nil {
		return fmt.Errorf("the leader's lease was never renewed")
	}
	end := spec.RenewTime.Add(time.Duration(*spec.LeaseDurationSeconds) * time.Second)
	if now := l.Clock.Now(); now.After(end) {
		return fmt.Errorf("the leader's lease ran out %s ago", now.Sub(end).Round(time.Second))
	}
	return nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
