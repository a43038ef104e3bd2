// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/manager"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// person is one of those that config/samples/tenancy has roles for: a name and a group, as the login tells of them.
type person struct{ name, group string }

var (
	platform = person{"pat", "platform-team"}
	operator = person{"olga", "north-operators"}
)

func (p person) client(t *testing.T) client.Client {
	t.Helper()
	return p.listens(t, rest.NoWarnings{})
}

// listens is a client of a person who hears warnings.
func (p person) listens(t *testing.T, ear rest.WarningHandler) client.Client {
	t.Helper()
	config := shared.plane.Config()
	config.WarningHandler = ear
	config.Impersonate.UserName = p.name
	config.Impersonate.Groups = []string{p.group, "system:authenticated"}
	api, err := client.New(config, client.Options{Scheme: manager.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// withSampleTenants starts a manager that is asked, applies the samples, and has the operator of tenant north write the
// Secrets of the table. Whoever runs the platform gives room for all its Bots.
func (w *world) withSampleTenants(t *testing.T) (north *tenant) {
	t.Helper()
	samples := filepath.Join(repository, "config", "samples", "tenancy")
	north = &tenant{world: w, namespace: "tenant-north", account: "north"}
	south := &tenant{world: w, namespace: "tenant-south", account: "south"}
	plain := &tenant{world: w, namespace: north.namespace, account: "plain"}
	t.Cleanup(func() {
		_, err := shared.plane.Kubectl(context.WithoutCancel(t.Context()),
			"delete", "--ignore-not-found", "--wait=false", "-k", samples)
		if err != nil {
			t.Error(err)
		}
	})
	for _, c := range []*tenant{plain, south, north} {
		isGone(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}}) // when this was run before
		t.Cleanup(func() { c.sweep(t) })
	}
	w.startAsked(t)
	kubectl(t, "apply", "--server-side", "-k", samples)
	boss := platform.client(t)
	room := client.RawPatch(types.MergePatchType,
		[]byte(`{"spec":{"maxBots":50,"llmPolicy":{"allowedHosts":["north.example"]}}}`))
	if err := boss.Patch(t.Context(), north.newAccount(), room); err != nil {
		t.Fatal(err)
	}
	if err := boss.Create(t.Context(), plain.newAccount()); err != nil {
		t.Fatal(err)
	}
	givesSlots(t, north.account)
	givesSlots(t, plain.account)
	north.hasSecretsOfEveryKind(t)
	return north
}

// hasSecretsOfEveryKind has the operator, who may write Secrets and read none, write those that no Bot may name.
func (c *tenant) hasSecretsOfEveryKind(t *testing.T) {
	t.Helper()
	eventually(t, "there is a ServiceAccount", soonEnough, func(ctx context.Context) error {
		return shared.api.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: "default"}, &corev1.ServiceAccount{})
	})
	open := map[string]string{spawnv1.BotAccessLabel: "true"}
	api := operator.client(t)
	for _, secret := range []*corev1.Secret{
		{
			ObjectMeta: metav1.ObjectMeta{Name: "closed"},
			StringData: map[string]string{"key": c.secret},
		},
		{
			ObjectMeta: metav1.ObjectMeta{Name: "pull", Labels: open},
			Type:       corev1.SecretTypeDockerConfigJson,
			StringData: map[string]string{corev1.DockerConfigJsonKey: `{"auths":{}}`},
		},
		{
			ObjectMeta: metav1.ObjectMeta{
				Name: "token", Labels: open, Annotations: map[string]string{corev1.ServiceAccountNameKey: "default"},
			},
			Type: corev1.SecretTypeServiceAccountToken,
		},
	} {
		secret.Namespace = c.namespace
		if err := api.Create(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	}
}

// givesSlots waits until new Bots of an Account are given slots at once.
func givesSlots(t *testing.T, name string) {
	t.Helper()
	eventually(t, "account "+name+" gives slots", soonEnough, func(ctx context.Context) error {
		var account spawnv1.Account
		err := shared.api.Get(ctx, client.ObjectKey{Name: name}, &account)
		if err == nil && !slots.IsInitialized(&account) {
			err = fmt.Errorf("its status is %+v", account.Status)
		}
		return err
	})
}
