// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// lanes is how many Accounts are stormed at once.
const lanes = 4

func newAccount(name string, maxBots int32) *spawnv1.Account {
	return &spawnv1.Account{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: spawnv1.AccountSpec{
			ExternalID: name, Tier: spawnv1.AccountTierBasic, MaxBots: ptr.To(maxBots), Namespaces: []string{namespace},
		},
	}
}

func newBot(account, name string) *spawnv1.Bot {
	return &spawnv1.Bot{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: spawnv1.BotSpec{
			AccountRef: spawnv1.AccountReference{Name: account}, Persona: spawnv1.PersonaBeginner,
			LLM: spawnv1.LLM{
				Provider: "anthropic", Model: "claude-sonnet-4-5",
				APIKeySecretRef: spawnv1.SecretKeyReference{Name: "model", Key: "key"},
			},
		},
	}
}

// initialize does what the account controller does for an Account without Bots.
func initialize(ctx context.Context, name string) error {
	var account spawnv1.Account
	if err := shared.api.Get(ctx, client.ObjectKey{Name: name}, &account); err != nil {
		return err
	}
	patch := fmt.Appendf(nil, `{"status":{"initializedFor":%q}}`, account.UID)
	return shared.api.Status().Patch(ctx, &account, client.RawPatch(types.MergePatchType, patch))
}

// givenAccount is an Account that may reserve slots.
func givenAccount(t *testing.T, name string, limit int32) {
	t.Helper()
	if err := shared.api.Create(t.Context(), newAccount(name, limit)); err != nil {
		t.Fatal(err)
	}
	if err := initialize(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { clear(t, name) })
}

// accountNow is the Account as the API server has it.
func accountNow(t *testing.T, name string) *spawnv1.Account {
	t.Helper()
	var account spawnv1.Account
	if err := shared.api.Get(t.Context(), client.ObjectKey{Name: name}, &account); err != nil {
		t.Fatal(err)
	}
	return &account
}

// clear removes an Account and its Bots.
func clear(t *testing.T, account string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if err := removeBots(ctx, account); err != nil {
		t.Error(err)
	}
	gone := &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: account}}
	if err := shared.api.Delete(ctx, gone); client.IgnoreNotFound(err) != nil {
		t.Error(err)
	}
}

// removeBots deletes the Bots of an Account and gives back every slot, as the controllers do.
func removeBots(ctx context.Context, account string) error {
	var now spawnv1.Account
	if err := shared.api.Get(ctx, client.ObjectKey{Name: account}, &now); err != nil {
		return client.IgnoreNotFound(err)
	}
	for key := range now.Status.Slots {
		bot := slots.BotOf(key)
		gone := &spawnv1.Bot{ObjectMeta: metav1.ObjectMeta{Namespace: bot.Namespace, Name: bot.Name}}
		if err := shared.api.Delete(ctx, gone); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"status":{"slots":null}}`))
	return shared.api.Status().Patch(ctx, &now, patch)
}

// answer is what came of one create.
type answer struct {
	name string
	err  error
}

// all creates Bots at once.
func all(ctx context.Context, bots []*spawnv1.Bot, options ...client.CreateOption) []answer {
	answers := make([]answer, len(bots))
	var group sync.WaitGroup
	begin := make(chan struct{})
	for i, bot := range bots {
		group.Go(func() {
			<-begin
			err := shared.api.Create(ctx, bot, options...)
			answers[i] = answer{bot.Name, err}
		})
	}
	close(begin)
	group.Wait()
	return answers
}

// outcome is what came of many creates: the names that were accepted, the messages of refusals, what else was said, and
// how many were not judged in time, whose slots may have been taken all the same.
type outcome struct {
	accepted, refusals []string
	others             []error
	unjudged           int
}

// tally sorts answers.
func tally(answers []answer) (o outcome) {
	for _, a := range answers {
		switch {
		case a.err == nil:
			o.accepted = append(o.accepted, a.name)
		case strings.Contains(a.err.Error(), "try again"):
			o.unjudged++
		case apierrors.IsForbidden(a.err):
			o.refusals = append(o.refusals, a.err.Error())
		default:
			o.others = append(o.others, a.err)
		}
	}
	return o
}

// is tells whether so many of all attempts were accepted, and the others refused for want of a slot. On a machine so
// busy that some were not judged in time there may be fewer, and never more.
func (o outcome) is(accepted int) bool {
	if o.unjudged > 0 {
		return len(o.accepted) <= accepted && len(o.others) == 0
	}
	return len(o.accepted) == accepted && len(o.refusals) == attempts-accepted && len(o.others) == 0
}

func (o outcome) String() string {
	return fmt.Sprintf("%d accepted, %d refused, %d not judged in time, and %v",
		len(o.accepted), len(o.refusals), o.unjudged, o.others)
}

// slotsAreBots is that at rest every slot has its Bot, and every Bot its slot.
func slotsAreBots(t *testing.T, account string, want int) {
	t.Helper()
	now := accountNow(t, account)
	var bots spawnv1.BotList
	if err := shared.api.List(t.Context(), &bots, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	var have []string
	for i := range bots.Items {
		if bots.Items[i].Spec.AccountRef.Name != account {
			continue
		}
		have = append(have, slots.KeyOf(&bots.Items[i]))
		if _, ok := now.Status.Slots[slots.KeyOf(&bots.Items[i])]; !ok {
			t.Errorf("bot %s has no slot", bots.Items[i].Name)
		}
	}
	if len(have) != want || len(now.Status.Slots) != want {
		t.Errorf("%d bots (%s) and %d slots, want %d", len(have), strings.Join(have, ", "), len(now.Status.Slots), want)
	}
}
