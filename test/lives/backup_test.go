// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package lives

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// backup is what a backup tool has kept of every object: all but the status and what the API server made up.
type backup struct {
	accounts, bots, droplets []client.Object
}

func (w *world) backup() backup {
	w.t.Helper()
	bare := func(meta *metav1.ObjectMeta) {
		*meta = metav1.ObjectMeta{
			Namespace: meta.Namespace, Name: meta.Name, Labels: meta.Labels, Annotations: meta.Annotations,
			Finalizers: meta.Finalizers,
		}
	}
	var b backup
	account := w.Account()
	bare(&account.ObjectMeta)
	account.Status = spawnv1.AccountStatus{}
	b.accounts = append(b.accounts, account)
	var bots spawnv1.BotList
	must(w.t, w.Client.List(w.t.Context(), &bots, client.InNamespace(w.Namespace)))
	for _, bot := range bots.Items {
		bare(&bot.ObjectMeta)
		bot.Status = spawnv1.BotStatus{}
		b.bots = append(b.bots, &bot)
	}
	for _, d := range w.Droplets() {
		bare(&d.ObjectMeta)
		d.Status = spawnv1.DropletStatus{}
		b.droplets = append(b.droplets, &d)
	}
	return b
}

// lose takes every object away by force, so that no controller is told that a machine should go.
func (w *world) lose(b backup) {
	w.t.Helper()
	for _, objects := range [][]client.Object{b.droplets, b.bots, b.accounts} {
		for _, obj := range objects {
			lost, ok := obj.DeepCopyObject().(client.Object)
			if !ok {
				w.t.Fatalf("%T is no object", obj)
			}
			w.Update(lost, func() { lost.SetFinalizers(nil) })
			w.Delete(lost)
		}
	}
}

func (w *world) restore(objects []client.Object) {
	w.t.Helper()
	for _, obj := range objects {
		must(w.t, client.IgnoreAlreadyExists(w.Client.Create(w.t.Context(), obj)))
	}
}

// The lives that a backup may find bots in.
var inTheMiddle = map[string]func(w *world, bot string){
	"runner": func(*world, string) {},
	"pauser": func(w *world, bot string) { w.becomes(bot, spawnv1.BotPaused) },
	"halfway": func(w *world, bot string) {
		w.want(bot, spawnv1.BotHibernated)
		w.until("a snapshot is being taken", func() bool {
			action := w.DropletOf(bot).Status.Action
			return action != nil && action.Type == "snapshot"
		})
	},
	"sleeper": func(w *world, bot string) { w.becomes(bot, spawnv1.BotHibernated) },
}

func TestEverythingRestoredWithoutStatusIsAsItWas(t *testing.T) {
	for name, restore := range map[string]func(w *world, b backup){
		"all at once": func(w *world, b backup) {
			w.restore(b.accounts)
			w.restore(b.droplets)
			w.restore(b.bots)
		},
		"Droplets an hour before Bots": func(w *world, b backup) {
			w.restore(b.accounts)
			w.restore(b.droplets)
			w.rounds(7, 10*time.Minute)
			w.restore(b.bots)
		},
		"Bots without Droplets": func(w *world, b backup) {
			w.restore(b.accounts)
			w.restore(b.bots)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			bots := slices.Sorted(maps.Keys(inTheMiddle))
			had, snapshot := map[string]int64{}, int64(0)
			for _, bot := range bots {
				w.GivenReadyBot(bot)
			}
			for _, bot := range []string{"sleeper", "pauser", "runner", "halfway"} {
				inTheMiddle[bot](w, bot)
				if snapshot == 0 {
					snapshot = w.Bot("sleeper").Status.SnapshotID
				}
				had[bot] = w.Bot(bot).Status.InstanceID
			}
			b := w.backup()
			w.lose(b)
			w.Restart()
			w.Cloud.ResetJournal()
			restore(w, b)
			w.untilAsDeclared(bots...)
			w.settle()

			for _, bot := range []string{"runner", "pauser"} {
				if id := w.machine(bot).ID; id != had[bot] {
					t.Errorf("%s has instance %d, want the one it had, %d", bot, id, had[bot])
				}
				w.wantKept(bot)
			}
			w.wantKept("sleeper", snapshot)
			if id := w.Bot("sleeper").Status.SnapshotID; id != snapshot {
				t.Errorf("sleeper hibernates in snapshot %d, want %d", id, snapshot)
			}
			asleep := w.Bot("halfway").Status.SnapshotID
			if kept := w.kept("halfway"); asleep == 0 || !slices.Contains(kept, asleep) || len(w.Live("halfway")) > 0 {
				t.Errorf("halfway hibernates in snapshot %d of %v\n%s", asleep, kept, w.Describe())
			}
			if creates := w.Creates(); creates > 0 {
				t.Errorf("%d instances were asked for, want none", creates)
			}
			if destroys := w.Cloud.Requests(http.MethodDelete, droplet); destroys != 1 {
				t.Errorf("%d destructions, want that of halfway's machine, which had a snapshot by then", destroys)
			}
		})
	}
}
