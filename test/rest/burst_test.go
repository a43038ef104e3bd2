// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

// published is a simulator with the limits that DigitalOcean publishes: 5,000 calls an hour, 250 a minute.
func published() dosim.Options {
	options := dosim.DefaultOptions()
	options.StateDelay = 20 * time.Second
	return options
}

func TestSixHundredBotsInOneGo(t *testing.T) {
	const bots, leaving = 600, 30
	w := newWorld(t, published())
	old, fresh := w.fleet("old", leaving), w.fleet("new", bots)
	w.start()
	w.create(old...)
	w.until("the old bots are Ready", 10*time.Minute, w.allReady(leaving))

	w.create(fresh...)
	w.pass(2 * time.Minute)
	seq, asked := w.lastCall(), w.clock.Now()
	waiting := bots + leaving - w.sim.Requests(http.MethodPost, "/v2/droplets")
	w.remove(old...)
	w.pass(time.Minute)
	destroyed, createdMeanwhile, slowest := 0, 0, time.Duration(0)
	for _, e := range w.sim.JournalSince(seq) {
		switch {
		case e.Method == http.MethodDelete && strings.HasPrefix(e.Path, "/v2/droplets/"):
			destroyed++
			slowest = max(slowest, e.Time.Sub(asked))
		case e.Method == http.MethodPost && e.Path == "/v2/droplets":
			createdMeanwhile++
		}
	}
	if destroyed != leaving || slowest > 30*time.Second || waiting < bots/2 || createdMeanwhile >= waiting {
		t.Errorf("%d of %d were destroyed, the last after %s, while %d waited to be created, of which %d were",
			destroyed, leaving, slowest, waiting, createdMeanwhile)
	}

	w.until("all are Ready", 30*time.Minute, w.allReady(bots))
	t.Logf("%d of %d waited when %d were deleted, the last destroyed after %s; all Ready %s after that, %d calls, %d refused",
		waiting, bots, leaving, slowest, w.clock.Since(asked), len(w.sim.Journal()), w.refused())
	if n := w.refused(); n > 5 {
		t.Errorf("%d requests were answered 429", n)
	}
	if warnings := w.manager.recorder.warned(); len(warnings) != 0 {
		t.Errorf("%d warnings, such as %v", len(warnings), warnings[:min(5, len(warnings))])
	}
	if creates := w.sim.Requests(http.MethodPost, "/v2/droplets"); creates != bots+leaving {
		t.Errorf("%d requests to create for %d bots", creates, bots+leaving)
	}
	if live := len(w.sim.Live("")); live != bots {
		t.Errorf("%d instances for %d bots", live, bots)
	}
}
