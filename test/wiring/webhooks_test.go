// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/certs"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

// startAsked runs the program as startChild does, with webhooks that the API server asks until the end of the test.
func (w *world) startAsked(t *testing.T, flags ...string) *child {
	t.Helper()
	address := freeAddress(t)
	c := w.startChild(t, append(flags, "--webhook-bind-address="+address, "--webhook-hosts="+localrun.WebhookHost)...)
	t.Cleanup(func() { removeWebhooks(t) })
	if err := localrun.InstallWebhooks(t.Context(), shared.plane, address); err != nil {
		t.Fatal(err)
	}
	return c
}

func removeWebhooks(t *testing.T) {
	t.Helper()
	if err := localrun.RemoveWebhooks(context.WithoutCancel(t.Context()), shared.plane); err != nil {
		t.Error(err)
	}
}

var certificateKey = client.ObjectKey{Namespace: localrun.SystemNamespace, Name: certs.SecretName}

// forgetCertificate takes away what an earlier manager has made.
func forgetCertificate(t *testing.T) {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: certificateKey.Namespace, Name: certificateKey.Name}}
	if err := shared.api.Delete(t.Context(), secret); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
}

// certificateIsRenewed spoils the certificate, and waits until it is another.
func certificateIsRenewed(t *testing.T) {
	t.Helper()
	var before corev1.Secret
	if err := shared.api.Get(t.Context(), certificateKey, &before); err != nil {
		t.Fatal(err)
	}
	spoil := client.RawPatch(types.MergePatchType, []byte(`{"data":{"tls.crt":null}}`))
	if err := shared.api.Patch(t.Context(), before.DeepCopy(), spoil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is another certificate", soonEnough, func(ctx context.Context) error {
		var now corev1.Secret
		err := shared.api.Get(ctx, certificateKey, &now)
		if err == nil && (len(now.Data["tls.crt"]) == 0 || bytes.Equal(now.Data["tls.crt"], before.Data["tls.crt"])) {
			err = errors.New("there is none")
		}
		return err
	})
}

// withRoomForOne makes an Account with one slot, from which slots may be taken.
func (c *tenant) withRoomForOne(t *testing.T) *tenant {
	t.Helper()
	account := c.newAccount()
	account.Spec.MaxBots = ptr.To[int32](1)
	create(t, account)
	ready := client.RawPatch(types.MergePatchType,
		[]byte(fmt.Sprintf(`{"status":{"initializedFor":%q}}`, account.UID)))
	if err := shared.api.Status().Patch(t.Context(), account, ready); err != nil {
		t.Fatal(err)
	}
	return c
}

// refusal is what kubectl prints when it creates a Bot and is refused.
func (c *tenant) refusal(t *testing.T, name string) string {
	t.Helper()
	bot := c.newBot(name)
	bot.TypeMeta = metav1.TypeMeta{APIVersion: spawnv1.GroupVersion.String(), Kind: "Bot"}
	content, err := json.Marshal(bot)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name+".json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = shared.plane.Kubectl(t.Context(), "create", "-f", path); err == nil {
		t.Fatalf("bot %s is not refused", name)
	}
	return err.Error()
}

func (c *tenant) isBeyondTheLimit(t *testing.T, name, holder string) {
	t.Helper()
	want := fmt.Sprintf(`admission webhook "bots.spawn.cedros.io" denied the request: account %q (Pro, maxBots 1) allows `+
		`1 bot and has 1: %s; delete one, or have the account's tier or maxBots raised`, c.account, holder)
	if said := c.refusal(t, name); !strings.Contains(said, want) {
		t.Errorf("kubectl says\n%s\nwant\n%s", said, want)
	}
}

func TestWhoeverHasNoRoomIsToldByKubectlWhoHas(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withRoomForOne(t)
	w.startAsked(t)
	c.apply(t, "first")
	c.isBeyondTheLimit(t, "second", "first")
	c.becomeReady(t, "first")
}

func TestAReplicaThatDoesNotLeadAnswersToo(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withRoomForOne(t)
	w.startChild(t, "--leader-elect")
	leader := leads(t, "")
	second := w.startAsked(t, "--leader-elect")
	c.apply(t, "only")
	c.isBeyondTheLimit(t, "another", "only")
	c.becomeReady(t, "only")
	if now := leads(t, ""); now != leader {
		t.Errorf("%s leads, and %s did", now, leader)
	}
	eventually(t, "the answers are counted", soonEnough, func(ctx context.Context) error {
		page, err := get(ctx, second.metrics)
		const denied = `openspawn_admission_requests_total{kind="Bot",operation="CREATE",result="denied"} 1`
		if err == nil && !strings.Contains(page, denied) {
			err = fmt.Errorf("there is no %s", denied)
		}
		return err
	})
}

// The webhooks fail closed, and only where they must be asked.
func TestABotIsPausedAndDeletedWhileEveryWebhookIsDown(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withRoomForOne(t)
	manager := w.startAsked(t)
	c.apply(t, "steady")
	c.becomeReady(t, "steady")
	manager.signal(t, syscall.SIGKILL)
	manager.ends(t)

	for _, says := range []string{c.refusal(t, "newcomer"), c.refusedPatch(t, `{"spec":{"machine":{"size":"c-2"}}}`)} {
		if !strings.Contains(says, `failed calling webhook "bots.spawn.cedros.io"`) {
			t.Errorf("kubectl says\n%s", says)
		}
	}
	bot := []string{"-n", c.namespace, "bot", "steady"}
	kubectl(t, append([]string{"patch", "--type=merge", "-p", `{"spec":{"desiredState":"Paused"}}`}, bot...)...)
	kubectl(t, append([]string{"annotate"}, append(bot, "note=x")...)...)
	kubectl(t, append([]string{"patch", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`}, bot...)...)
	kubectl(t, append([]string{"delete", "--timeout=60s"}, bot...)...)
	c.setAccountState(t, spawnv1.AccountSuspended)
	kubectl(t, "delete", "--wait=false", "account", c.account)
}

func (c *tenant) refusedPatch(t *testing.T, patch string) string {
	t.Helper()
	_, err := shared.plane.Kubectl(t.Context(), "patch", "--type=merge", "-p", patch, "-n", c.namespace, "bot", "steady")
	if err == nil {
		t.Fatalf("the patch %s is not refused", patch)
	}
	return err.Error()
}

// A Bot that was there before must not wait for a configuration that nobody has installed.
func TestAManagerWithoutItsWebhookConfigurationWorks(t *testing.T) {
	w := newWorld(t)
	c := w.newTenant(t).withAccount(t)
	forgetCertificate(t)
	manager := w.startChild(t, "--webhook-bind-address="+freeAddress(t), "--webhook-hosts="+localrun.WebhookHost)
	c.apply(t, "early")
	c.becomeReady(t, "early")
	manager.logs(t, "Webhook not found. Unable to update certificate.")
}
