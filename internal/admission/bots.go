// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/keymutex"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	webhookadmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/policy"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// bots judges Bots. No identity is exempt: our own controllers write no Bot's spec, and an exemption would be a way
// around the limit.
type bots struct {
	Options

	// turns lets one request of this process write an Account's slots at a time. The limit does not depend on it: of
	// many patches of one object at once the API server stores one and begins the others anew, which takes longer.
	turns keymutex.KeyMutex
}

var _ webhookadmission.Validator[*spawnv1.Bot] = (*bots)(nil)

// errInternal is all that a user is told of a failure of ours; the log has the rest.
var errInternal = errors.New("open-spawn could not judge this now; try again")

// ValidateCreate judges a new Bot, and takes its slot last, when nothing else speaks against it.
func (b *bots) ValidateCreate(ctx context.Context, bot *spawnv1.Bot) (webhookadmission.Warnings, error) {
	j, err := b.newJudgement(ctx, bot)
	if err != nil {
		return nil, internal(ctx, err)
	}
	found, err := j.violations(ctx, bot)
	if err != nil {
		return nil, internal(ctx, err)
	}
	switch {
	case len(found) > 0 && !j.mayOwn(bot):
		err := j.deny(ctx, found)
		return j.warnings, err
	case len(found) > 0:
		j.warn("admitted all the same, because the bot had a slot before and its machine may be left: %s",
			policy.Messages(found))
	}
	j.advise(ctx, bot)
	if waits := j.waits(bot); waits != "" {
		j.warn("%s", waits)
		return j.warnings, nil
	}
	if err := b.takeSlot(ctx, j, bot); err != nil {
		return j.warnings, err
	}
	return j.warnings, nil
}

// ValidateUpdate judges what a change adds: who changes a Bot answers for that, and not for what was so before.
func (b *bots) ValidateUpdate(ctx context.Context, before, bot *spawnv1.Bot) (webhookadmission.Warnings, error) {
	if !bot.DeletionTimestamp.IsZero() || !judgedDiffers(&before.Spec, &bot.Spec) {
		return nil, nil
	}
	j, err := b.newJudgement(ctx, bot)
	if err != nil {
		return nil, internal(ctx, err)
	}
	was, err := j.violations(ctx, before)
	if err != nil {
		return nil, internal(ctx, err)
	}
	is, err := j.violations(ctx, bot)
	if err != nil {
		return nil, internal(ctx, err)
	}
	if added := policy.Added(was, is); len(added) > 0 {
		err := j.deny(ctx, added)
		return j.warnings, err
	}
	j.advise(ctx, bot)
	return j.warnings, nil
}

// ValidateDelete allows everything, and is not asked: a Bot can always be deleted, and keeps its slot until its machine
// is gone.
func (b *bots) ValidateDelete(context.Context, *spawnv1.Bot) (webhookadmission.Warnings, error) {
	return nil, nil
}

// judgedDiffers tells whether a change is about what policy judges; config/webhook asks the same.
func judgedDiffers(before, after *spawnv1.BotSpec) bool {
	return !reflect.DeepEqual(before.Machine, after.Machine) || !reflect.DeepEqual(before.Trading, after.Trading) ||
		!reflect.DeepEqual(before.LLM, after.LLM) || !reflect.DeepEqual(before.Credentials, after.Credentials) ||
		!reflect.DeepEqual(before.Channels, after.Channels)
}

// takeSlot reserves the Bot's slot. The error is the answer: a refusal, or a failure of ours.
func (b *bots) takeSlot(ctx context.Context, j *judgement, bot *spawnv1.Bot) error {
	key := client.ObjectKeyFromObject(bot)
	if isDryRun(ctx) {
		if _, has := j.account.Status.Slots[slots.Key(key)]; !has && slots.IsFull(j.account) {
			j.wouldDeny(slots.Refusal(j.account, bot.Namespace))
		}
		return nil
	}
	account, err := b.reserve(ctx, j.account.Name, key)
	switch {
	case errors.Is(err, slots.ErrFull):
		return b.refuse(ctx, j.account, bot.Namespace)
	case apierrors.IsNotFound(err): // it has gone since we read it
		j.warn("%s", noAccount(bot))
		return nil
	case err != nil:
		return internal(ctx, err)
	}
	return b.confirm(ctx, j, account, bot)
}

// reserve waits for its turn, which comes within the ctx of those before it.
func (b *bots) reserve(ctx context.Context, account string, bot types.NamespacedName) (*spawnv1.Account, error) {
	b.turns.LockKey(account)
	defer func() { _ = b.turns.UnlockKey(account) }() // a hashed one never fails
	return b.Book.Reserve(ctx, account, bot)
}

// confirm gives the slot back when the Account is not any more what it was when we judged it.
func (b *bots) confirm(ctx context.Context, j *judgement, account *spawnv1.Account, bot *spawnv1.Bot) error {
	deleting := !account.DeletionTimestamp.IsZero()
	if !deleting && slots.IsInitialized(account) {
		return nil
	}
	if key := slots.KeyOf(bot); account.Status.Slots[key].UID == "" { // it is ours, and not that of a Bot that exists
		if err := b.Book.Remove(ctx, account, key); err != nil && !errors.Is(err, slots.ErrChanged) {
			log.FromContext(ctx).Error(err, "a slot that was taken too early is left to the account controller")
		}
	}
	if deleting {
		return errors.New(beingDeleted(account).String())
	}
	j.warn("%s", notInitialized(account))
	return nil
}

// refuse says who has the slots, as they are now.
func (b *bots) refuse(ctx context.Context, account *spawnv1.Account, namespace string) error {
	var now spawnv1.Account
	if err := b.Live.Get(ctx, client.ObjectKeyFromObject(account), &now); err == nil {
		account = &now
	}
	return errors.New(slots.Refusal(account, namespace))
}

// internal is a 500: whoever asked may ask again, and learns nothing of our insides.
func internal(ctx context.Context, err error) error {
	log.FromContext(ctx).Error(err, "judging")
	return apierrors.NewInternalError(errInternal)
}

func noAccount(bot *spawnv1.Bot) string {
	return fmt.Sprintf("spec.accountRef.name: there is no account %q; the bot gets no machine until there is one that "+
		"allows it", bot.Spec.AccountRef.Name)
}

func beingDeleted(account *spawnv1.Account) policy.Violation {
	return policy.Violation{
		Reason: spawnv1.AccountDeletingReason, Field: "spec.accountRef.name",
		Message: fmt.Sprintf("account %q is being deleted and takes no more bots", account.Name),
	}
}

func notInitialized(account *spawnv1.Account) string {
	return fmt.Sprintf("account %q is new, or its status was lost: bots that were there before get their slots first, "+
		"and then this one, if there is room", account.Name)
}
