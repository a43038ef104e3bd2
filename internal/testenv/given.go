// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// AccountName is the Account of the test's Bots, one for each test, because Accounts are not namespaced.
func (e *Env) AccountName() string { return "acme-" + strings.TrimPrefix(e.Namespace, "test-") }

// GivenAccount creates the test's Account: Pro, in the test's namespace.
func (e *Env) GivenAccount(edit ...func(*spawnv1.Account)) *spawnv1.Account {
	e.t.Helper()
	account := &spawnv1.Account{
		ObjectMeta: metav1.ObjectMeta{Name: e.AccountName()},
		Spec: spawnv1.AccountSpec{
			ExternalID: "customer-1", Tier: spawnv1.AccountTierPro, Namespaces: []string{e.Namespace},
		},
	}
	for _, f := range edit {
		f(account)
	}
	e.must(e.Client.Create(e.t.Context(), account), "creating the account")
	return account
}

// givenAccount creates the test's Account as GivenAccount does, if there is none.
func (e *Env) givenAccount(edit ...func(*spawnv1.Account)) {
	e.t.Helper()
	var account spawnv1.Account
	err := e.Client.Get(e.t.Context(), client.ObjectKey{Name: e.AccountName()}, &account)
	if apierrors.IsNotFound(err) {
		e.GivenAccount(edit...)
		return
	}
	e.must(err, "reading the account")
}

// GivenSlot takes a slot of its Account for a Bot that exists, as the bot controller does.
func (e *Env) GivenSlot(bot *spawnv1.Bot) {
	e.t.Helper()
	_, err := e.book().Take(e.t.Context(), bot.Spec.AccountRef.Name, bot)
	e.must(err, "taking the slot of %s", bot.Name)
}

// GivenReservation takes a slot for a Bot that is about to be created, as the webhook does.
func (e *Env) GivenReservation(bot string) {
	e.t.Helper()
	key := client.ObjectKey{Namespace: e.Namespace, Name: bot}
	_, err := e.book().Reserve(e.t.Context(), e.AccountName(), key)
	e.must(err, "reserving a slot for %s", bot)
}

// LoseSlot takes the slot of a Bot away by hand.
func (e *Env) LoseSlot(bot string) {
	e.t.Helper()
	key := slots.Key(client.ObjectKey{Namespace: e.Namespace, Name: bot})
	e.must(e.book().Remove(e.t.Context(), e.Account(), key), "taking the slot of %s away", bot)
}

func (e *Env) book() slots.Book { return slots.Book{Client: e.Client, Clock: e.Clock} }

// NewBot is a valid Bot of the test's Account that was not created yet.
func (e *Env) NewBot(name string, edit ...func(*spawnv1.Bot)) *spawnv1.Bot {
	bot := &spawnv1.Bot{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: name},
		Spec: spawnv1.BotSpec{
			AccountRef: spawnv1.AccountReference{Name: e.AccountName()},
			Persona:    spawnv1.PersonaBeginner,
			LLM: spawnv1.LLM{
				Provider: "anthropic", Model: "claude-sonnet-4-5",
				APIKeySecretRef: spawnv1.SecretKeyReference{Name: "llm", Key: "api-key"},
			},
		},
	}
	for _, f := range edit {
		f(bot)
	}
	return bot
}

// GivenBot creates a Bot of the test's Account.
func (e *Env) GivenBot(name string, edit ...func(*spawnv1.Bot)) *spawnv1.Bot {
	e.t.Helper()
	bot := e.NewBot(name, edit...)
	e.must(e.Client.Create(e.t.Context(), bot), "creating bot %s", name)
	return bot
}

// GivenReadyBot creates the test's Account if there is none, and a Bot, and lets it become Ready.
func (e *Env) GivenReadyBot(name string) *spawnv1.Bot {
	e.t.Helper()
	e.givenAccount()
	e.GivenBot(name)
	e.Until("bot "+name+" is Ready", func() bool { return e.IsReady(e.Bot(name)) })
	return e.Bot(name)
}

// Update reads the object anew, changes it, and writes it.
func (e *Env) Update(obj client.Object, edit func()) {
	e.t.Helper()
	e.must(e.Client.Get(e.t.Context(), client.ObjectKeyFromObject(obj), obj), "reading %s", obj.GetName())
	edit()
	e.must(e.Client.Update(e.t.Context(), obj), "changing %s", obj.GetName())
}

// Delete asks for the object's deletion.
func (e *Env) Delete(obj client.Object) {
	e.t.Helper()
	e.must(e.Client.Delete(e.t.Context(), obj), "deleting %s", obj.GetName())
}
