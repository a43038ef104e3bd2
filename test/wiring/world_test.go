// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/localrun"
	"github.com/cedros-io/open-spawn/internal/status"
)

// leaseName is the leader's lease.
const leaseName = "open-spawn-manager"

// world is a DigitalOcean of its own for one test, and what its managers have in common.
type world struct {
	cloud *dosim.Server
	// road leads to the cloud.
	road *gate
	// token opens the cloud; secret is the value of every Secret. Neither may ever be seen anywhere else.
	token, secret string
	// dir outlives the managers.
	dir, tokenFile string
	// variables are in the environment of every child.
	variables []string
	// logs are files with what the managers have logged.
	logs []string
}

// tenant is a namespace with an Account, and the Bots in it.
type tenant struct {
	*world
	namespace, account string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	setUp(t)
	w := &world{token: "dop_v1_" + rand.String(40), secret: "sk-" + rand.String(40), dir: t.TempDir()}
	w.tokenFile = filepath.Join(w.dir, "token")
	w.cloud = dosim.New(dosim.Options{StateDelay: 300 * time.Millisecond, Tokens: []string{w.token}})
	t.Cleanup(w.cloud.Close)
	t.Cleanup(func() {
		forgetLeader(t)
		forgetFleet(t)
		w.keepsItsSecrets(t)
	})
	w.road = newGate(t, w.cloud)
	w.writeToken(t, w.token)
	return w
}

func (w *world) writeToken(t *testing.T, token string) {
	t.Helper()
	if err := os.WriteFile(w.tokenFile, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// forgetLeader removes the lease that a killed leader left, so that the next test need not wait for its end.
func forgetLeader(t *testing.T) {
	t.Helper()
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: localrun.SystemNamespace, Name: leaseName}}
	if err := shared.api.Delete(context.WithoutCancel(t.Context()), lease); client.IgnoreNotFound(err) != nil {
		t.Error(err)
	}
}

// forgetFleet removes the fleet record, because the next test has a DigitalOcean of its own.
func forgetFleet(t *testing.T) {
	t.Helper()
	record := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: localrun.SystemNamespace, Name: fleet.RecordName,
	}}
	if err := shared.api.Delete(context.WithoutCancel(t.Context()), record); client.IgnoreNotFound(err) != nil {
		t.Error(err)
	}
}

// newTenant makes a namespace and in it the Secret that the Bots name, but no Account yet.
func (w *world) newTenant(t *testing.T) *tenant {
	t.Helper()
	name := "w-" + rand.String(8)
	c := &tenant{world: w, namespace: name, account: name}
	t.Cleanup(func() { c.sweep(t) })
	create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: name, Name: "keys", Labels: map[string]string{spawnv1.GroupName + "/bot-access": "true"},
		},
		StringData: map[string]string{"llm": w.secret},
	})
	return c
}

// withAccount makes the Account too.
func (c *tenant) withAccount(t *testing.T) *tenant {
	t.Helper()
	create(t, c.newAccount())
	return c
}

func (c *tenant) newAccount() *spawnv1.Account {
	return &spawnv1.Account{
		ObjectMeta: metav1.ObjectMeta{Name: c.account},
		Spec: spawnv1.AccountSpec{
			ExternalID: c.account, Tier: spawnv1.AccountTierPro, Namespaces: []string{c.namespace},
		},
	}
}

func (c *tenant) newBot(name string) *spawnv1.Bot {
	return &spawnv1.Bot{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
		Spec: spawnv1.BotSpec{
			AccountRef: spawnv1.AccountReference{Name: c.account},
			Persona:    spawnv1.PersonaBeginner,
			LLM: spawnv1.LLM{
				Provider: "anthropic", Model: "claude-sonnet-4-5",
				APIKeySecretRef: spawnv1.SecretKeyReference{Name: "keys", Key: "llm"},
			},
		},
	}
}

// apply creates Bots of these names.
func (c *tenant) apply(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		create(t, c.newBot(name))
	}
}

func create(t *testing.T, obj client.Object) {
	t.Helper()
	if err := shared.api.Create(t.Context(), obj); err != nil {
		t.Fatalf("creating %T %s: %v", obj, obj.GetName(), err)
	}
}

// bot reads a Bot.
func (c *tenant) bot(ctx context.Context, name string) (*spawnv1.Bot, error) {
	var bot spawnv1.Bot
	return &bot, shared.api.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, &bot)
}

// mustBot reads a Bot that is there.
func (c *tenant) mustBot(t *testing.T, name string) *spawnv1.Bot {
	t.Helper()
	bot, err := c.bot(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return bot
}

// instancePath is where DigitalOcean has a Bot's instance.
func (c *tenant) instancePath(t *testing.T, bot string) string {
	t.Helper()
	return fmt.Sprintf("/v2/droplets/%d", c.mustBot(t, bot).Status.InstanceID)
}

// becomeReady waits until each of the Bots is Ready and has exactly one instance.
func (c *tenant) becomeReady(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		eventually(t, "bot "+name+" is Ready", soonEnough, func(ctx context.Context) error {
			bot, err := c.bot(ctx, name)
			if err != nil {
				return err
			}
			ready := status.Get(bot, spawnv1.ReadyCondition)
			if ready == nil || ready.Status != metav1.ConditionTrue || ready.ObservedGeneration != bot.Generation {
				return notYet(bot)
			}
			return nil
		})
		live := c.cloud.Live(name + "-")
		if bot := c.mustBot(t, name); len(live) != 1 || live[0].ID != bot.Status.InstanceID {
			t.Errorf("bot %s is Ready with instance %d, and these are live: %v", name, bot.Status.InstanceID, live)
		}
	}
}

