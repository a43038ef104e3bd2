// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/manager"
	"github.com/cedros-io/open-spawn/internal/slots"
)

func TestApplicantsFitTheirAccounts(t *testing.T) {
	for _, c := range []struct{ accounts, botsEach int }{{1, limitPerAccount}, {spreadAccounts, spreadBots}} {
		a := newApplicants("x", c.accounts, c.botsEach)
		bots := map[string]int{}
		for _, object := range a.bots {
			bot, ok := object.(*spawnv1.Bot)
			if !ok {
				t.Fatalf("%T is no bot", object)
			}
			bots[bot.Spec.AccountRef.Name]++
		}
		if len(a.accounts) != c.accounts || len(bots) != c.accounts {
			t.Errorf("%d accounts, and bots of %d, want %d", len(a.accounts), len(bots), c.accounts)
		}
		for _, object := range a.accounts {
			if account, ok := object.(*spawnv1.Account); !ok || bots[account.Name] != c.botsEach ||
				int(account.Limit()) < c.botsEach {
				t.Errorf("account %s has %d bots, want %d, within its limit", object.GetName(), bots[object.GetName()], c.botsEach)
			}
		}
	}
}

func TestTimedCreatesLeaveOutTheWarmUp(t *testing.T) {
	const timed = 5
	s := &stage{api: fakeAPI(false)}
	got, err := s.timeCreates(t.Context(), newApplicants("timed", 1, warmUps+timed).bots)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != timed || got[0] <= 0 || !slices.IsSorted(got) {
		t.Errorf("%d creates took %v ms", timed, got)
	}
}

// TestTheRateIsOfBotsThatTheWebhookWasAskedAbout is of a client in memory, which reserves slots as the webhook does.
func TestTheRateIsOfBotsThatTheWebhookWasAskedAbout(t *testing.T) {
	for _, webhook := range []bool{true, false} {
		s := &stage{api: fakeAPI(webhook)}
		got, err := s.rate(t.Context(), webhook, newApplicants("one", 1, 10), newApplicants("many", 5, 2))
		if err != nil || got <= 0 {
			t.Errorf("%v creates in a second, %v", got, err)
		}
		_, err = s.rate(t.Context(), !webhook, newApplicants("wrong", 2, 2))
		if err == nil || !strings.Contains(err.Error(), "slots, want") {
			t.Errorf("with a webhook %t, taken for %t: %v", webhook, !webhook, err)
		}
	}
}

// fakeAPI keeps objects in memory.
func fakeAPI(webhook bool) client.Client {
	return fake.NewClientBuilder().WithScheme(manager.Scheme()).WithStatusSubresource(&spawnv1.Account{}).
		WithInterceptorFuncs(interceptor.Funcs{Create: func(
			ctx context.Context, api client.WithWatch, object client.Object, options ...client.CreateOption,
		) error {
			bot, ok := object.(*spawnv1.Bot)
			if !ok || !webhook {
				return api.Create(ctx, object, options...)
			}
			book := slots.Book{Client: api, Clock: still{}}
			_, err := book.Reserve(ctx, bot.Spec.AccountRef.Name, client.ObjectKeyFromObject(bot))
			return errors.Join(err, api.Create(ctx, object, options...))
		}}).Build()
}

// still is a clock that stands.
type still struct{}

func (still) Now() time.Time                   { return time.Unix(1_000_000_000, 0) }
func (still) Since(at time.Time) time.Duration { return still{}.Now().Sub(at) }
