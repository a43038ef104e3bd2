// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/status"
)

// What one manager does for many tenants at a time. It is parallel to nothing but its own parts: Go runs it when the
// tests that are not parallel are done, and it is the only one that is.
func TestOneManagerServesManyTenants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startEmbedded(t)
	for name, part := range map[string]func(*testing.T, *world){
		"Every bot becomes Ready for kubectl wait, and deleting leaves nothing":    applyWaitAndDelete,
		"An Account that is created later wakes the bots that refer to it":         accountComesLater,
		"Suspending an Account wakes its bots, and so does taking that back":       accountIsSuspended,
		"A Droplet that is deleted is replaced after its instance is gone":         dropletIsDeleted,
		"A pass over the fleet notices what was done in the console":               instanceIsPoweredOff,
		"HIGH002_A machine is paused, hibernated, restored and redeployed":         machineLives,
		"CRIT004_A create that hangs holds up no other bot":                        createHangs,
		"A namespace is deleted, although its Secrets go first":                    namespaceIsDeleted,
		"An Account that is deleted waits for its bots, and their end wakes it":    accountIsDeleted,
		"A finalizer that somebody takes off a Droplet is put back":                finalizerIsTakenOff,
		"What DigitalOcean complains of is told without the token or a Secret":     cloudComplains,
		"Editing a Bot wakes it, and it says what only another machine could have": botIsEdited,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t, w)
		})
	}
}

//nolint:thelper // a part of the test: a failure names its own line
func applyWaitAndDelete(t *testing.T, w *world) {
	c := w.newTenant(t).withAccount(t)
	c.apply(t, "scout", "ranger", "picket")
	kubectl(t, "wait", "--for=condition=Ready", "--timeout=60s", "-n", c.namespace, "bot/scout")
	c.becomeReady(t, "scout", "ranger", "picket")
	eventually(t, "the account counts its bots", soonEnough, func(ctx context.Context) error {
		var account spawnv1.Account
		err := shared.api.Get(ctx, client.ObjectKey{Name: c.account}, &account)
		if err == nil && (account.Status.Bots.Admitted != 3 || !status.IsTrue(&account, spawnv1.ReadyCondition)) {
			err = fmt.Errorf("its status is %+v", account.Status)
		}
		return err
	})
	kubectl(t, "delete", "--timeout=60s", "-n", c.namespace, "bot", "--all")
	kubectl(t, "delete", "--timeout=60s", "account", c.account)
	left, err := c.objects(t.Context())
	if err != nil || len(left) > 0 {
		t.Errorf("deleting left %v (%v)", left, err)
	}
	for _, name := range []string{"scout-", "ranger-", "picket-"} {
		if live, most := w.cloud.Live(name), w.cloud.MaxLive(name); len(live) > 0 || most != 1 {
			t.Errorf("of %s live %v, and at most %d lived at once", name, live, most)
		}
	}
}

//nolint:thelper // a part of the test: a failure names its own line
func accountComesLater(t *testing.T, w *world) {
	c := w.newTenant(t)
	c.apply(t, "early")
	c.says(t, "early", spawnv1.AdmittedCondition, spawnv1.AccountNotFoundReason)
	if live := w.cloud.Live("early-"); len(live) > 0 {
		t.Errorf("a bot without an Account has %v", live)
	}
	c.withAccount(t)
	c.becomeReady(t, "early")
}

//nolint:thelper // a part of the test: a failure names its own line
func accountIsSuspended(t *testing.T, w *world) {
	c := w.newTenant(t).withAccount(t)
	c.apply(t, "debtor", "borrower")
	c.becomeReady(t, "debtor", "borrower")
	c.setAccountState(t, spawnv1.AccountSuspended)
	for _, name := range []string{"debtor", "borrower"} {
		c.says(t, name, spawnv1.ReadyCondition, spawnv1.AccountSuspendedReason)
	}
	c.setAccountState(t, spawnv1.AccountActive)
	c.becomeReady(t, "debtor", "borrower")
	c.hadOneInstanceEver(t, "debtor")
	c.hadOneInstanceEver(t, "borrower")
}

