// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/cedros-io/open-spawn/controllers/orphan"
	"github.com/cedros-io/open-spawn/internal/dosim"
)

var _ manager.LeaderElectionRunnable = (*orphan.Sweeper)(nil)

func TestTheSweeperIsDrivenByThePasses(t *testing.T) {
	w := newWorld(t)
	if !w.Manager.Orphans.NeedLeaderElection() {
		t.Error("every replica would sweep")
	}
	id := w.plant()
	w.Cloud.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: 503, Method: http.MethodDelete}) // no reason to end
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Manager.Orphans.Start(ctx) }()
	for range 10_000 { // passes that come faster than they are taken in are left out
		w.Step(30 * time.Second)
		must(t, w.Manager.Inventory.Refresh(t.Context()))
		if !w.lives(id) {
			break
		}
	}
	w.wantGone(id)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Start: %v", err)
	}
}
