// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

const (
	// writers is how many requests create or delete at once: enough to be faster than the manager.
	writers = 20
	// botsPerAccount leaves an Account room below its limit.
	botsPerAccount  = 50
	limitPerAccount = 100
	// namespaceCount is a few, as a platform has.
	namespaceCount = 4
	// secretName and secretKey hold the key of every Bot's model.
	secretName, secretKey = "llm", "key"
)

// fleet is what is applied: what Bots need, and the Bots.
type fleet struct {
	needs    []client.Object
	accounts []client.Object
	bots     []client.Object
}

func newFleet(count int) fleet {
	var f fleet
	var namespaces []string
	for i := range namespaceCount {
		name := fmt.Sprintf("bench-%d", i)
		namespaces = append(namespaces, name)
		f.needs = append(f.needs, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, secret(name))
	}
	for i := 0; i < count; i += botsPerAccount {
		f.accounts = append(f.accounts, account(i/botsPerAccount, namespaces))
	}
	for i := range count {
		f.bots = append(f.bots, bot(i, namespaces[i%namespaceCount]))
	}
	return f
}

func secret(namespace string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: secretName, Labels: map[string]string{spawnv1.GroupName + "/bot-access": "true"},
		},
		StringData: map[string]string{secretKey: "not-a-key"},
	}
}

func account(number int, namespaces []string) *spawnv1.Account {
	return &spawnv1.Account{
		ObjectMeta: metav1.ObjectMeta{Name: accountName(number)},
		Spec: spawnv1.AccountSpec{
			ExternalID: accountName(number), Namespaces: namespaces, Tier: spawnv1.AccountTierPro,
			MaxBots: ptr.To[int32](limitPerAccount),
		},
	}
}

func accountName(number int) string { return fmt.Sprintf("bench-%03d", number) }

func bot(number int, namespace string) *spawnv1.Bot {
	return &spawnv1.Bot{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("bot-%05d", number)},
		Spec: spawnv1.BotSpec{
			AccountRef: spawnv1.AccountReference{Name: accountName(number / botsPerAccount)},
			Persona:    spawnv1.PersonaBeginner,
			LLM: spawnv1.LLM{
				Provider: "anthropic", Model: "claude-sonnet-4-5",
				APIKeySecretRef: spawnv1.SecretKeyReference{Name: secretName, Key: secretKey},
			},
		},
	}
}

// each does something to every object, a few at a time, and stops at the first error.
func each(ctx context.Context, objects []client.Object, do func(context.Context, client.Object) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for _, object := range objects {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { return do(ctx, object) })
	}
	return group.Wait()
}

// create creates the objects in their order, one after the other.
func (s *stage) create(ctx context.Context, objects []client.Object) error {
	for _, object := range objects {
		if err := s.api.Create(ctx, object); err != nil {
			return fmt.Errorf("creating %T %s: %w", object, object.GetName(), err)
		}
	}
	return nil
}
