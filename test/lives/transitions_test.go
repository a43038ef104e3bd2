// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package lives

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

const scout = "scout"

// transition is one change of a Bot's machine, and the request to DigitalOcean by which it happens.
type transition struct {
	method, route, contains string
	options                 func(*dosim.Options)
	// begin makes the wish that leads to the request, with all that comes before it.
	begin func(w *world)
	// clean are the actions when nothing goes wrong, and errored when the request is one that DigitalOcean cannot do.
	clean, errored []string
	// ever is how many instances there are when nothing goes wrong.
	ever int
}

func act(kind string) transition {
	return transition{method: http.MethodPost, route: actions, contains: `"type":"` + kind + `"`, ever: 1}
}

// paused, hibernated and the like bring scout there and leave the next wish to the caller.
func paused(w *world)     { w.becomes(scout, spawnv1.BotPaused) }
func hibernated(w *world) { w.becomes(scout, spawnv1.BotHibernated) }

func wish(state spawnv1.BotDesiredState) func(*world) {
	return func(w *world) { w.want(scout, state) }
}

func after(before, then func(*world)) func(*world) {
	return func(w *world) { before(w); then(w) }
}

func (tr transition) with(begin func(*world), clean, errored string) transition {
	tr.begin, tr.clean, tr.errored = begin, strings.Fields(clean), strings.Fields(errored)
	return tr
}

func (tr transition) of(ever int) transition { tr.ever = ever; return tr }

var transitions = map[string]transition{
	"pause": act("shutdown").with(wish(spawnv1.BotPaused), "shutdown", "shutdown! power_off"),
	"pause of a machine that does not listen": {method: http.MethodPost, route: actions, contains: `"power_off"`,
		options: func(o *dosim.Options) { o.IgnoreShutdown = true }, begin: wish(spawnv1.BotPaused),
		clean: []string{"shutdown", "power_off"}, errored: []string{"shutdown", "power_off!", "power_off"}, ever: 1},
	"resume": act("power_on").with(after(paused, wish(spawnv1.BotRunning)),
		"shutdown power_on", "shutdown power_on! power_on"),
	"resize": act("resize").with(func(w *world) {
		w.edit(scout, func(spec *spawnv1.BotSpec) { spec.Machine.Size = "s-2vcpu-4gb" })
	}, "shutdown resize power_on", "shutdown resize! resize power_on"),
	"hibernate, the snapshot": act("snapshot").with(wish(spawnv1.BotHibernated),
		"shutdown snapshot", "shutdown snapshot! snapshot"),
	"hibernate, the destruction": transition{method: http.MethodDelete, route: droplet, ever: 1}.
		with(wish(spawnv1.BotHibernated), "shutdown snapshot", "shutdown snapshot"),
	"restore": transition{method: http.MethodPost, route: droplets, contains: scout}.
		with(after(hibernated, wish(spawnv1.BotRunning)), "shutdown snapshot", "shutdown snapshot").of(2),
	"restore, the end of the snapshot": transition{method: http.MethodDelete, route: snapshots}.
		with(after(hibernated, wish(spawnv1.BotRunning)), "shutdown snapshot", "shutdown snapshot").of(2),
	"redeploy, the destruction": transition{method: http.MethodDelete, route: droplet}.
		with(func(w *world) { w.redeploy(scout) }, "", "").of(2),
	"delete with a snapshot": act("snapshot").with(func(w *world) {
		w.edit(scout, func(spec *spawnv1.BotSpec) { spec.DeletionPolicy = spawnv1.DeletionPolicySnapshot })
		w.Delete(w.Bot(scout))
	}, "shutdown snapshot", "shutdown snapshot! snapshot"),
}

func (tr transition) isIt(r *http.Request) bool {
	if r.Method != tr.method || !strings.HasPrefix(r.URL.Path, "/v2/") {
		return false
	}
	body := ""
	if r.GetBody != nil {
		if reader, err := r.GetBody(); err == nil {
			content := make([]byte, 1<<16)
			n, _ := reader.Read(content)
			body = string(content[:n])
		}
	}
	parts := strings.Split(r.URL.Path, "/")
	return len(parts) == len(strings.Split(tr.route, "/")) && parts[2] == strings.Split(tr.route, "/")[2] &&
		strings.Contains(body, tr.contains)
}

// once calls what for the first request that is the transition's.
func (tr transition) once(what func()) testenv.Hook {
	done := false
	return func(r *http.Request) error {
		if !done && tr.isIt(r) {
			done = true
			what()
		}
		return nil
	}
}

