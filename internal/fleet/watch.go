// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
)

// watchEvery is how often the token is compared with the one that was verified, which costs no call: a mended token is
// taken up within that time and the five seconds that the token file may be stale.
const watchEvery = 5 * time.Second

// action is what an event's reporter was doing.
const action = "Verify"

// Frozen is nil, or why nothing is done at the cloud for now, as a *cloud.Error of kind Frozen. It asks nobody. A token
// that is merely refused freezes nothing: whoever needs it learns that from the call.
func (g *Guard) Frozen() error {
	if v := g.verdict.Load(); v != nil && v.kind == cloud.Frozen {
		return v.refuse("acting on the fleet")
	}
	return nil
}

// OnChange calls hear whenever the fleet comes to be frozen, for another reason, or not any more. The calls hold up the
// verification, so hear must be quick; it must make no call to the cloud.
func (g *Guard) OnChange(hear func()) (stop func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := &listener{hear}
	g.listeners = append(g.listeners, l)
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.listeners = slices.DeleteFunc(g.listeners, func(other *listener) bool { return other == l })
	}
}

// NeedLeaderElection tells the manager that only the leader verifies, and so only the leader writes the record.
func (g *Guard) NeedLeaderElection() bool { return true }

// Start verifies the token, which writes the record of a new fleet, and looks after it until ctx is done. A failure is
// not an error of Start: whoever makes a call hears of it.
func (g *Guard) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		_, _ = g.current(ctx)
		timer := g.clock.NewTimer(watchEvery)
		select {
		case <-timer.C():
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// announce tells the log, the events and the listeners of a verdict that differs from the last. A verification that was
// not completed is none. It is called for one session after another.
func (g *Guard) announce(ctx context.Context, s *session) {
	if s.failure != nil {
		return
	}
	after := &verdict{message: "the token is of the fleet's team"}
	if s.verdict != nil {
		after = s.verdict
	}
	before := g.verdict.Swap(after)
	if before != nil && before.reason == after.reason || before == nil && after.reason == "" {
		return
	}
	logger := log.FromContext(ctx).WithName("fleet").WithValues("fleet", g.who.Fleet)
	if after.reason == "" {
		logger.Info("fleet is free again", "was", before.reason)
		g.recorder.Eventf(g.records.reference(), nil, corev1.EventTypeNormal, spawnv1.FleetFreeReason, action,
			"%s", after.message)
	} else {
		logger.Error(errors.New(after.message), "nothing is changed at DigitalOcean", "reason", after.reason)
		g.recorder.Eventf(g.records.reference(), nil, corev1.EventTypeWarning, after.reason, action,
			"%s", after.message)
	}
	g.mu.Lock()
	listeners := slices.Clone(g.listeners)
	g.mu.Unlock()
	for _, l := range listeners {
		l.hear()
	}
}