func (c *tenant) setAccountState(t *testing.T, state spawnv1.AccountDesiredState) {
	t.Helper()
	kubectl(t, "patch", "account", c.account, "--type=merge", "-p",
		fmt.Sprintf(`{"spec":{"desiredState":%q}}`, state))
}

//nolint:thelper // a part of the test: a failure names its own line
func dropletIsDeleted(t *testing.T, w *world) {
	c := w.newTenant(t).withAccount(t)
	c.apply(t, "phoenix")
	c.becomeReady(t, "phoenix")
	first := c.mustBot(t, "phoenix").Status
	kubectl(t, "delete", "--timeout=60s", "-n", c.namespace, "droplet", first.DropletName)
	eventually(t, "another machine is there", soonEnough, func(ctx context.Context) error {
		bot, err := c.bot(ctx, "phoenix")
		if err == nil && (bot.Status.InstanceID == 0 || bot.Status.InstanceID == first.InstanceID) {
			err = notYet(bot)
		}
		return err
	})
	c.becomeReady(t, "phoenix")
	second := c.mustBot(t, "phoenix").Status
	if second.Incarnation != first.Incarnation+1 || second.DropletName == first.DropletName {
		t.Errorf("incarnation %d was %s, and %d is %s",
			first.Incarnation, first.DropletName, second.Incarnation, second.DropletName)
	}
	if most := w.cloud.MaxLive("phoenix-"); most != 1 {
		t.Errorf("%d instances lived at once", most)
	}
}

//nolint:thelper // a part of the test: a failure names its own line
func instanceIsPoweredOff(t *testing.T, w *world) {
	c := w.newTenant(t).withAccount(t)
	c.apply(t, "sleeper")
	c.becomeReady(t, "sleeper")
	id := c.mustBot(t, "sleeper").Status.InstanceID
	if err := w.cloud.SetState(id, "off"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the machine is powered on again", soonEnough, func(context.Context) error {
		if instance, _ := w.cloud.Instance(id); instance.State != "active" {
			return fmt.Errorf("it is %s", instance.State)
		}
		return nil
	})
	c.becomeReady(t, "sleeper")
}

//nolint:thelper // a part of the test: a failure names its own line
func createHangs(t *testing.T, w *world) {
	c := w.newTenant(t).withAccount(t)
	hanging := w.road.holdRequest(t, http.MethodPost, `"name":"tarpit-`)
	c.apply(t, "tarpit")
	hanging.await(t, "the create request")
	c.apply(t, "nimble", "brisk")
	c.becomeReady(t, "nimble", "brisk")
	if bot := c.mustBot(t, "tarpit"); bot.Status.InstanceID != 0 || len(w.cloud.Live("tarpit-")) > 0 {
		t.Errorf("a request that hangs has made %v", w.cloud.Live("tarpit-"))
	}
	hanging.drop()
	c.becomeReady(t, "tarpit")
	c.hadOneInstanceEver(t, "tarpit")
}

//nolint:thelper // a part of the test: a failure names its own line
func namespaceIsDeleted(t *testing.T, w *world) {
	c := w.newTenant(t).withAccount(t)
	c.apply(t, "nomad", "hermit")
	c.becomeReady(t, "nomad", "hermit")
	nomad := w.road.holdRequest(t, http.MethodDelete, c.instancePath(t, "nomad"))
	hermit := w.road.holdRequest(t, http.MethodDelete, c.instancePath(t, "hermit"))

	kubectl(t, "delete", "--wait=false", "namespace", c.namespace)
	nomad.await(t, "the destruction of nomad")
	hermit.await(t, "the destruction of hermit")
	eventually(t, "the Secrets are gone while the bots are not", soonEnough, func(ctx context.Context) error {
		var secrets corev1.SecretList
		err := shared.api.List(ctx, &secrets, client.InNamespace(c.namespace))
		if err == nil && len(secrets.Items) > 0 {
			err = fmt.Errorf("%d Secrets are left", len(secrets.Items))
		}
		return err
	})
	c.mustBot(t, "nomad")
	c.mustBot(t, "hermit")
	nomad.release()
	hermit.release()
	isGone(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}})
	if live := append(w.cloud.Live("nomad-"), w.cloud.Live("hermit-")...); len(live) > 0 {
		t.Errorf("the namespace is gone, and these live: %v", live)
	}
}