// fault makes the simulator do something else with the transition's request.
func (tr transition) fault(w *world, kind dosim.FaultKind) {
	w.Cloud.AddFault(dosim.Fault{Kind: kind, Method: tr.method, Route: tr.route, Contains: tr.contains})
}

func (w *world) vanish() {
	for _, instance := range w.Live(scout) {
		if err := w.Cloud.DestroyInstance(instance.ID); err != nil && !errors.Is(err, dosim.ErrNoInstance) {
			w.t.Error(err)
		}
	}
}

// setbacks are what can befall a transition. Each is prepared before the wish is made; hit tells that it happened.
var setbacks = map[string]func(w *world, tr transition) (hit func() bool){
	"the reply is lost": func(w *world, tr transition) func() bool {
		tr.fault(w, dosim.FaultDropAfter)
		return func() bool { return len(w.Cloud.Faults()) == 0 }
	},
	"it errors": func(w *world, tr transition) func() bool {
		kind := dosim.FaultErrored
		if tr.method == http.MethodDelete {
			kind = dosim.FaultStatus
		}
		tr.fault(w, kind)
		return func() bool { return len(w.Cloud.Faults()) == 0 }
	},
	"the droplet vanishes": func(w *world, tr transition) func() bool {
		hit := false
		w.Manager.Before = tr.once(func() {
			if tr.route == droplet {
				hit = true
				w.vanish()
			}
		})
		w.Manager.After = tr.once(func() { hit = true; w.vanish() })
		return func() bool { return hit }
	},
	"the manager is killed": func(w *world, tr transition) func() bool {
		hit := false
		w.Manager.After = tr.once(func() { hit = true; w.Manager.Kill() })
		return func() bool { return hit }
	},
}

func TestHIGH002_WhateverBefallsATransitionTheBotBecomesAsDeclaredAndNothingIsDoneTwice(t *testing.T) {
	for name, tr := range transitions {
		for setback, prepare := range setbacks {
			t.Run(name+"/"+setback, func(t *testing.T) {
				var options []func(*dosim.Options)
				if tr.options != nil {
					options = append(options, tr.options)
				}
				w := newWorld(t, options...)
				bot := w.GivenReadyBot(scout)
				hit := prepare(w, tr)
				tr.begin(w)
				for range 3 { // also what befalls it when it is already as declared
					w.until("it is over", func() bool { return !w.Exists(bot) || w.isAsDeclared(scout) })
					w.rounds(2, 20*time.Second)
				}
				if !hit() {
					t.Fatal("nothing has happened: this run tested nothing")
				}
				w.wantEnd(tr, setback)
			})
		}
	}
}

// wantEnd fails the test unless all is as it should be after a setback.
func (w *world) wantEnd(tr transition, setback string) {
	w.t.Helper()
	vanished := setback == "the droplet vanishes"
	live, kept := w.Live(scout), w.kept(scout)
	switch bot := w.NewBot(scout); {
	case !w.Exists(bot):
		if len(live) != 0 || len(w.Droplets()) != 0 || len(kept) != 1 && !vanished {
			w.t.Errorf("a deleted bot leaves instances %v and snapshots %v\n%s", live, kept, w.Describe())
		}
	case w.Bot(scout).Spec.DesiredState == spawnv1.BotHibernated:
		if id := w.Bot(scout).Status.SnapshotID; len(live) != 0 || id != 0 && !slices.Equal(kept, []int64{id}) ||
			id == 0 && (len(kept) != 0 || !vanished) {
			w.t.Errorf("a bot that hibernates in snapshot %d has %v and snapshots %v\n%s", id, live, kept, w.Describe())
		}
	default:
		if state := w.machine(scout).State; (state == active) != (w.Bot(scout).Spec.DesiredState == spawnv1.BotRunning) {
			w.t.Errorf("the machine is %s", state)
		}
		w.wantKept(scout)
	}
	if vanished {
		w.wantNothingTwice()
		return
	}
	want, ever := tr.clean, tr.ever
	if setback == "it errors" {
		want = tr.errored
		if tr.route == droplets {
			ever++ // the one that was never placed
		}
	}
	w.wantDone(scout, want...)
	if got := w.ever(scout); got != ever || w.Creates() != ever {
		w.t.Errorf("%d create requests made %d instances, want %d", w.Creates(), got, ever)
	}
}

// wantNothingTwice fails the test if something was done a second time to an instance to which it was done.
func (w *world) wantNothingTwice() {
	w.t.Helper()
	done := map[pastAction]int{}
	for _, a := range w.history() {
		if done[a]++; done[a] > 1 && a.Status == "completed" {
			w.t.Errorf("%s was done %d times to instance %d", a.Type, done[a], a.ResourceID)
		}
	}
}
