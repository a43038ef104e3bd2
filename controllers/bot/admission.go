// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/policy"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/status"
)

// admission is the step that owns condition Admitted: may this Bot own a machine? It may while its Account stays, is
// Active, keeps a slot for it and allows what its spec says.
type admission struct {
	client client.Client
	live   client.Reader
	market Market
	book   slots.Book
	names  *names
}

func newAdmission(o Options, names *names) *admission {
	return &admission{
		client: o.Client, live: o.Live, market: o.Market, book: slots.Book{Client: o.Client, Clock: o.Clock}, names: names,
	}
}

// verdict is what stands in the way of a Bot, nothing when it has no condition, and when to look again.
type verdict struct {
	condition *condition
	again     time.Duration
}

func (v verdict) stands() bool { return v.condition != nil }

func against(c condition, again time.Duration) verdict { return verdict{&c, again} }

// Reconcile asks the Bot's Account. A change of the Account wakes us.
func (a *admission) Reconcile(ctx context.Context, s *scope) (reconcile.Result, error) {
	name := s.bot.Spec.AccountRef.Name
	var account spawnv1.Account
	err := a.client.Get(ctx, client.ObjectKey{Name: name}, &account)
	switch {
	case apierrors.IsNotFound(err):
		s.set(status.False(spawnv1.AdmittedCondition, spawnv1.AccountNotFoundReason,
			"there is no Account %q; the Bot goes on by itself when there is", name))
		return reconcile.Result{}, nil
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("reading account %q: %w", name, err)
	case !account.DeletionTimestamp.IsZero():
		s.set(status.False(spawnv1.AdmittedCondition, spawnv1.AccountDeletingReason,
			"Account %q is being deleted; delete this Bot too, or create the Account again", name))
		return reconcile.Result{}, nil
	}
	v, err := a.judge(ctx, &account, s.bot)
	switch {
	case errors.Is(err, slots.ErrChanged), apierrors.IsNotFound(err):
		// Somebody has changed the Account since the cache was told: not an error, and we look again.
		resource := spawnv1.GroupVersion.WithResource("accounts").GroupResource()
		return reconcile.Result{}, apierrors.NewConflict(resource, name, err)
	case err != nil:
		return reconcile.Result{}, err
	case v.stands():
		s.set(*v.condition)
	default:
		s.set(status.True(spawnv1.AdmittedCondition, spawnv1.AdmittedReason, "Account %q admits the Bot", name))
	}
	return reconcile.Result{RequeueAfter: v.again}, nil
}

// judge binds or takes the Bot's slot, and then says what stands in its way. A Bot that owns a machine takes its slot
// whatever else is said of it, because the machine counts. A suspension is said before a limit: it is what powers off.
func (a *admission) judge(ctx context.Context, account *spawnv1.Account, bot *spawnv1.Bot) (verdict, error) {
	held, err := a.bind(ctx, account, bot)
	if err != nil {
		return verdict{}, err
	}
	droplet, owns, err := a.machineOf(ctx, bot)
	if err != nil {
		return verdict{}, err
	}
	if !held && !owns {
		return a.judgeNewcomer(ctx, account, bot)
	}
	var waits verdict
	if !held {
		if waits, err = a.takeInTurn(ctx, account, bot); err != nil {
			return verdict{}, err
		}
	}
	switch {
	case isSuspended(account):
		return against(suspended(account), waits.again), nil
	case waits.stands():
		return waits, nil
	}
	if found := policy.Check(account, bot); len(found) > 0 {
		return refused(found, 0), nil
	}
	return a.judgeTerms(ctx, account, bot, droplet)
}

// judgeNewcomer is judge for a Bot that has neither a slot nor a machine. What the Account does not allow takes no slot
// from others, and nothing is asked of anybody for a Bot whose turn it is not.
func (a *admission) judgeNewcomer(ctx context.Context, account *spawnv1.Account, bot *spawnv1.Bot) (verdict, error) {
	found := policy.Check(account, bot)
	if isSuspended(account) {
		var err error
		if len(found) == 0 {
			_, err = a.takeInTurn(ctx, account, bot)
		}
		return against(suspended(account), 0), err // what else it waits for is seen when the Account is Active again
	}
	if len(found) > 0 {
		return refused(found, 0), nil
	}
	if waits, err := a.turn(ctx, account, bot); err != nil || waits.stands() {
		return waits, err
	}
	if v, err := a.judgeTerms(ctx, account, bot, nil); err != nil || v.stands() {
		return v, err
	}
	return a.take(ctx, account, bot)
}

func isSuspended(account *spawnv1.Account) bool {
	return account.Spec.DesiredState == spawnv1.AccountSuspended
}

func suspended(account *spawnv1.Account) condition {
	return status.False(spawnv1.AdmittedCondition, spawnv1.AccountSuspendedReason, "Account %q is suspended", account.Name)
}

// refused says what the Account does not allow, with the reason of the first.
func refused(found []policy.Violation, again time.Duration) verdict {
	return against(status.False(spawnv1.AdmittedCondition, found[0].Reason, "%s", policy.Messages(found)), again)
}

// isAdmitted tells whether the Bot was admitted as its spec is now. What was said of an earlier spec admits nothing.
func isAdmitted(bot *spawnv1.Bot) bool {
	c := status.Get(bot, spawnv1.AdmittedCondition)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == bot.Generation
}
