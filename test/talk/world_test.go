// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package talk

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

// tenant is a namespace with an Account, and a Secret with the key of all its Bots.
type tenant struct {
	*testing.T
	namespace, key string
}

func newTenant(t *testing.T) *tenant {
	t.Helper()
	c := &tenant{T: t, namespace: "t-" + rand.String(8), key: "sk-" + rand.String(40)}
	most := int32(20)
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}},
		c.secret(c.key),
		&spawnv1.Account{
			ObjectMeta: metav1.ObjectMeta{Name: c.namespace},
			Spec: spawnv1.AccountSpec{
				ExternalID: c.namespace, Tier: spawnv1.AccountTierPro, MaxBots: &most, Namespaces: []string{c.namespace},
			},
		},
	} {
		if err := shared.API.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *tenant) secret(key string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.namespace, Name: "llm", Labels: map[string]string{spawnv1.BotAccessLabel: "true"},
		},
		StringData: map[string]string{"api-key": key},
	}
}

// apply creates a Bot that beats as often as may be.
func (c *tenant) apply(name string) {
	c.Helper()
	bot := &spawnv1.Bot{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
		Spec: spawnv1.BotSpec{
			AccountRef: spawnv1.AccountReference{Name: c.namespace}, Persona: spawnv1.PersonaBeginner,
			LLM: spawnv1.LLM{
				Provider: "anthropic", Model: "claude-sonnet-4-5",
				APIKeySecretRef: spawnv1.SecretKeyReference{Name: "llm", Key: "api-key"},
			},
			Heartbeat: spawnv1.Heartbeat{IntervalSeconds: 10, GraceSeconds: 30},
		},
	}
	if err := shared.API.Create(c.Context(), bot); err != nil {
		c.Fatal(err)
	}
}

// bot reads a Bot.
func (c *tenant) bot(ctx context.Context, name string) (*spawnv1.Bot, error) {
	var bot spawnv1.Bot
	err := shared.API.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, &bot)
	return &bot, err
}

// becomes waits until a Bot's Ready has a reason, for its present spec, and gives the Bot.
func (c *tenant) becomes(name, reason string) *spawnv1.Bot {
	c.Helper()
	var bot *spawnv1.Bot
	eventually(c.T, name+" is "+reason, func(ctx context.Context) (err error) {
		if bot, err = c.bot(ctx, name); err != nil {
			return err
		}
		ready := status.Get(bot, spawnv1.ReadyCondition)
		if ready == nil || ready.Reason != reason || ready.ObservedGeneration != bot.Generation {
			return fmt.Errorf("Ready is %+v", ready)
		}
		return nil
	})
	return bot
}

// change edits Bot scout.
func (c *tenant) change(edit func(*spawnv1.Bot)) {
	c.Helper()
	bot, err := c.bot(c.Context(), "scout")
	if err != nil {
		c.Fatal(err)
	}
	before := bot.DeepCopy()
	edit(bot)
	if err := shared.API.Patch(c.Context(), bot, client.MergeFrom(before)); err != nil {
		c.Fatal(err)
	}
}

// runs waits until the runtime of a Bot runs, or does not.
func (c *tenant) runs(bot *spawnv1.Bot, want bool) {
	c.Helper()
	eventually(c.T, fmt.Sprintf("the runtime of %s runs: %v", bot.Name, want), func(ctx context.Context) error {
		pid, err := shared.RuntimeOf(ctx, bot.Status.InstanceID)
		if err == nil && (pid != 0) != want {
			err = fmt.Errorf("its process is %d", pid)
		}
		return err
	})
}

// post asks the simulator's admin endpoint for something.
func post(t *testing.T, method, path, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, shared.Simulator.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s", method, path, response.Status)
	}
}
