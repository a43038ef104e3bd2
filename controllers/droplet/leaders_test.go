// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/leadership"
)

// lease is a Check that a test can take away.
type lease struct{ lost bool }

func (*lease) Identity() string { return "old-leader" }

func (l *lease) Held(context.Context) error {
	if l.lost {
		return errors.New("the leader's lease is held by another process")
	}
	return nil
}

// pauseAt runs meanwhile, as if the present manager were frozen, right before its next request for which at holds, or
// right after the reply to it has come. What meanwhile reconciles is reconciled by another manager.
func (w *world) pauseAt(at func(*http.Request) bool, afterReply bool, meanwhile func()) {
	old, paused := w.Manager, false
	hook := func(r *http.Request) error {
		if paused || !at(r) {
			return nil
		}
		paused = true
		w.Manager = w.Second(leadership.Alone("new-leader"))
		meanwhile()
		w.Manager = old
		return nil
	}
	if afterReply {
		old.After = hook
		return
	}
	old.Before = hook
}

// afterIntent is the live read of the Bot between the stored intent and the request: the second read of the Bot.
func afterIntent() func(*http.Request) bool {
	reads := 0
	return func(r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/bots/") {
			reads++
		}
		return reads == 2
	}
}

func isCreate(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == list }

func TestCRIT005_ALeaderThatWakesLateDoesNotAsk(t *testing.T) {
	for name, test := range map[string]struct {
		meanwhile func(*world, *lease)
		// wantReason is what the old leader makes of it.
		wantReason string
		// wantRequests is how many the new leader has sent while the old one slept.
		wantRequests int
	}{
		"later than an intent lives": {
			meanwhile:  func(w *world, _ *lease) { w.Step(11 * time.Second) },
			wantReason: spawnv1.CreateNotSentReason,
		},
		"without its lease": {
			meanwhile:  func(w *world, l *lease) { w.Step(time.Second); l.lost = true },
			wantReason: spawnv1.CreateNotSentReason,
		},
		"while another looks for its request": {
			meanwhile: func(w *world, l *lease) {
				l.lost = true
				w.Step(16 * time.Second)
				w.reconcileIn(time.Second)
				w.Step(time.Second)
				w.reconcileIn(13 * time.Second)
			},
			wantReason: spawnv1.CreateNotSentReason,
		},
		"after another has made the instance": {
			meanwhile:  func(w *world, _ *lease) { w.driveToReady() },
			wantReason: spawnv1.InstanceFoundReason, wantRequests: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			check := &lease{}
			w.Manager = w.Second(check)
			w.pauseAt(afterIntent(), false, func() { test.meanwhile(w, check) })

			_, err := w.reconcile()
			if taken := err != nil; taken != (test.wantRequests > 0) {
				t.Errorf("the old leader's reconcile came to %v", err)
			}
			if w.Creates() != test.wantRequests {
				t.Errorf("%d create requests when the old leader is through, want %d", w.Creates(), test.wantRequests)
			}
			if reason := existsReason(w.droplet()); reason != test.wantReason {
				t.Errorf("Exists has reason %s, want %s", reason, test.wantReason)
			}
			w.Restart()
			w.driveToReady()
			w.wantOne()
			if w.Creates() != 1 {
				t.Errorf("%d create requests, want 1", w.Creates())
			}
		})
	}
}

func TestCRIT005_OfTwoLeadersOnlyTheOneWhoseIntentIsStoredAsks(t *testing.T) {
	w := newWorld(t)
	isIntent := func(r *http.Request) bool { return w.label(r) == "PATCH droplet status" }
	var then *spawnv1.Droplet
	w.pauseAt(isIntent, false, func() {
		w.driveToReady()
		then = w.droplet()
	})

	w.reconcileIn(200 * time.Millisecond) // a conflict: look again
	if w.Creates() != 1 {
		t.Errorf("%d create requests of two leaders, want 1", w.Creates())
	}
	if now := w.droplet(); now.ResourceVersion != then.ResourceVersion {
		t.Errorf("the slower leader has written over the faster one: %+v", now.Status)
	}
	w.wantOne()
}

func TestCRIT005_AReplyThatComesLateIsNotRecordedOverWhatAnotherLeaderFound(t *testing.T) {
	t.Run("the instance was adopted", func(t *testing.T) {
		w := newWorld(t)
		w.pauseAt(isCreate, true, func() {
			w.Step(5 * time.Second)
			w.reconcileIn(5 * time.Second)
			w.wantExists(metav1.ConditionTrue, spawnv1.InstanceFoundReason)
		})
		if _, err := w.reconcile(); err == nil || !strings.Contains(err.Error(), "taken over") {
			t.Errorf("the old leader's reconcile came to %v, want it to see that the attempt was taken over", err)
		}
		w.Restart()
		w.driveToReady()
		w.wantOne()
	})
	t.Run("another attempt was made after a refusal that was not heard", func(t *testing.T) {
		w := newWorld(t)
		w.fault(http.MethodPost, list, dosim.Fault{Kind: dosim.FaultStatus, Status: 422, Message: "no"})
		var then *spawnv1.Droplet
		w.pauseAt(isCreate, true, func() {
			w.driveToReady()
			then = w.droplet()
		})
		if _, err := w.reconcile(); err == nil {
			t.Error("the old leader has not noticed that another attempt was made")
		}
		if now := w.droplet(); now.ResourceVersion != then.ResourceVersion || now.Status.Attempt.Number != 2 {
			t.Errorf("the old leader has written over attempt 2: %+v", now.Status)
		}
		w.wantOne()
	})
}

func TestCRIT005_TheReplyIsRecordedThoughTheDropletHasChangedMeanwhile(t *testing.T) {
	for name, change := range map[string]func(*world){
		"its power": func(w *world) {
			d := w.droplet()
			w.Update(d, func() { d.Spec.DeletionPolicy = spawnv1.DeletionPolicySnapshot })
		},
		"its deletion": func(w *world) { w.deleteDroplet() },
		"twice": func(w *world) {
			d := w.droplet()
			w.Update(d, func() { d.Labels = map[string]string{"team": "desk-7"} })
			w.Update(d, func() { d.Labels = map[string]string{"team": "desk-8"} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			changed := false
			w.Manager.After = func(r *http.Request) error {
				if isCreate(r) && !changed {
					changed = true
					change(w)
				}
				return nil
			}
			w.reconcileIn(5 * time.Second)
			w.wantOne()
			w.deleteDropletIfThere()
			w.driveToGone()
			w.wantNone()
		})
	}
}

func (w *world) deleteDropletIfThere() {
	w.t.Helper()
	if w.droplet().DeletionTimestamp.IsZero() {
		w.deleteDroplet()
	}
}
