// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"sync/atomic"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// What the design takes for granted of the API server, so that a Kubernetes that does otherwise is noticed.

func TestABotHasItsNameAndUIDWhenItIsValidatedAndNotBefore(t *testing.T) {
	const account = "identified"
	givenAccount(t, account, 2)
	nothing := func(*admissionv1.AdmissionRequest) {}
	before, validated := givenWitness(t, account, true, nothing), givenWitness(t, account, false, nothing)
	named, generated := newBot(account, "named"), newBot(account, "")
	generated.GenerateName = "generated-"
	for _, bot := range []*spawnv1.Bot{named, generated} {
		if err := shared.api.Create(t.Context(), bot); err != nil {
			t.Fatal(err)
		}
		i := len(validated.heard()) - 1
		early, late := before.heard()[i], validated.heard()[i]
		if uid := botIn(t, early).UID; uid != "" {
			t.Errorf("before it is validated %s has uid %s", bot.Name, uid)
		}
		if seen := botIn(t, late); late.Name != bot.Name || seen.Name != bot.Name || seen.UID != bot.UID {
			t.Errorf("validated is %q, which is %q with uid %q; written is %s with uid %s",
				late.Name, seen.Name, seen.UID, bot.Name, bot.UID)
		}
	}
	if name := before.heard()[1].Name; name != "" {
		t.Errorf("before it is validated, a generated name is %q", name)
	}
	slotsAreBots(t, account, 2)
}

// When a generated name is taken, the API server makes another and asks again: one request, two reservations. That is
// why a slot is kept by name, and why no uid is written when it is reserved.
func TestAGeneratedNameThatIsTakenIsAskedAboutAgain(t *testing.T) {
	for account, limit := range map[string]int32{"regenerated": 2, "regenerated-full": 1} {
		t.Run(account, func(t *testing.T) {
			givenAccount(t, account, limit)
			var taken atomic.Bool
			w := givenWitness(t, account, false, func(request *admissionv1.AdmissionRequest) {
				if !taken.CompareAndSwap(false, true) {
					return
				}
				if err := shared.api.Create(t.Context(), newBot(account, request.Name)); err != nil {
					t.Errorf("taking the name: %v", err)
				}
			})
			bot := newBot(account, "")
			bot.GenerateName = account + "-"
			switch err := shared.api.Create(t.Context(), bot); {
			case limit == 1 && !apierrors.IsForbidden(err):
				t.Errorf("answered %v, want a refusal: the first name has the only slot", err)
			case limit == 2 && err != nil:
				t.Error(err)
			}
			names, uids := map[string]bool{}, map[string]bool{}
			for _, request := range w.heard() {
				names[request.Name], uids[string(botIn(t, request).UID)] = true, true
			}
			if len(names) != 2 || len(uids) != 3 { // the first name was asked about for two Bots
				t.Errorf("asked about names %v with uids %v", names, uids)
			}
			slotsAreBots(t, account, int(limit))
		})
	}
}