// says waits until a condition of a Bot has that reason.
func (c *tenant) says(t *testing.T, name, conditionType, reason string) {
	t.Helper()
	eventually(t, "bot "+name+" says "+reason, soonEnough, func(ctx context.Context) error {
		bot, err := c.bot(ctx, name)
		if err != nil {
			return err
		}
		if condition := status.Get(bot, conditionType); condition == nil || condition.Reason != reason {
			return notYet(bot)
		}
		return nil
	})
}

func notYet(bot *spawnv1.Bot) error {
	var lines []string
	for _, c := range bot.Status.Conditions {
		lines = append(lines, fmt.Sprintf("  %s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return fmt.Errorf("generation %d, machine %q, conditions\n%s",
		bot.Generation, bot.Status.DropletName, strings.Join(lines, "\n"))
}

// isGone waits until an object is gone.
func isGone(t *testing.T, obj client.Object) {
	t.Helper()
	eventually(t, fmt.Sprintf("%T %s is gone", obj, obj.GetName()), soonEnough, func(ctx context.Context) error {
		err := shared.api.Get(ctx, client.ObjectKeyFromObject(obj), obj)
		if err == nil {
			return fmt.Errorf("it is still there, with finalizers %v", obj.GetFinalizers())
		}
		return client.IgnoreNotFound(err)
	})
}

// hadOneInstanceEver checks that a Bot never had a second instance, not even one after the other.
func (c *tenant) hadOneInstanceEver(t *testing.T, name string) {
	t.Helper()
	ever := 0
	for _, instance := range c.cloud.Instances() {
		if strings.HasPrefix(instance.Name, name+"-") {
			ever++
		}
	}
	if live := len(c.cloud.Live(name + "-")); ever != 1 || live != 1 {
		t.Errorf("bot %s has had %d instances and %d are live, want one", name, ever, live)
	}
}

// sweep removes what a test left, without a manager.
func (c *tenant) sweep(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	c.keepsItsSecrets(t)
	if err := c.forceRemove(ctx); err != nil {
		t.Error(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}}
	if err := shared.api.Delete(ctx, namespace); client.IgnoreNotFound(err) != nil {
		t.Error(err)
	}
	for _, kind := range []client.Object{&corev1.Secret{}, &coordinationv1.Lease{}} {
		err := shared.api.DeleteAllOf(ctx, kind, client.InNamespace(localrun.DeliveryNamespace),
			client.MatchingLabels{spawnv1.GroupName + "/bot-namespace": c.namespace})
		if err != nil {
			t.Error(err)
		}
	}
}

// forceRemove takes the finalizers off the tenant's objects and deletes them.
func (c *tenant) forceRemove(ctx context.Context) error {
	objects, err := c.objects(ctx)
	if err != nil {
		return err
	}
	strip := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	for _, object := range objects {
		if err := shared.api.Patch(ctx, object, strip); client.IgnoreNotFound(err) != nil {
			return err
		}
		if err := shared.api.Delete(ctx, object); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

// objects are the tenant's Bots and Droplets, and its Account.
func (c *tenant) objects(ctx context.Context) ([]client.Object, error) {
	var bots spawnv1.BotList
	var droplets spawnv1.DropletList
	var account spawnv1.Account
	if err := shared.api.List(ctx, &bots, client.InNamespace(c.namespace)); err != nil {
		return nil, err
	}
	if err := shared.api.List(ctx, &droplets, client.InNamespace(c.namespace)); err != nil {
		return nil, err
	}
	var found []client.Object
	for i := range bots.Items {
		found = append(found, &bots.Items[i])
	}
	for i := range droplets.Items {
		found = append(found, &droplets.Items[i])
	}
	err := shared.api.Get(ctx, client.ObjectKey{Name: c.account}, &account)
	if err == nil {
		found = append(found, &account)
	}
	return found, client.IgnoreNotFound(err)
}

// keepsItsSecrets checks that neither the token nor the value of a Secret is in an object or an event of the tenant.
func (c *tenant) keepsItsSecrets(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	objects, err := c.objects(ctx)
	if err != nil {
		t.Error(err)
	}
	var inNamespace, inDefault eventsv1.EventList
	for namespace, into := range map[string]*eventsv1.EventList{c.namespace: &inNamespace, "default": &inDefault} {
		if err := shared.api.List(ctx, into, client.InNamespace(namespace)); err != nil {
			t.Error(err)
		}
	}
	content, err := json.Marshal([]any{objects, inNamespace, inDefault})
	if err != nil {
		t.Error(err)
	}
	c.holdsNoSecret(t, "an object or an event", string(content))
}

// keepsItsSecrets checks the same of what the managers have logged.
func (w *world) keepsItsSecrets(t *testing.T) {
	t.Helper()
	for _, log := range w.logs {
		content, err := os.ReadFile(log)
		if err != nil {
			t.Error(err)
		}
		w.holdsNoSecret(t, "the log", string(content))
		if t.Failed() {
			t.Logf("%s ends with\n%s", log, localrun.Tail(log, 15))
		}
	}
}

func (w *world) holdsNoSecret(t *testing.T, what, content string) {
	t.Helper()
	for name, value := range map[string]string{"the DigitalOcean token": w.token, "the value of a Secret": w.secret} {
		if at := strings.Index(content, value); at >= 0 {
			t.Errorf("%s holds %s: …%s", what, name, content[max(0, at-200):at])
		}
	}
}
