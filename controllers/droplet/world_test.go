// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/status"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// The routes that the droplet controller uses.
const (
	list = "/v2/droplets"
	one  = "/v2/droplets/{id}"

	snapshotRoute = "/v2/snapshots/{snapshot}"
)

// retryAfterError stands in for the backoff of the work queue.
const retryAfterError = 2 * time.Second

// fleetTag is what our instances bear.
const fleetTag = spawnv1.FleetTagPrefix + testenv.Fleet

// world is a testenv with one Droplet in its middle, which the droplet controller is driven for. When the test ends,
// the journal of the simulator is checked for calls that must never be made.
type world struct {
	*testenv.Env
	name string // of the Droplet and the instance

	t *testing.T
	// many is set when there are more Droplets: the journal does not tell whose a create request was.
	many bool
}

// newWorld has a Droplet that the droplet controller has not seen yet.
func newWorld(t *testing.T, options ...func(*dosim.Options)) *world {
	t.Helper()
	e := testenv.New(t, options...)
	w := &world{Env: e, t: t, name: e.GivenDroplet("scout").Name}
	t.Cleanup(func() { w.checkCreates(); w.checkDeletes() })
	return w
}

// readyWorld has a Droplet that is Ready, and a journal without what that took.
func readyWorld(t *testing.T, options ...func(*dosim.Options)) *world {
	t.Helper()
	w := newWorld(t, options...)
	w.driveToReady()
	w.Cloud.ResetJournal()
	return w
}

func (w *world) droplet() *spawnv1.Droplet {
	w.t.Helper()
	var droplet spawnv1.Droplet
	key := client.ObjectKey{Namespace: w.Namespace, Name: w.name}
	if err := w.Client.Get(w.t.Context(), key, &droplet); err != nil {
		w.t.Fatalf("reading the droplet: %v", err)
	}
	return &droplet
}

func (w *world) isGone() bool {
	return !w.Exists(&spawnv1.Droplet{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: w.name}})
}

// reconcile calls Reconcile once and notes the reasons that it leaves.
func (w *world) reconcile() (reconcile.Result, error) {
	w.t.Helper()
	result, err := w.ReconcileDroplet(w.name)
	for _, d := range w.Droplets() {
		note(&d)
	}
	return result, err
}

// reconcileIn is reconcile where an error is the end of the test, and the next look is wanted after wait.
func (w *world) reconcileIn(wait time.Duration) {
	w.t.Helper()
	result, err := w.reconcile()
	if err != nil {
		w.t.Fatalf("reconcile: %v", err)
	}
	const lag = 10 * time.Millisecond // a condition's time is stored in seconds, and a pass moves the clock a little
	if result.RequeueAfter > wait || result.RequeueAfter < wait-lag {
		w.t.Errorf("the next look is in %s, want %s", result.RequeueAfter, wait)
	}
}

// drive reconciles the Droplet whenever it asks for it, and after every pass over the fleet, until done. A manager that
// was killed is started again.
func (w *world) drive(goal string, done func() bool) {
	w.t.Helper()
	const rounds, passEvery = 500, 30 * time.Second
	var lastPass time.Time
	var last error
	for range rounds {
		if w.Manager.IsDead() {
			w.Restart()
		}
		if done() {
			return
		}
		if w.Clock.Since(lastPass) >= passEvery {
			w.Pass()
			lastPass = w.Clock.Now()
		}
		result, err := w.reconcile()
		wait := result.RequeueAfter
		if last = err; err != nil {
			wait = retryAfterError
		}
		if wait == 0 || wait > passEvery {
			wait = passEvery
		}
		w.Step(wait)
	}
	w.t.Fatalf("it never comes that %s; last error: %v\n%s", goal, last, w.Describe())
}

func (w *world) driveToReady() {
	w.t.Helper()
	w.drive("the droplet is Ready", func() bool { return w.IsReady(w.droplet()) })
}

func (w *world) driveToGone() {
	w.t.Helper()
	w.drive("the droplet is gone", w.isGone)
}

// deleteDroplet asks for the deletion of the Droplet.
func (w *world) deleteDroplet() {
	w.t.Helper()
	w.Delete(w.droplet())
}

