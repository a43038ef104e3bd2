// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/policy"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// judgement is what was read for one request, each thing once, and what is said about it.
type judgement struct {
	*bots

	account  *spawnv1.Account // nil when there is none
	secrets  map[client.ObjectKey]*corev1.Secret
	prices   map[string]price
	warnings []string
}

// price is what a size costs, or why that is not known.
type price struct {
	micros int64
	err    error
}

// newJudgement reads the Bot's Account.
func (b *bots) newJudgement(ctx context.Context, bot *spawnv1.Bot) (*judgement, error) {
	j := &judgement{bots: b, secrets: map[client.ObjectKey]*corev1.Secret{}, prices: map[string]price{}}
	var account spawnv1.Account
	switch err := b.Live.Get(ctx, client.ObjectKey{Name: bot.Spec.AccountRef.Name}, &account); {
	case err == nil:
		j.account = &account
	case !apierrors.IsNotFound(err):
		return nil, fmt.Errorf("reading the account: %w", err)
	}
	return j, nil
}

// violations are all that is not allowed of the Bot.
func (j *judgement) violations(ctx context.Context, bot *spawnv1.Bot) ([]policy.Violation, error) {
	var found []policy.Violation
	switch {
	case j.account == nil:
	case policy.IsStranger(j.account, bot):
		return policy.Check(j.account, bot), nil
	default:
		found = j.violationsOf(ctx, bot)
	}
	for _, use := range j.secretsOf(bot) {
		secret, err := j.secret(ctx, client.ObjectKey{Namespace: bot.Namespace, Name: use.Ref.Name})
		if err != nil {
			return nil, err
		}
		if secret != nil {
			found = append(found, policy.CheckSecret(secret, use)...)
		}
	}
	return found, nil
}

// violationsOf are what the Account forbids of the Bot.
func (j *judgement) violationsOf(ctx context.Context, bot *spawnv1.Bot) (found []policy.Violation) {
	if !j.account.DeletionTimestamp.IsZero() {
		found = append(found, beingDeleted(j.account))
	}
	found = append(found, policy.Check(j.account, bot)...)
	if p := j.price(ctx, bot.Spec.Machine.Size); p.err == nil {
		found = append(found, policy.CheckPrice(j.account, bot.Spec.Machine.Size, p.micros)...)
	}
	return found
}

// mayOwn tells whether a Bot that is created anew may own a machine: an earlier one of its name held a slot, which goes
// only with the machine. Without its Bot that machine would be destroyed.
func (j *judgement) mayOwn(bot *spawnv1.Bot) bool {
	return j.account != nil && j.account.Status.Slots[slots.KeyOf(bot)].UID != ""
}

// deny is the answer to what is not allowed. A dry run is only warned: whoever applies a whole set dry-runs all of it
// first, and something in that set may allow it.
func (j *judgement) deny(ctx context.Context, found []policy.Violation) error {
	if isDryRun(ctx) {
		j.wouldDeny(policy.Messages(found))
		return nil
	}
	return errors.New(policy.Messages(found))
}

func (j *judgement) wouldDeny(message string) { j.warn("would be refused as things are: %s", message) }

// waits says why a new Bot takes no slot now; empty when it does.
func (j *judgement) waits(bot *spawnv1.Bot) string {
	switch {
	case !j.Namespaces.Has(bot.Namespace):
		return fmt.Sprintf("no manager looks after namespace %q; the bot gets no machine", bot.Namespace)
	case j.account == nil:
		return noAccount(bot)
	case j.account.Spec.DesiredState == spawnv1.AccountSuspended:
		return fmt.Sprintf("account %q is suspended; the bot gets no machine until it is Active", j.account.Name)
	case !slots.IsInitialized(j.account):
		return notInitialized(j.account)
	}
	return ""
}

// secretsOf are the uses of Secrets that can be judged: none where no manager looks after the Bot, nor may read them.
func (j *judgement) secretsOf(bot *spawnv1.Bot) []policy.SecretUse {
	if !j.Namespaces.Has(bot.Namespace) {
		return nil
	}
	return policy.SecretsOf(bot)
}

// secret is a Secret that the Bot names; nil when there is none.
func (j *judgement) secret(ctx context.Context, key client.ObjectKey) (*corev1.Secret, error) {
	if secret, asked := j.secrets[key]; asked {
		return secret, nil
	}
	secret := &corev1.Secret{}
	switch err := j.Live.Get(ctx, key, secret); {
	case apierrors.IsNotFound(err):
		secret = nil
	case err != nil:
		return nil, fmt.Errorf("reading a secret: %w", err)
	}
	j.secrets[key] = secret
	return secret, nil
}

// price asks what a size costs, for a while.
func (j *judgement) price(ctx context.Context, size string) price {
	if j.Prices == nil {
		return price{}
	}
	if known, asked := j.prices[size]; asked {
		return known
	}
	ctx, cancel := context.WithTimeout(ctx, pricesTimeout)
	defer cancel()
	var p price
	p.micros, p.err = j.Prices.HourlyMicroUSD(ctx, size)
	if p.err != nil {
		log.FromContext(ctx).Info("the catalogue does not answer", "error", p.err.Error())
	}
	j.prices[size] = p
	return p
}

func (j *judgement) warn(format string, args ...any) {
	j.warnings = append(j.warnings, fmt.Sprintf(format, args...))
}
