// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"net/http"
	"syscall"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

// Three requests are under way when the manager is killed: a create that has not arrived and arrives later, a create
// that was obeyed and not yet written down, and a destruction.
func TestCRIT005_ManagerKilledWithRequestsUnderWayLeavesOneInstanceEach(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withAccount(t)
	first := w.startChild(t)
	c.apply(t, "leaver")
	c.becomeReady(t, "leaver")

	leaver := c.mustBot(t, "leaver")
	destruction := w.road.holdReply(t, http.MethodDelete, c.instancePath(t, "leaver"))
	before := w.road.holdRequest(t, http.MethodPost, `"name":"before-`)
	after := w.road.holdReply(t, http.MethodPost, `"name":"after-`)
	c.apply(t, "before", "after")
	kubectl(t, "delete", "--wait=false", "-n", c.namespace, "bot", "leaver")
	destruction.await(t, "the destruction")
	before.await(t, "the create request of bot before")
	after.await(t, "the create request of bot after")
	for _, name := range []string{"before", "after"} {
		if id := c.droplet(t, name).Status.InstanceID; id != 0 {
			t.Fatalf("instance %d of bot %s is written down although the reply is held", id, name)
		}
	}
	first.signal(t, syscall.SIGKILL)
	if code := first.ends(t); code != -1 {
		t.Errorf("a killed manager has exit code %d", code)
	}
	for _, h := range []*hold{destruction, before, after} {
		h.release()
	}

	w.startChild(t)
	c.becomeReady(t, "before", "after")
	c.hadOneInstanceEver(t, "before")
	c.hadOneInstanceEver(t, "after")
	isGone(t, leaver)
	if live := w.cloud.Live("leaver-"); len(live) > 0 {
		t.Errorf("the bot is gone and its instance is not: %v", live)
	}
}

func TestCRIT005_ManagerToldToEndWritesDownTheCreateThatIsUnderWay(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withAccount(t)
	manager := w.startChild(t, "--leader-elect")
	reply := w.road.holdReply(t, http.MethodPost, `"name":"parting-`)
	c.apply(t, "parting")
	reply.await(t, "the create request")
	manager.signal(t, syscall.SIGTERM)
	manager.logs(t, "Stopping and waiting for leader election runnables")
	reply.release()
	if code := manager.ends(t); code != 0 {
		t.Errorf("a manager that was told to end has exit code %d, want 0", code)
	}
	live := w.cloud.Live("parting-")
	recorded := c.droplet(t, "parting").Status
	if len(live) != 1 || recorded.InstanceID != live[0].ID || recorded.Attempt.State != spawnv1.AttemptDone {
		t.Errorf("live are %v, and written down is instance %d of attempt %+v", live, recorded.InstanceID, recorded.Attempt)
	}
	var lease coordinationv1.Lease
	key := client.ObjectKey{Namespace: localrun.SystemNamespace, Name: leaseName}
	if err := shared.api.Get(t.Context(), key, &lease); err != nil {
		t.Fatal(err)
	}
	if holder := ptr.Deref(lease.Spec.HolderIdentity, ""); holder != "" {
		t.Errorf("the lease is still held by %s: a successor waits for nothing", holder)
	}
}

// droplet reads the Droplet of a Bot.
func (c *tenant) droplet(t *testing.T, bot string) *spawnv1.Droplet {
	t.Helper()
	var droplet spawnv1.Droplet
	key := client.ObjectKey{Namespace: c.namespace, Name: c.mustBot(t, bot).Status.DropletName}
	if err := shared.api.Get(t.Context(), key, &droplet); err != nil {
		t.Fatal(err)
	}
	return &droplet
}
