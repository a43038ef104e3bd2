// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// perAccount is the most Bots that an Account can have.
const perAccount = 100

// fewToShow is how many Bots explain a failure.
const fewToShow = 5

// account is an Account with the highest limit.
func (w *world) account(name string) *spawnv1.Account {
	return &spawnv1.Account{
		ObjectMeta: metav1.ObjectMeta{Name: w.accountName(name)},
		Spec: spawnv1.AccountSpec{
			ExternalID: name, Tier: spawnv1.AccountTierPro, MaxBots: ptr.To[int32](perAccount), Namespaces: []string{w.namespace},
		},
	}
}

// accountName is unique, because Accounts are not namespaced.
func (w *world) accountName(name string) string {
	return name + "-" + strings.TrimPrefix(w.namespace, "rest-")
}

// bot is a Bot that was not created yet.
func (w *world) bot(account, name string) *spawnv1.Bot {
	return &spawnv1.Bot{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: spawnv1.BotSpec{
			AccountRef: spawnv1.AccountReference{Name: w.accountName(account)},
			Persona:    spawnv1.PersonaBeginner,
			LLM: spawnv1.LLM{
				Provider: "anthropic", Model: "claude-sonnet-4-5",
				APIKeySecretRef: spawnv1.SecretKeyReference{Name: "llm", Key: "api-key"},
			},
		},
	}
}

// fleet creates Accounts, and gives so many Bots of theirs to create.
func (w *world) fleet(prefix string, count int) []client.Object {
	w.Helper()
	all := make([]client.Object, 0, count)
	for i := range count {
		account := fmt.Sprintf("%s-%d", prefix, i/perAccount)
		if i%perAccount == 0 {
			w.create(w.account(account))
		}
		all = append(all, w.bot(account, fmt.Sprintf("%s-%04d", prefix, i)))
	}
	return all
}

// ready counts the Bots that are Ready for their present generation, and all.
func (w *world) ready() (ready, all int) {
	w.Helper()
	var bots spawnv1.BotList
	reader := w.manager.cache // it costs nothing
	w.must(reader.List(w.Context(), &bots, client.InNamespace(w.namespace), client.UnsafeDisableDeepCopy), "listing bots")
	for i := range bots.Items {
		bot := &bots.Items[i]
		c := meta.FindStatusCondition(bot.Status.Conditions, spawnv1.ReadyCondition)
		if c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == bot.Generation {
			ready++
		}
	}
	return ready, len(bots.Items)
}

// allReady tells whether there are that many Bots, and all are Ready.
func (w *world) allReady(count int) func() bool {
	return func() bool {
		ready, all := w.ready()
		return ready == count && all == count
	}
}

// unready says of a few Bots why they are not Ready.
func (w *world) unready() string {
	var bots spawnv1.BotList
	w.must(w.manager.cache.List(w.Context(), &bots, client.InNamespace(w.namespace)), "listing bots")
	var said []string
	for i := range bots.Items {
		bot := &bots.Items[i]
		c := meta.FindStatusCondition(bot.Status.Conditions, spawnv1.ReadyCondition)
		switch {
		case len(said) == fewToShow:
			return strings.Join(said, "\n")
		case c == nil:
			said = append(said, bot.Name+" has not been looked at")
		case c.Status != metav1.ConditionTrue || c.ObservedGeneration != bot.Generation:
			said = append(said, fmt.Sprintf("%s is not Ready: %s: %s", bot.Name, c.Reason, c.Message))
		}
	}
	return strings.Join(said, "\n")
}