// fault scripts a misfortune of the next request of a method to a route.
func (w *world) fault(method, route string, f dosim.Fault) {
	f.Method, f.Route = method, route
	if method == http.MethodGet && route == list {
		f.Contains = "name=" + w.name // not the passes over the fleet
	}
	w.Cloud.AddFault(f)
}

// wantExists fails unless condition Exists is as wanted.
func (w *world) wantExists(want metav1.ConditionStatus, reason string, parts ...string) {
	w.t.Helper()
	w.WantCondition(w.droplet(), spawnv1.ExistsCondition, want, reason, parts...)
}

// wantClass fails unless exactly this one of Reconciling and Stalled is present, or neither when it is empty.
func (w *world) wantClass(want string) {
	w.t.Helper()
	d := w.droplet()
	for _, class := range []string{spawnv1.ReconcilingCondition, spawnv1.StalledCondition} {
		if is := status.IsTrue(d, class); is != (class == want) {
			w.t.Errorf("%s is %v, want %q to be the one of the two that is\n%s", class, is, want, w.Describe())
		}
	}
}

// wantOne fails unless one instance was ever made, and it lives and is the recorded one.
func (w *world) wantOne() {
	w.t.Helper()
	live := w.Live("scout")
	if w.Ever() != 1 || len(live) != 1 || w.droplet().Status.InstanceID != live[0].ID {
		w.t.Errorf("%d instances ever, want one that is recorded\n%s", w.Ever(), w.Describe())
	}
}

// wantNone fails unless no instance is left and the Droplet is gone.
func (w *world) wantNone() {
	w.t.Helper()
	if len(w.Live("scout")) != 0 || !w.isGone() {
		w.t.Errorf("something is left behind\n%s", w.Describe())
	}
}

func (w *world) wantFinalizer() {
	w.t.Helper()
	if !controllerutil.ContainsFinalizer(w.droplet(), spawnv1.DropletFinalizer) {
		w.t.Error("the finalizer is off")
	}
}

// requests are the simulator's entries of that method and route, without the passes over the fleet and the verification
// of the token, which each life of the manager does once.
func (w *world) requests(method, route string) []dosim.Entry {
	var found []dosim.Entry
	for _, e := range w.Cloud.Journal() {
		if (method == "" || e.Method == method) && (route == "" || e.Route == route) &&
			!strings.Contains(e.Query, "tag_name=") && e.Route != "/v2/account" {
			found = append(found, e)
		}
	}
	return found
}

// checkCreates holds for every test: a create that was not provably refused is not repeated before the settle window
// has passed and three complete looks by name have found nothing.
func (w *world) checkCreates() {
	if w.many {
		return
	}
	const enoughLooks = 3
	looks := 0
	var doubt *dosim.Entry
	for _, e := range w.Cloud.Journal() {
		switch {
		case e.Method == http.MethodGet && e.Route == list && strings.Contains(e.Query, "name="+w.name) &&
			e.Status == http.StatusOK && e.Fault == "":
			looks++
		case e.Method == http.MethodPost && e.Route == list:
			if doubt != nil && (e.Time.Sub(doubt.Time) < testenv.SettleWindow-intentLag || looks < enoughLooks) {
				w.t.Errorf("create request %d is repeated by %d after %s and %d looks",
					doubt.Seq, e.Seq, e.Time.Sub(doubt.Time), looks)
			}
			if looks, doubt = 0, &e; e.Status/100 == 4 {
				doubt = nil
			}
		}
	}
}

// intentLag is how much older an intent, from which the window is counted, can be than its request.
const intentLag = 10 * time.Second

// checkDeletes holds for every test: an instance is destroyed right after a fresh look at it, and never by tag.
func (w *world) checkDeletes() {
	var before dosim.Entry
	for _, e := range w.Cloud.Journal() {
		looked := e.Route == one && before.Method == http.MethodGet && before.Path == e.Path &&
			before.Status == http.StatusOK
		if e.Method == http.MethodDelete && e.Route != snapshotRoute && !looked {
			w.t.Errorf("%s %s?%s follows %s %s (%d), not a look at that instance",
				e.Method, e.Path, e.Query, before.Method, before.Path, before.Status)
		}
		before = e
	}
}

func existsReason(droplet *spawnv1.Droplet) string {
	return status.Reason(droplet, spawnv1.ExistsCondition)
}
