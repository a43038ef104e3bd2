// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

// A Droplet at rest asks nobody and is woken by nothing of its own: the guard has to wake it, twice.
func TestATokenOfAnotherTeamIsSaidByBotsAtRestAndMendedWithoutARestart(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withAccount(t)
	foreign := "dop_v1_" + rand.String(40)
	w.cloud.AddTeam(dosim.Team{Name: "Others"}, foreign)
	manager := w.startChild(t, "--leader-elect")
	c.apply(t, "hermit")
	c.becomeReady(t, "hermit")
	w.cloud.ResetJournal()

	w.writeToken(t, foreign)
	c.says(t, "hermit", spawnv1.ReadyCondition, spawnv1.AccountMismatchReason)
	manager.measures(t, `openspawn_fleet_frozen{reason="AccountMismatch"} 1`)
	w.writeToken(t, w.token)
	c.becomeReady(t, "hermit")
	manager.measures(t, `openspawn_fleet_frozen{reason="AccountMismatch"} 0`)
	c.hadOneInstanceEver(t, "hermit")
	if n := w.cloud.Requests("POST", "") + w.cloud.Requests("DELETE", ""); n != 0 {
		t.Errorf("%d writes reached DigitalOcean, want none", n)
	}
	for _, log := range w.logs {
		if strings.Contains(readLog(t, log), foreign) {
			t.Errorf("%s shows the token", log)
		}
	}
}

// measures waits until a line is in the metrics.
func (c *child) measures(t *testing.T, line string) {
	t.Helper()
	eventually(t, "the metrics have "+line, soonEnough, func(ctx context.Context) error {
		page, err := get(ctx, c.metrics)
		if err == nil && !strings.Contains(page, line+"\n") {
			err = fmt.Errorf("there is no %s", line)
		}
		return err
	})
}

// isTakenOver has a manager take over the fleet from another cluster, which it does once, with a right of its own.
func (w *world) isTakenOver(t *testing.T) {
	t.Helper()
	var record corev1.ConfigMap
	key := client.ObjectKey{Namespace: localrun.SystemNamespace, Name: fleet.RecordName}
	if err := shared.api.Get(t.Context(), key, &record); err != nil {
		t.Fatal(err)
	}
	here := record.Data["clusterUID"]
	record.Data["clusterUID"] = "another"
	if err := shared.api.Update(t.Context(), &record); err != nil {
		t.Fatal(err)
	}
	w.startChild(t, "--take-over")
	eventually(t, "the fleet is taken over", soonEnough, func(ctx context.Context) error {
		err := shared.api.Get(ctx, key, &record)
		if err == nil && record.Data["clusterUID"] != here {
			err = fmt.Errorf("the record says %v", record.Data)
		}
		return err
	})
}
