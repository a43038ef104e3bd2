// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package lives

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/status"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// The routes on which a machine's life is decided.
const (
	droplets  = "/v2/droplets"
	droplet   = "/v2/droplets/{id}"
	actions   = "/v2/droplets/{id}/actions"
	snapshots = "/v2/snapshots/{snapshot}"
)

// The states of an instance that a Bot's state comes down to.
const (
	active = "active"
	off    = "off"
)

// world is a testenv at whose end the history of the simulator is checked for what must never be in it.
type world struct {
	*testenv.Env
	t *testing.T
	// double is set where a test makes a second machine on purpose.
	double bool
	// api asks the simulator on the test's behalf, past the manager.
	api cloud.API
}

// slow makes a boot and an action take a while, as they do at DigitalOcean, but no longer than until the second look.
func slow(o *dosim.Options) { o.StateDelay, o.ActionDelay = 4*time.Second, 4*time.Second }

func newWorld(t *testing.T, options ...func(*dosim.Options)) *world {
	t.Helper()
	e := testenv.New(t, append([]func(*dosim.Options){slow}, options...)...)
	api, err := digitalocean.Connect(digitalocean.Options{
		BaseURL: e.SimulatorURL, Clock: e.Clock, Token: func() string { return "token-1" },
	})
	must(t, err)
	w := &world{Env: e, t: t, api: api}
	logf.SetLogger(logr.Discard())
	t.Cleanup(w.checkHistory)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// checkHistory holds for every test: no Bot, also of those that are gone, ever had two machines at an instant, nothing
// was done to a machine that loses what it was doing, and none was destroyed by tag.
func (w *world) checkHistory() {
	w.t.Helper()
	for _, instance := range w.Cloud.Instances() {
		if !identity.HasShape(instance.Name) || w.double {
			continue
		}
		if most := w.Cloud.MaxLive(identity.PrefixOf(instance.Name)); most > 1 {
			w.t.Errorf("%d instances lived at once of the bot that %s was of", most, instance.Name)
		}
	}
	ours := []string{"create", "destroy", "shutdown", "power_off", "power_on", "snapshot", "resize", "rename"}
	for _, kind := range w.done("") {
		if !slices.Contains(ours, strings.TrimSuffix(kind, "!")) {
			w.t.Errorf("an action of type %s was begun, which we never ask for", kind)
		}
	}
	if n := w.Cloud.Requests(http.MethodDelete, droplets) + w.Cloud.Requests(http.MethodPost, droplets+"/actions"); n > 0 {
		w.t.Errorf("%d requests went to all instances of a tag", n)
	}
}

// done are the actions that were begun on the instances of a Bot, or on all, the oldest first, with an exclamation mark
// at those that errored. Creating and destroying are not among those of a Bot.
func (w *world) done(bot string) []string {
	w.t.Helper()
	instances := map[int64]bool{}
	prefix := identity.Prefix(testenv.Fleet, w.Namespace, bot)
	for _, i := range w.Cloud.Instances() {
		instances[i.ID] = strings.HasPrefix(i.Name, prefix)
	}
	var kinds []string
	for _, a := range w.history() {
		if bot != "" && (a.Type == "create" || a.Type == "destroy" || !instances[a.ResourceID]) {
			continue
		}
		if a.Status == "errored" {
			a.Type += "!"
		}
		kinds = append(kinds, a.Type)
	}
	return kinds
}

type pastAction struct {
	Type, Status string
	ResourceID   int64 `json:"resource_id"`
}

// history is every action that was ever begun, the oldest first.
func (w *world) history() []pastAction {
	w.t.Helper()
	const perPage = 200
	var all []pastAction
	for page := 1; ; page++ {
		var answer struct{ Actions []pastAction }
		w.read(fmt.Sprintf("/v2/actions?per_page=%d&page=%d", perPage, page), &answer)
		all = append(all, answer.Actions...)
		if len(answer.Actions) < perPage {
			break
		}
	}
	slices.Reverse(all)
	return all
}

// read asks the simulator for what the manager never asks for.
func (w *world) read(path string, into any) {
	w.t.Helper()
	w.send(http.MethodGet, path, "", into)
}

// console does what a person does in DigitalOcean's console to a Bot's instance.
func (w *world) console(bot, action string) {
	w.t.Helper()
	path := fmt.Sprintf("%s/%d/actions", droplets, w.Bot(bot).Status.InstanceID)
	w.send(http.MethodPost, path, action, &struct{}{})
	w.Step(10 * time.Second)
}

func (w *world) send(method, path, body string, into any) {
	w.t.Helper()
	ctx := context.WithoutCancel(w.t.Context()) // also at the end
	request, err := http.NewRequestWithContext(ctx, method, w.SimulatorURL+path, strings.NewReader(body))
	must(w.t, err)
	request.Header.Set("Authorization", "Bearer token-1")
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	must(w.t, err)
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= http.StatusBadRequest {
		w.t.Fatalf("%s %s is answered %s", method, path, response.Status)
	}
	must(w.t, json.NewDecoder(response.Body).Decode(into))
}

// edit changes the spec of a Bot, as its owner does.
func (w *world) edit(bot string, change func(*spawnv1.BotSpec)) {
	w.t.Helper()
	b := w.Bot(bot)
	w.Update(b, func() { change(&b.Spec) })
}

// want sets the desiredState of a Bot.
func (w *world) want(bot string, state spawnv1.BotDesiredState) {
	w.t.Helper()
	w.edit(bot, func(spec *spawnv1.BotSpec) { spec.DesiredState = state })
}

// redeploy asks for another machine of a Bot, now.
func (w *world) redeploy(bot string) {
	w.t.Helper()
	w.Step(time.Second) // a machine of this very second is as good as new
	now := metav1.NewTime(w.Clock.Now())
	w.edit(bot, func(spec *spawnv1.BotSpec) { spec.RedeployAt = &now })
}

// isAsDeclared tells whether the Bot is Ready as its desiredState says.
func (w *world) isAsDeclared(bot string) bool {
	w.t.Helper()
	return w.isSo(w.Bot(bot))
}

func (w *world) isSo(b *spawnv1.Bot) bool {
	reason := map[spawnv1.BotDesiredState]string{
		spawnv1.BotRunning: spawnv1.ReadyReason, spawnv1.BotPaused: spawnv1.PausedReason,
		spawnv1.BotHibernated: spawnv1.HibernatedReason,
	}[b.Spec.DesiredState]
	return w.IsReady(b) && status.Reason(b, spawnv1.ReadyCondition) == reason
}

// until runs the world until done; a manager that was killed is started again.
func (w *world) until(goal string, done func() bool) {
	w.t.Helper()
	w.Until(goal, func() bool {
		if w.Manager.IsDead() {
			w.Restart()
		}
		return done()
	})
}

// untilAsDeclared runs the world until each of the Bots is as its spec says.
func (w *world) untilAsDeclared(bots ...string) {
	w.t.Helper()
	for _, bot := range bots {
		w.until(bot+" is as declared", func() bool { return w.isAsDeclared(bot) })
	}
}

// becomes sets a Bot's desiredState and runs the world until it is so.
func (w *world) becomes(bot string, state spawnv1.BotDesiredState) *spawnv1.Bot {
	w.t.Helper()
	w.want(bot, state)
	w.untilAsDeclared(bot)
	return w.Bot(bot)
}

// untilReason runs the world until a condition of a Bot has that reason.
func (w *world) untilReason(bot, conditionType, reason string) {
	w.t.Helper()
	w.until(bot+" says "+reason, func() bool { return status.Reason(w.Bot(bot), conditionType) == reason })
}

// untilGone runs the world until the Bot is no more.
func (w *world) untilGone(bot *spawnv1.Bot) {
	w.t.Helper()
	w.until(bot.Name+" is gone", func() bool { return !w.Exists(bot) })
}

// settle runs the world until nothing changes any more, and looks again a minute later.
func (w *world) settle() {
	w.t.Helper()
	w.Settle()
	w.rounds(2, time.Minute)
}

// rounds lets some time pass.
func (w *world) rounds(n int, each time.Duration) {
	w.t.Helper()
	for range n {
		w.Step(each)
		w.Pass()
		_, _ = w.Round() // what fails is tried again
	}
}

// machine is the one live instance of a Bot.
func (w *world) machine(bot string) dosim.Instance {
	w.t.Helper()
	live := w.Live(bot)
	if len(live) != 1 || live[0].ID != w.Bot(bot).Status.InstanceID {
		w.t.Fatalf("bot %s names instance %d, and these live: %v\n%s", bot, w.Bot(bot).Status.InstanceID, live, w.Describe())
	}
	return live[0]
}

// ever counts the instances that a Bot has had.
func (w *world) ever(bot string) int {
	n := 0
	for _, i := range w.Cloud.Instances() {
		if strings.HasPrefix(i.Name, identity.Prefix(testenv.Fleet, w.Namespace, bot)) {
			n++
		}
	}
	return n
}

// kept are the ids of the snapshots that exist of a Bot's machines.
func (w *world) kept(bot string) []int64 {
	w.t.Helper()
	all, err := w.api.ListSnapshots(w.t.Context())
	must(w.t, err)
	var ids []int64
	for _, s := range all {
		if identity.IsSnapshotOf(identity.Prefix(testenv.Fleet, w.Namespace, bot), s.Name) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// wantKept fails the test unless exactly these snapshots exist of the Bot's machines.
func (w *world) wantKept(bot string, ids ...int64) {
	w.t.Helper()
	if got := w.kept(bot); !slices.Equal(got, ids) {
		w.t.Errorf("of %s there are snapshots %v, want %v\n%s", bot, got, ids, w.Describe())
	}
}

// wantDone fails the test unless exactly these actions were begun on the Bot's instances.
func (w *world) wantDone(bot string, kinds ...string) {
	w.t.Helper()
	if got := w.done(bot); !slices.Equal(got, kinds) {
		w.t.Errorf("done to %s was %v, want %v\n%s", bot, got, kinds, w.Describe())
	}
}

// wantClass fails the test unless the Bot has that one of the abnormal conditions Reconciling and Stalled, or, when it
// is empty, neither.
func (w *world) wantClass(bot, want string) {
	w.t.Helper()
	b := w.Bot(bot)
	for _, class := range []string{spawnv1.ReconcilingCondition, spawnv1.StalledCondition} {
		if is := status.Get(b, class) != nil; is != (class == want) {
			w.t.Errorf("%s: %s is present: %v, want %q to be the one that is\n%s", bot, class, is, want, w.Describe())
		}
	}
}

// wantReady fails the test unless the Bot's Ready condition is as wanted.
func (w *world) wantReady(bot string, want metav1.ConditionStatus, reason string, parts ...string) {
	w.t.Helper()
	w.WantCondition(w.Bot(bot), spawnv1.ReadyCondition, want, reason, parts...)
}
