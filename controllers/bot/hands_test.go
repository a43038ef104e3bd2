// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// hands do to machines and Droplets what is not the Bot controller's part: they switch the power, and take and destroy
// the snapshots of Droplets. What the Droplet controller has done before them is left to it.
type hands struct {
	*testenv.Env
	t   *testing.T
	api cloud.API
}

func newHands(t *testing.T) *hands {
	t.Helper()
	e := testenv.New(t, func(o *dosim.Options) { o.ActionDelay = 0 })
	api, err := digitalocean.Connect(digitalocean.Options{
		BaseURL: e.SimulatorURL, Token: e.Token, Clock: e.Clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &hands{Env: e, t: t, api: api}
}

// until runs the world, with hands in it.
func (h *hands) until(goal string, done func() bool) {
	h.t.Helper()
	h.Until(goal, func() bool {
		h.work()
		return done()
	})
}

// settle runs the world until the hands have nothing to do and nothing changes any more.
func (h *hands) settle() {
	h.t.Helper()
	for range 5 {
		h.work()
		h.Settle()
	}
}

func (h *hands) untilReady(name string) *spawnv1.Bot {
	h.t.Helper()
	h.until("bot "+name+" is Ready", func() bool { return h.IsReady(h.Bot(name)) })
	return h.Bot(name)
}

// untilHibernated sets scout's desiredState and runs the world until there is no machine.
func (h *hands) untilHibernated() *spawnv1.Bot {
	h.t.Helper()
	const name = "scout"
	h.want(name, spawnv1.BotHibernated)
	h.until("bot "+name+" hibernates", func() bool {
		return h.IsReady(h.Bot(name)) && reasonOf(h.Bot(name), spawnv1.ReadyCondition) == spawnv1.HibernatedReason
	})
	return h.Bot(name)
}

func (h *hands) want(name string, state spawnv1.BotDesiredState) {
	h.t.Helper()
	bot := h.Bot(name)
	h.Update(bot, func() { bot.Spec.DesiredState = state })
}

// work does what is to be done now.
func (h *hands) work() {
	h.t.Helper()
	for _, droplet := range h.Droplets() {
		instance, found := h.Cloud.Instance(droplet.Status.InstanceID)
		if !found || !instance.IsLive() || instance.State == "new" || !droplet.DeletionTimestamp.IsZero() {
			continue
		}
		h.power(&droplet, instance)
		h.snapshot(&droplet, instance)
	}
}

func (h *hands) power(droplet *spawnv1.Droplet, instance dosim.Instance) {
	h.t.Helper()
	state := map[spawnv1.PowerState]string{spawnv1.PowerOn: "active", spawnv1.PowerOff: "off"}[droplet.Spec.PowerState]
	if instance.State == state {
		return
	}
	if err := h.Cloud.SetState(instance.ID, state); err != nil {
		h.t.Fatal(err)
	}
}

func (h *hands) snapshot(droplet *spawnv1.Droplet, instance dosim.Instance) {
	h.t.Helper()
	taken := droplet.Status.Snapshot
	switch wanted := droplet.Spec.Snapshot == spawnv1.SwitchEnabled; {
	case wanted && taken == nil && instance.State == "off":
		h.give(droplet, h.take(droplet))
	case !wanted && taken != nil && taken.ID != 0:
		if err := cloud.IgnoreNotFound(h.api.DeleteSnapshot(h.t.Context(), taken.ID)); err != nil {
			h.t.Fatal(err)
		}
		h.give(droplet, nil)
	}
}

// take takes a snapshot of a Droplet's instance.
func (h *hands) take(droplet *spawnv1.Droplet) *spawnv1.InstanceSnapshot {
	h.t.Helper()
	name := identity.SnapshotName(droplet.Name, h.Clock.Now())
	request := cloud.ActionRequest{Type: cloud.ActionSnapshot, Name: name}
	if _, err := h.api.Act(h.t.Context(), droplet.Status.InstanceID, request); err != nil {
		h.t.Fatal(err)
	}
	h.Step(time.Second)
	for _, snapshot := range h.listed() {
		if snapshot.Name == name {
			return &spawnv1.InstanceSnapshot{Name: name, ID: snapshot.ID}
		}
	}
	h.t.Fatalf("there is no snapshot %s", name)
	return nil
}

// give writes into the status of a Droplet which snapshot it has.
func (h *hands) give(droplet *spawnv1.Droplet, snapshot *spawnv1.InstanceSnapshot) {
	h.t.Helper()
	before := droplet.DeepCopy()
	droplet.Status.Snapshot = snapshot
	if err := h.Client.Status().Patch(h.t.Context(), droplet, client.MergeFrom(before)); err != nil {
		h.t.Fatal(err)
	}
}

// listed are all snapshots that there are.
func (h *hands) listed() []cloud.Snapshot {
	h.t.Helper()
	all, err := h.api.ListSnapshots(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// wantSnapshots fails the test unless exactly these snapshots exist.
func (h *hands) wantSnapshots(ids ...int64) {
	h.t.Helper()
	var got []int64
	for _, snapshot := range h.listed() {
		got = append(got, snapshot.ID)
	}
	slices.Sort(got)
	slices.Sort(ids)
	if !slices.Equal(got, ids) {
		h.t.Errorf("there are snapshots %v, want %v", got, ids)
	}
}

// plantSnapshot makes a snapshot of that name, of a machine that is nobody's, and gives its id.
func (h *hands) plantSnapshot(name string) int64 {
	h.t.Helper()
	machine := h.Cloud.Plant(dosim.Plant{Name: "somebody", State: "off"})
	request := cloud.ActionRequest{Type: cloud.ActionSnapshot, Name: name}
	if _, err := h.api.Act(h.t.Context(), machine, request); err != nil {
		h.t.Fatal(err)
	}
	h.Step(time.Second)
	if err := h.Cloud.DestroyInstance(machine); err != nil {
		h.t.Fatal(err)
	}
	for _, snapshot := range h.listed() {
		if snapshot.Name == name {
			return snapshot.ID
		}
	}
	h.t.Fatalf("there is no snapshot %s", name)
	return 0
}

// snapshotCalls counts the requests of the manager about snapshots since the journal was reset. Those of the hands are
// counted too, so they must rest meanwhile.
func (h *hands) snapshotCalls() int { return h.Cloud.Requests("", "/v2/snapshots") }

// annotate sets an annotation of a Bot.
func (h *hands) annotate(name, key, value string) {
	h.t.Helper()
	bot := h.Bot(name)
	h.Update(bot, func() { bot.Annotations = map[string]string{key: value} })
}

// isDropletDelete tells whether a request asks for the deletion of a Droplet object.
func isDropletDelete(request *http.Request) bool {
	return toAPI(request) && request.Method == http.MethodDelete && strings.Contains(request.URL.Path, "/droplets/")
}

func mergeFrom(before client.Object) client.Patch { return client.MergeFrom(before) }
