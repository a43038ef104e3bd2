// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// writes counts what the present manager writes to the API server.
func (w *world) writes() *int {
	n := 0
	w.Manager.Before = func(r *http.Request) error {
		if !isCloud(r) && isWrite(r) {
			n++
		}
		return nil
	}
	return &n
}

func TestADropletAtRestCostsNothing(t *testing.T) {
	w := readyWorld(t)
	version, writes := w.droplet().ResourceVersion, w.writes()
	for range 10 {
		w.Step(30 * time.Second)
		w.Pass()
		w.reconcileIn(0)
	}
	if calls := w.requests("", ""); len(calls) != 0 {
		t.Errorf("calls at rest: %v", calls)
	}
	if now := w.droplet().ResourceVersion; now != version || *writes != 0 {
		t.Errorf("%d writes at rest, from version %s to %s", *writes, version, now)
	}
}

func TestARefusedDropletAtRestCostsNothing(t *testing.T) {
	w := newWorld(t)
	d := w.droplet()
	w.Update(d, func() { d.Spec.Size = "s-enormous" })
	w.reconcileIn(0)
	w.Cloud.ResetJournal()
	version := w.droplet().ResourceVersion
	for range 10 {
		w.Step(time.Minute)
		w.reconcileIn(0)
	}
	if calls := w.requests("", ""); len(calls) != 0 || w.droplet().ResourceVersion != version {
		t.Errorf("a Droplet that was refused has made calls %v, or writes", calls)
	}
}

func TestADropletAtRestIsNotWrittenByAnotherManager(t *testing.T) {
	w := readyWorld(t)
	version := w.droplet().ResourceVersion
	w.Restart()
	w.reconcileIn(0) // before its first pass
	w.Pass()
	w.reconcileIn(0)
	if now := w.droplet().ResourceVersion; now != version || len(w.requests("", "")) != 0 {
		t.Errorf("a new manager has moved version %s to %s, with calls %v", version, now, w.requests("", ""))
	}
}

func TestACreateTakesTwoCallsAndADeleteFour(t *testing.T) {
	w := newWorld(t)
	w.reconcileIn(5 * time.Second)
	if calls := w.requests("", ""); len(calls) != 2 || !strings.Contains(calls[0].Query, "name=") ||
		calls[0].Method != http.MethodGet || calls[1].Method != http.MethodPost {
		t.Errorf("a create took the calls %v, want a look by name and the request", calls)
	}
	w.driveToReady()

	w.Cloud.ResetJournal()
	w.deleteDroplet()
	w.driveToGone()
	if calls := w.requests("", ""); len(calls) > 4 {
		t.Errorf("a delete took %d calls, want at most 4: %v", len(calls), calls)
	}
}
