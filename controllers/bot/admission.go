// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

// admission is the step that owns condition Admitted: may this Bot own a machine?
type admission struct {
	client client.Client
}

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
	}
	s.set(admittedCondition(&account))
	return reconcile.Result{}, nil
}

func admittedCondition(account *spawnv1.Account) condition {
	switch {
	case !account.DeletionTimestamp.IsZero():
		return status.False(spawnv1.AdmittedCondition, spawnv1.AccountDeletingReason,
			"Account %q is being deleted; delete this Bot too, or create the Account again", account.Name)
	case account.Spec.DesiredState == spawnv1.AccountSuspended:
		return status.False(spawnv1.AdmittedCondition, spawnv1.AccountSuspendedReason,
			"Account %q is suspended", account.Name)
	}
	return status.True(spawnv1.AdmittedCondition, spawnv1.AdmittedReason, "Account %q admits the Bot", account.Name)
}
