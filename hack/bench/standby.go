// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/cedros-io/open-spawn/internal/localrun"
)

const (
	// leaderLease is the lease of the manager's leader, and otherLeader who has it meanwhile.
	leaderLease, otherLeader = "open-spawn-manager", "bench"
	// leaseSeconds is longer than this may take.
	leaseSeconds = 3600
	// unaskedTimeout bounds the wait for the API server to forget the webhooks.
	unaskedTimeout = 30 * time.Second
)

// withoutWebhooks takes the webhooks away, and returns when Bots are created without them. No manager runs.
func (s *stage) withoutWebhooks(ctx context.Context) error {
	if err := localrun.RemoveWebhooks(ctx, s.plane); err != nil {
		return fmt.Errorf("removing the webhooks: %w", err)
	}
	probe := newApplicants("probe", 1, 1).bots[0]
	err := wait.PollUntilContextTimeout(ctx, waitInterval, unaskedTimeout, true, func(ctx context.Context) (bool, error) {
		return s.api.Create(ctx, probe, client.DryRunAll) == nil, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for bots to be created without the webhook: %w", err)
	}
	return nil
}

// startStandby starts a manager that never becomes the leader, because another has the lease for long enough.
func (s *stage) startStandby(ctx context.Context) error {
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: localrun.SystemNamespace, Name: leaderLease},
	}
	now := metav1.NewMicroTime(time.Now())
	_, err := controllerutil.CreateOrUpdate(ctx, s.api, lease, func() error {
		lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds = ptr.To(otherLeader), ptr.To[int32](leaseSeconds)
		lease.Spec.AcquireTime, lease.Spec.RenewTime = &now, &now
		return nil
	})
	if err != nil {
		return fmt.Errorf("taking the leader's lease: %w", err)
	}
	return s.startManager(ctx)
}

// stillStandby is an error when the manager has become the leader: then controllers have run all the while.
func (s *stage) stillStandby(ctx context.Context) error {
	var lease coordinationv1.Lease
	key := client.ObjectKey{Namespace: localrun.SystemNamespace, Name: leaderLease}
	if err := s.api.Get(ctx, key, &lease); err != nil {
		return fmt.Errorf("reading the leader's lease: %w", err)
	}
	if ptr.Deref(lease.Spec.HolderIdentity, "") != otherLeader {
		return errors.New("the manager became the leader, and its controllers ran while creates were measured")
	}
	return nil
}
