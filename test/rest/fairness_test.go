// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

func TestAnAccountThatFlipsDelaysNobodysCreate(t *testing.T) {
	const flippers, others, every = 40, 10, 30 * time.Second
	w := newWorld(t, published())
	flip := w.fleet("flip", flippers)
	w.create(w.account("quiet"))
	w.start()
	w.create(flip...)
	w.until("the flippers are Ready", 10*time.Minute, w.allReady(flippers))
	w.sim.ResetJournal()

	slowest := time.Duration(0)
	for i := range others {
		w.flip(flip, i)
		quiet := w.bot("quiet", fmt.Sprintf("quiet-%02d", i))
		asked := w.clock.Now()
		w.create(quiet)
		w.pass(every)
		w.flip(flip, i+1)
		w.pass(every)
		created, ok := w.createdAt(quiet.Name)
		if !ok {
			w.until(quiet.Name+" has an instance", 10*time.Minute, func() bool {
				created, ok = w.createdAt(quiet.Name)
				return ok
			})
		}
		slowest = max(slowest, created.Sub(asked))
	}
	actions := 0
	for _, e := range w.sim.Journal() {
		if e.Method == http.MethodPost && e.Route == "/v2/droplets/{id}/actions" {
			actions++
		}
	}
	t.Logf("%d actions on %d machines in %d minutes, %d calls; the slowest create of another account came after %s",
		actions, flippers, others, len(w.sim.Journal()), slowest)
	if slowest > time.Minute {
		t.Errorf("a create came %s after it was asked for", slowest)
	}
	if actions < flippers*2 {
		t.Errorf("the flippers have been acted on %d times, which disturbs nobody", actions)
	}
	if n := w.refused(); n > 5 {
		t.Errorf("%d requests were answered 429", n)
	}
	if warnings := w.manager.recorder.warned(); len(warnings) != 0 {
		t.Errorf("%d warnings, such as %v", len(warnings), warnings[:min(5, len(warnings))])
	}
}

// flip pauses all of the Bots in even rounds, and has them run in odd ones.
func (w *world) flip(bots []client.Object, round int) {
	w.Helper()
	w.each(bots, "flipping", func(ctx context.Context, o client.Object) error {
		bot, _ := o.(*spawnv1.Bot)
		state := spawnv1.BotRunning
		if round%2 == 0 {
			state = spawnv1.BotPaused
		}
		patch := fmt.Appendf(nil, `{"spec":{"desiredState":%q}}`, state)
		return w.api.Patch(ctx, bot.DeepCopy(), client.RawPatch("application/merge-patch+json", patch))
	})
}

// createdAt is when an instance was made for a Bot.
func (w *world) createdAt(bot string) (time.Time, bool) {
	for _, instance := range w.sim.Live(bot + "-") {
		return instance.CreatedAt, true
	}
	return time.Time{}, false
}
