// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// applicantsNamespace is where all of them are; the fleet has made it, with the Secret that Bots name.
const applicantsNamespace = "bench-0"

// applicants are Bots that are created only to see how long that takes, and their Accounts.
type applicants struct {
	accounts []client.Object
	bots     []client.Object
}

// newApplicants are so many Bots of each of so many Accounts. Neighbours in the list are of different Accounts.
func newApplicants(name string, accounts, botsEach int) applicants {
	var a applicants
	for i := range accounts {
		one := account(0, []string{applicantsNamespace})
		one.Name = fmt.Sprintf("%s-%03d", name, i)
		one.Spec.ExternalID = one.Name
		a.accounts = append(a.accounts, one)
	}
	for number := range accounts * botsEach {
		one := bot(0, applicantsNamespace)
		one.Name = fmt.Sprintf("%s-%05d", name, number)
		one.Spec.AccountRef.Name = a.accounts[number%accounts].GetName()
		a.bots = append(a.bots, one)
	}
	return a
}

// createAccounts creates the Accounts, and initializes them as the account controller does when they have no Bots.
func (s *stage) createAccounts(ctx context.Context, of applicants) error {
	return each(ctx, of.accounts, func(ctx context.Context, object client.Object) error {
		if err := s.api.Create(ctx, object); err != nil {
			return fmt.Errorf("creating an account: %w", err)
		}
		// A copy: objects are read again by their names, and an answer is not needed.
		account := &spawnv1.Account{}
		account.Name = object.GetName()
		patch := fmt.Appendf(nil, `{"status":{"initializedFor":%q}}`, object.GetUID())
		if err := s.api.Status().Patch(ctx, account, client.RawPatch(types.MergePatchType, patch)); err != nil {
			return fmt.Errorf("initializing an account: %w", err)
		}
		return nil
	})
}