//nolint:thelper // a part of the test: a failure names its own line
func accountIsDeleted(t *testing.T, w *world) {
	c := w.newTenant(t).withAccount(t)
	c.apply(t, "heir")
	c.becomeReady(t, "heir")
	kubectl(t, "delete", "--wait=false", "account", c.account)
	account := c.newAccount()
	eventually(t, "the account waits for its bot", soonEnough, func(ctx context.Context) error {
		if err := shared.api.Get(ctx, client.ObjectKeyFromObject(account), account); err != nil {
			return err
		}
		ready := status.Get(account, spawnv1.ReadyCondition)
		if ready == nil || ready.Reason != spawnv1.BotsRemainReason || !strings.Contains(ready.Message, c.namespace+"/heir") {
			return fmt.Errorf("Ready is %+v", ready)
		}
		return nil
	})
	c.says(t, "heir", spawnv1.AdmittedCondition, spawnv1.AccountDeletingReason)
	kubectl(t, "delete", "--timeout=60s", "-n", c.namespace, "bot", "heir")
	isGone(t, account)
}

//nolint:thelper // a part of the test: a failure names its own line
func finalizerIsTakenOff(t *testing.T, w *world) {
	c := w.newTenant(t).withAccount(t)
	c.apply(t, "anchor")
	c.becomeReady(t, "anchor")
	name := c.mustBot(t, "anchor").Status.DropletName
	kubectl(t, "patch", "-n", c.namespace, "droplet", name, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	eventually(t, "the finalizer is back", soonEnough, func(ctx context.Context) error {
		var droplet spawnv1.Droplet
		err := shared.api.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, &droplet)
		if err == nil && len(droplet.Finalizers) == 0 {
			err = fmt.Errorf("there is none")
		}
		return err
	})
}

//nolint:thelper // a part of the test: a failure names its own line
func botIsEdited(t *testing.T, w *world) {
	c := w.newTenant(t).withAccount(t)
	c.apply(t, "chameleon")
	c.becomeReady(t, "chameleon")
	c.wish(t, "chameleon", `{"spec":{"machine":{"region":"fra1"}}}`)
	c.says(t, "chameleon", spawnv1.ReadyCondition, spawnv1.ReplaceRequiredReason)
	c.wish(t, "chameleon", `{"spec":{"machine":{"region":"nyc3"},"displayName":"Chameleon"}}`)
	c.becomeReady(t, "chameleon")
	c.hadOneInstanceEver(t, "chameleon")
}

// Whatever DigitalOcean says goes through the log, the status and the events. The sweep of the tenant, and the end of
// every test, look there for the token and for the value of the Secret.
//
//nolint:thelper // a part of the test: a failure names its own line
func cloudComplains(t *testing.T, w *world) {
	c := w.newTenant(t).withAccount(t)
	for _, fault := range []dosim.Fault{
		{Kind: dosim.FaultStatus, Contains: `"name":"refused-`, Status: http.StatusUnprocessableEntity, Message: "no"},
		{Kind: dosim.FaultStatusAfter, Contains: `"name":"garbled-`, Status: http.StatusBadGateway, HTML: true},
		{Kind: dosim.FaultCutBody, Contains: `"name":"torn-`},
		{Kind: dosim.FaultStatus, Contains: `"name":"barred-`, Status: http.StatusUnauthorized},
	} {
		fault.Method, fault.Route = http.MethodPost, "/v2/droplets"
		w.cloud.AddFault(fault)
	}
	c.apply(t, "refused", "garbled", "torn", "barred")
	c.says(t, "refused", spawnv1.ReadyCondition, spawnv1.CreateRefusedReason)
	c.says(t, "barred", spawnv1.ReadyCondition, spawnv1.CredentialsInvalidReason)
	c.becomeReady(t, "garbled", "torn")
	c.hadOneInstanceEver(t, "garbled")
	c.hadOneInstanceEver(t, "torn")
}
