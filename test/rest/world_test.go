// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	spawn "github.com/cedros-io/open-spawn/internal/manager"
)

const (
	fleetID = "test-fleet"
	token   = "dop_v1_test"
	// plenty is more calls in a minute than any test makes.
	plenty = 1_000_000
	// writers is how many requests a test has under way at once.
	writers = 20
	// stride is how far the clock moves at a time.
	stride = 500 * time.Millisecond
	// lookEvery is how often it is looked whether something is going on, in real time, and calm is how many looks in a
	// row must find nothing for the clock to move on.
	lookEvery = time.Millisecond
	calm      = 3
	// sleepers is how many loops there are: the inventory's, the firewall's and the guard's.
	sleepers = 3
	// patience bounds what goes on while the clock stands still, in real time.
	patience = 2 * time.Minute
)

// world is a namespace, a simulator, a clock, and a manager that lives by it.
type world struct {
	*testing.T
	api       client.Client
	namespace string
	clock     *clocktesting.FakeClock
	loops     *clocktesting.FakeClock // the same time, for who has nothing but it to wake up by
	sim       *dosim.Server
	url       string
	perMinute int
	manager   *life
}

// newWorld is a world without a manager, whose simulator behaves as the options say.
func newWorld(t *testing.T, options dosim.Options) *world {
	t.Helper()
	api, err := client.New(plane.Config(), client.Options{Scheme: spawn.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	// The API server stamps objects with real time; the clock starts there.
	start := time.Now().Truncate(time.Second) //nolint:forbidigo // see above
	w := &world{T: t, api: api, namespace: "rest-" + rand.String(8)}
	w.clock, w.loops = clocktesting.NewFakeClock(start), clocktesting.NewFakeClock(start)
	options.Clock, options.Tokens = w.clock, []string{token}
	w.sim = dosim.New(options)
	server := httptest.NewServer(w.sim)
	t.Cleanup(func() { w.sim.Close(); server.Close() })
	w.url = server.URL
	w.must(api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}), "the namespace")
	t.Cleanup(w.clean)
	return w
}

// clean removes what the test has left, which the next test's fleet would be taken for.
func (w *world) clean() {
	ctx := context.WithoutCancel(w.Context())
	free := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	for _, list := range []client.ObjectList{&spawnv1.DropletList{}, &spawnv1.BotList{}, &spawnv1.AccountList{}} {
		w.must(w.api.List(ctx, list), "listing what is left")
		group := errgroup.Group{}
		group.SetLimit(writers)
		_ = meta.EachListItem(list, func(item runtime.Object) error {
			group.Go(func() error {
				object, _ := item.(client.Object)
				if err := w.api.Patch(ctx, object, free); err != nil {
					return client.IgnoreNotFound(err)
				}
				return client.IgnoreNotFound(w.api.Delete(ctx, object))
			})
			return nil
		})
		w.must(group.Wait(), "removing what is left")
	}
}

func (w *world) must(err error, format string, args ...any) {
	w.Helper()
	if err != nil {
		w.Fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}

// within waits, in real time, for what takes a moment.
func (w *world) within(what string, done func() bool) {
	w.Helper()
	ticker, deadline := time.NewTicker(lookEvery), time.After(patience)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline:
			w.Fatalf("within %s it has not come about that %s", patience, what)
		}
	}
}

// settle waits until all that is due has been done. What the API server has yet to tell the caches may come later,
// as it may in life.
func (w *world) settle() {
	w.Helper()
	quiet, last := 0, int64(-1)
	w.within("nothing is going on", func() bool {
		ended := w.manager.activity.ended.Load()
		if ended != last || !w.manager.activity.isQuiet() || w.loops.Waiters() != sleepers {
			quiet, last = 0, ended
			return false
		}
		quiet++
		return quiet >= calm
	})
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	w.Helper()
	for end := w.clock.Now().Add(d); w.clock.Now().Before(end); {
		w.clock.Step(stride)
		w.loops.Step(stride)
		w.settle()
	}
}

// until lets time pass until it is so.
func (w *world) until(goal string, most time.Duration, done func() bool) {
	w.Helper()
	began := w.clock.Now()
	for !done() {
		if w.clock.Since(began) > most {
			w.Fatalf("after %s it is not so that %s\n%s", most, goal, w.unready())
		}
		w.pass(5 * time.Second)
	}
}

// each does something with every object, many at a time.
func (w *world) each(objects []client.Object, what string, do func(context.Context, client.Object) error) {
	w.Helper()
	group, ctx := errgroup.WithContext(w.Context())
	group.SetLimit(writers)
	for _, object := range objects {
		group.Go(func() error { return do(ctx, object) })
	}
	w.must(group.Wait(), "%s", what)
}

func (w *world) create(objects ...client.Object) {
	w.Helper()
	w.each(objects, "creating", func(ctx context.Context, o client.Object) error { return w.api.Create(ctx, o) })
}

func (w *world) remove(objects ...client.Object) {
	w.Helper()
	w.each(objects, "deleting", func(ctx context.Context, o client.Object) error { return w.api.Delete(ctx, o) })
}

// refused counts the requests that the simulator has answered with 429.
func (w *world) refused() int {
	n := 0
	for _, e := range w.sim.Journal() {
		if e.Status == http.StatusTooManyRequests {
			n++
		}
	}
	return n
}
