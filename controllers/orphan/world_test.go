// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/controllers/orphan"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// world is a fleet of one Bot, scout, and a sweeper that may destroy.
type world struct {
	*testenv.Env
	t *testing.T
}

// newWorld has a sweeper of policy Delete unless edit says otherwise.
func newWorld(t *testing.T, edit ...func(*orphan.Settings)) *world {
	t.Helper()
	e := testenv.New(t)
	e.Orphans.Policy = orphan.PolicyDelete
	for _, f := range edit {
		f(&e.Orphans)
	}
	e.Restart()
	e.GivenReadyBot("scout")
	w := &world{e, t}
	e.Cloud.ResetJournal()
	w.said()
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// name is a fresh machine name of a Bot that does not exist.
func (w *world) name() string { return identity.NewName(testenv.Fleet, w.Namespace, "gone") }

// plant puts an orphan into the cloud, two hours old unless edit says otherwise.
func (w *world) plant(edit ...func(*dosim.Plant)) int64 {
	p := dosim.Plant{
		Name: w.name(), Tags: identity.Tags(testenv.Fleet, nil), CreatedAt: w.Clock.Now().Add(-2 * time.Hour),
	}
	for _, f := range edit {
		f(&p)
	}
	return w.Cloud.Plant(p)
}

// passes has the fleet listed so many times, half a minute apart, and gives what stopped the sweeper last.
func (w *world) passes(n int) error {
	var last error
	for range n {
		w.Step(30 * time.Second)
		last = w.Sweep()
	}
	return last
}

func (w *world) lives(id int64) bool {
	return slices.ContainsFunc(w.Cloud.Live(""), func(i dosim.Instance) bool { return i.ID == id })
}

// destroys counts the requests to destroy an instance.
func (w *world) destroys() int { return w.Cloud.Requests(http.MethodDelete, "/v2/droplets/{id}") }

func (w *world) wantAlive(ids ...int64) {
	w.t.Helper()
	for _, id := range ids {
		if !w.lives(id) {
			w.t.Errorf("instance %d was destroyed", id)
		}
	}
	if n := w.destroys(); n != 0 {
		w.t.Errorf("%d requests to destroy an instance, want none", n)
	}
}

func (w *world) wantGone(ids ...int64) {
	w.t.Helper()
	for _, id := range ids {
		if w.lives(id) {
			w.t.Errorf("instance %d was not destroyed", id)
		}
	}
	if live := len(w.Live("scout")); live != 1 {
		w.t.Errorf("%d instances of scout live, want 1", live)
	}
}

// said drains the events of the present life.
func (w *world) said() []string {
	var said []string
	for {
		select {
		case event := <-w.Manager.Events.Events:
			said = append(said, event)
			reasonsSaid[strings.Fields(event)[1]] = true
		default:
			return said
		}
	}
}

// wantSaid fails the test unless exactly these were said of orphans, each as type and reason.
func (w *world) wantSaid(want ...string) {
	w.t.Helper()
	var got []string
	for _, event := range w.said() {
		if words := strings.Fields(event); strings.Contains(words[1], "Orphan") {
			got = append(got, words[0]+" "+words[1])
		}
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("events %q, want %q", got, want)
	}
}

// backup is what a person has in Git: the objects of one kind, without status and without what the API server made up.
func (w *world) backup(list client.ObjectList) []client.Object {
	w.t.Helper()
	must(w.t, w.Client.List(w.t.Context(), list))
	var kept []client.Object
	switch l := list.(type) {
	case *spawnv1.AccountList:
		for i := range l.Items {
			l.Items[i].Status = spawnv1.AccountStatus{}
			kept = append(kept, &l.Items[i])
		}
	case *spawnv1.BotList:
		for i := range l.Items {
			l.Items[i].Status = spawnv1.BotStatus{}
			kept = append(kept, &l.Items[i])
		}
	case *spawnv1.DropletList:
		for i := range l.Items {
			l.Items[i].Status = spawnv1.DropletStatus{}
			kept = append(kept, &l.Items[i])
		}
	}
	return kept
}

// wipe takes objects away by force, so that nobody is told that a machine should go.
func (w *world) wipe(objects []client.Object) {
	w.t.Helper()
	for _, obj := range objects {
		if !w.Exists(obj) {
			continue
		}
		w.Update(obj, func() { obj.SetFinalizers(nil) })
		w.Delete(obj)
	}
}

func (w *world) restore(objects []client.Object) {
	w.t.Helper()
	for _, kept := range objects {
		obj, _ := kept.DeepCopyObject().(client.Object)
		obj.SetUID("")
		obj.SetResourceVersion("")
		obj.SetGeneration(0)
		obj.SetCreationTimestamp(metav1.Time{})
		obj.SetManagedFields(nil)
		if err := w.Client.Create(w.t.Context(), obj); err != nil && !apierrors.IsAlreadyExists(err) {
			w.t.Fatalf("restoring %s: %v", obj.GetName(), err)
		}
	}
}

// onFreshLook makes act run before the first look at one instance.
func onFreshLook(act func()) testenv.Hook {
	done := false
	return func(request *http.Request) error {
		if !done && request.Method == http.MethodGet && strings.HasPrefix(request.URL.Path, "/v2/droplets/") {
			done = true
			act()
		}
		return nil
	}
}

// onEvery counts requests.
func onEvery(count *int) testenv.Hook {
	return func(*http.Request) error { *count++; return nil }
}
