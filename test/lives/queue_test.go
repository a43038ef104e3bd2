// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package lives

import (
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// queue reconciles what changed or asked for it, as the manager does, where Env.Round reconciles everything: a test
// with many objects and a long story is over sooner.
type queue struct {
	*world
	seen     map[string]string
	due      map[string]time.Time
	lastPass time.Time
	// bots are those that there are, as they were last listed.
	bots map[string]*spawnv1.Bot
	// reconciles counts.
	reconciles int
}

func newQueue(w *world) *queue {
	return &queue{world: w, seen: map[string]string{}, due: map[string]time.Time{}}
}

// passEvery is how often the fleet is listed.
const passEvery = 30 * time.Second

// goOn reconciles once what is to be reconciled now, and moves the clock to when there is something again.
func (q *queue) goOn() {
	q.t.Helper()
	var bots spawnv1.BotList
	var droplets spawnv1.DropletList
	must(q.t, q.Client.List(q.t.Context(), &bots, client.InNamespace(q.Namespace)))
	must(q.t, q.Client.List(q.t.Context(), &droplets, client.InNamespace(q.Namespace)))
	q.pass(bots.Items)
	q.bots = map[string]*spawnv1.Bot{}
	for i := range bots.Items {
		q.bots[bots.Items[i].Name] = &bots.Items[i]
	}
	versions := map[string]string{}
	for i := range droplets.Items {
		versions[droplets.Items[i].Spec.BotRef.Name] += droplets.Items[i].ResourceVersion + " "
	}
	busy := false
	for name, bot := range q.bots {
		busy = q.look("bot "+name, bot.ResourceVersion+" "+versions[name], func() (reconcile.Result, error) {
			return q.ReconcileBot(name)
		}) || busy
	}
	for i := range droplets.Items {
		d := &droplets.Items[i]
		bot, claims := q.bots[d.Spec.BotRef.Name], false
		if bot != nil {
			claims = bot.Status.DropletName == d.Name && bot.DeletionTimestamp.IsZero()
		}
		sign := fmt.Sprint(d.UID, d.Generation, d.Annotations, d.Finalizers, claims)
		busy = q.look("droplet "+d.Name, sign, func() (reconcile.Result, error) {
			return q.ReconcileDroplet(d.Name)
		}) || busy
	}
	q.rest(busy)
}

// pass lists the fleet when it is time, or a Bot waits for it.
func (q *queue) pass(bots []spawnv1.Bot) {
	if q.Clock.Since(q.lastPass) >= passEvery {
		q.lastPass = q.Clock.Now()
		q.Pass()
		for key := range q.due {
			if strings.HasPrefix(key, "droplet ") {
				q.due[key] = q.Clock.Now() // any instance may show to be other than it was
			}
		}
		return
	}
	for i := range bots {
		if bots[i].Status.DropletName == "" && bots[i].Spec.DesiredState != spawnv1.BotHibernated {
			q.Pass()
			q.due["bot "+bots[i].Name] = q.Clock.Now()
		}
	}
}

// look reconciles an object if it is another than when it was last looked at, or its time has come.
func (q *queue) look(key, sign string, reconcileIt func() (reconcile.Result, error)) bool {
	q.t.Helper()
	due, known := q.due[key]
	if q.seen[key] == sign && (!known || due.After(q.Clock.Now())) {
		return false
	}
	q.seen[key] = sign
	q.reconciles++
	result, err := reconcileIt()
	switch {
	case err != nil:
		q.due[key] = q.Clock.Now().Add(2 * time.Second)
	case result.RequeueAfter > 0:
		q.due[key] = q.Clock.Now().Add(result.RequeueAfter)
	default:
		q.due[key] = q.Clock.Now().Add(time.Hour)
	}
	return true
}

// rest moves the clock: a little after work, which may have made some, and else to the next thing to do.
func (q *queue) rest(busy bool) {
	wait := q.lastPass.Add(passEvery).Sub(q.Clock.Now())
	if busy {
		wait = time.Second
	}
	for _, due := range q.due {
		wait = min(wait, due.Sub(q.Clock.Now()))
	}
	q.Step(max(wait, time.Second))
}

// until is world.until for the queue, with a far later end.
func (q *queue) until(goal string, done func() bool) {
	q.t.Helper()
	const turns = 20_000
	for range turns {
		q.goOn()
		if done() {
			return
		}
	}
	q.t.Fatalf("it never comes that %s\n%s", goal, q.Describe())
}
