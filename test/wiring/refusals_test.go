// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/manager"
)

// north is a tenant of config/samples/tenancy.
const north = "tenant-north"

// What RBAC does not refuse to tenants, in test/install, the webhooks and the schema do.
func TestTheAPIServerRefusesATenantWhatItsAccountDoesNotAllow(t *testing.T) {
	w := newWorld(t)
	w.startAsked(t)
	withTenancy(t)
	operator := impersonate(t, "olga", "north-operators")
	good := northBot("good")
	if err := operator.Create(t.Context(), good); err != nil {
		t.Fatalf("what is allowed: %v", err)
	}
	for name, test := range map[string]struct {
		edit func(*spawnv1.BotSpec)
		want []string
		// by tells the schema's refusals from the webhook's, which are Forbidden.
		by func(error) bool
	}{
		"an Account that does not list the namespace": {
			edit: func(b *spawnv1.BotSpec) { b.AccountRef.Name = "south" },
			want: []string{`spec.accountRef.name: account "south" has no bots in namespace "tenant-north"`},
		},
		"a Secret without the label": {
			edit: func(b *spawnv1.BotSpec) { b.LLM.APIKeySecretRef.Name = "closed" },
			want: []string{
				`spec.llm.apiKeySecretRef: Secret "closed" is not open to bots`,
				"kubectl label -n tenant-north secret closed spawn.cedros.io/bot-access=true",
			},
		},
		"a Secret that is no key's": {
			edit: func(b *spawnv1.BotSpec) {
				b.LLM.APIKeySecretRef = spawnv1.SecretKeyReference{Name: "login", Key: "password"}
			},
			want: []string{`spec.llm.apiKeySecretRef: Secret "login" is of type kubernetes.io/basic-auth`},
		},
		"a GPU": {
			edit: func(b *spawnv1.BotSpec) { b.Machine.Size = "gpu-h100x1-80gb" },
			want: []string{
				`spec.machine.size: "gpu-h100x1-80gb" costs 6740000 millionths`, `account "north" allows at most 50000`,
			},
		},
		"a size that is dearer than the Account allows": {
			edit: func(b *spawnv1.BotSpec) { b.Machine.Size = "s-4vcpu-8gb" },
			want: []string{`spec.machine.size: "s-4vcpu-8gb" costs`, "at most 50000"},
		},
		"a private image": {
			edit: func(b *spawnv1.BotSpec) { b.Machine.Image = "63663980" },
			want: []string{"spec.machine.image"}, by: apierrors.IsInvalid,
		},
		"a region": {
			edit: func(b *spawnv1.BotSpec) { b.Machine.Region = "sgp1" },
			want: []string{`spec.machine.region: account "north" does not allow "sgp1"; it allows nyc3, fra1`},
		},
		"a network": {
			edit: func(b *spawnv1.BotSpec) { b.Machine.VPCUUID = "5a4981aa-9653-4bd1-bef5-d6bff52042e4" },
			want: []string{`spec.machine.vpcUUID: account "north" does not allow`},
		},
		"trading with real money": {
			edit: func(b *spawnv1.BotSpec) {
				b.Trading.Mode = spawnv1.TradingLive
				b.Risk = &spawnv1.Risk{
					MaxPositionSizeBps: ptr.To[int32](100), MaxDailyLossBps: ptr.To[int32](100),
					MaxDrawdownBps: ptr.To[int32](100), MaxTradesPerDay: ptr.To[int32](10),
				}
			},
			want: []string{`spec.trading.mode: account "north" does not allow Live trading; use Paper`},
		},
		"a model endpoint": {
			edit: func(b *spawnv1.BotSpec) { b.LLM.Provider, b.LLM.BaseURL = "custom", "https://llm.example/v1" },
			want: []string{`spec.llm.baseURL: account "north" does not allow the host "llm.example"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if test.by == nil {
				test.by = apierrors.IsForbidden
			}
			isRefused := func(err error) {
				t.Helper()
				if !test.by(err) {
					t.Fatalf("answered %v", err)
				}
				for _, part := range test.want {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("answered %v, want %q in it", err, part)
					}
				}
			}
			bad := northBot("bad")
			test.edit(&bad.Spec)
			isRefused(operator.Create(t.Context(), bad))
			if bad.Spec.AccountRef != good.Spec.AccountRef {
				return // it cannot be changed at all
			}
			var now spawnv1.Bot
			if err := operator.Get(t.Context(), client.ObjectKeyFromObject(good), &now); err != nil {
				t.Fatal(err)
			}
			before := now.DeepCopy()
			test.edit(&now.Spec)
			isRefused(operator.Patch(t.Context(), &now, client.MergeFrom(before)))
		})
	}
	eventually(t, "what is allowed has a machine", soonEnough, func(ctx context.Context) error {
		var bot spawnv1.Bot
		err := operator.Get(ctx, client.ObjectKeyFromObject(good), &bot)
		if err == nil && bot.Status.InstanceID == 0 {
			err = notYet(&bot)
		}
		return err
	})
}

// withTenancy applies the samples of a two-tenant installation, and adds Secrets that no Bot may name.
func withTenancy(t *testing.T) {
	t.Helper()
	dir := filepath.Join(repository, "config", "samples", "tenancy")
	t.Cleanup(func() {
		args := []string{"delete", "--ignore-not-found", "--timeout=90s", "-k", dir}
		if _, err := shared.plane.Kubectl(context.WithoutCancel(t.Context()), args...); err != nil {
			t.Error(err)
		}
	})
	kubectl(t, "apply", "--server-side", "-k", dir)
	closed := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: north, Name: "closed"}, StringData: map[string]string{"key": "x"},
	}
	login := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: north, Name: "login", Labels: map[string]string{spawnv1.BotAccessLabel: "true"},
		},
		Type: corev1.SecretTypeBasicAuth, StringData: map[string]string{"password": "x"},
	}
	create(t, closed)
	create(t, login)
	for _, account := range []string{"north", "south"} {
		kubectl(t, "wait", "--for=jsonpath={.status.initializedFor}", "--timeout=60s", "account", account)
	}
}

// impersonate is a client of somebody as the cluster's login tells of them.
func impersonate(t *testing.T, user, group string) client.Client {
	t.Helper()
	config := shared.plane.Config()
	config.Impersonate.UserName, config.Impersonate.Groups = user, []string{group, "system:authenticated"}
	api, err := client.New(config, client.Options{Scheme: manager.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func northBot(name string) *spawnv1.Bot {
	c := &tenant{namespace: north, account: "north"}
	bot := c.newBot(name)
	bot.Spec.LLM.APIKeySecretRef = spawnv1.SecretKeyReference{Name: "model", Key: "key"}
	return bot
}
