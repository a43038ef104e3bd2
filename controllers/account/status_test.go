// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestTheLimitIsTheTiersUnlessMaxBotsSaysOtherwise(t *testing.T) {
	number := func(n int32) *int32 { return &n }
	for name, test := range map[string]struct {
		tier    spawnv1.AccountTier
		maxBots *int32
		want    int32
	}{
		"Free":                {tier: spawnv1.AccountTierFree, want: 0},
		"Basic":               {tier: spawnv1.AccountTierBasic, want: 2},
		"Pro":                 {tier: spawnv1.AccountTierPro, want: 4},
		"Free with more":      {tier: spawnv1.AccountTierFree, maxBots: number(7), want: 7},
		"Pro with none":       {tier: spawnv1.AccountTierPro, maxBots: number(0), want: 0},
		"Basic with the most": {tier: spawnv1.AccountTierBasic, maxBots: number(100), want: 100},
	} {
		t.Run(name, func(t *testing.T) {
			e := testenv.New(t)
			e.GivenAccount(func(a *spawnv1.Account) { a.Spec.Tier, a.Spec.MaxBots = test.tier, test.maxBots })
			e.Settle()
			account := e.Account()
			if account.Status.Limit == nil || *account.Status.Limit != test.want {
				t.Errorf("limit %v, want %d", account.Status.Limit, test.want)
			}
			e.WantCondition(account, spawnv1.ReadyCondition, metav1.ConditionTrue, spawnv1.ReadyReason)
			e.WantCondition(account, spawnv1.WithinLimitCondition, metav1.ConditionTrue, spawnv1.WithinLimitReason,
				fmt.Sprintf("0 of %d", test.want))
		})
	}
}

func TestAnAccountCountsItsOwnBotsAndNoOthers(t *testing.T) {
	e := testenv.New(t)
	account := e.GivenAccount()
	e.GivenBot("scout")
	e.GivenBot("hawk")
	e.GivenBot("stray", func(b *spawnv1.Bot) { b.Spec.AccountRef.Name = "somebody-else" })
	e.Settle()
	if got := e.Account().Status.Bots; got.Admitted != 2 || got.Waiting != 0 {
		t.Errorf("counted %+v, want 2 admitted", got)
	}

	e.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountSuspended })
	e.Settle()
	if got := e.Account().Status.Bots; got.Admitted != 0 || got.Waiting != 2 {
		t.Errorf("suspended: counted %+v, want 2 waiting", got)
	}

	e.Delete(e.Bot("hawk"))
	e.Until("hawk is not counted any more", func() bool { return e.Account().Status.Bots.Waiting == 1 })
}

func TestADowngradeDestroysNothingAndSaysSo(t *testing.T) {
	e := testenv.New(t)
	for _, name := range []string{"scout", "hawk", "owl"} {
		e.GivenReadyBot(name)
	}
	account := e.Account()
	e.Update(account, func() { account.Spec.Tier = spawnv1.AccountTierBasic })
	e.Settle()
	account = e.Account()
	e.WantCondition(account, spawnv1.WithinLimitCondition, metav1.ConditionFalse, spawnv1.OverLimitReason, "3", "2")
	e.WantCondition(account, spawnv1.ReadyCondition, metav1.ConditionTrue, spawnv1.ReadyReason)
	if live := e.Cloud.Live(""); len(live) != 3 {
		t.Errorf("%d instances live, want 3", len(live))
	}
}

func TestADeletedAccountNamesSomeOfItsBotsAndCountsTheRest(t *testing.T) {
	e := testenv.New(t)
	account := e.GivenAccount(func(a *spawnv1.Account) { a.Spec.DesiredState = spawnv1.AccountSuspended })
	for n := range 7 {
		e.GivenBot(fmt.Sprintf("bot%d", n))
	}
	e.Settle()
	e.Delete(account)
	e.Settle()
	e.WantCondition(e.Account(), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.BotsRemainReason,
		e.Namespace+"/bot0", e.Namespace+"/bot4", "and 2 more")
	if status.Get(e.Account(), spawnv1.StalledCondition) == nil {
		t.Errorf("the account does not say that a person must act\n%s", e.Describe())
	}

	for n := range 7 {
		e.Delete(e.Bot(fmt.Sprintf("bot%d", n)))
	}
	e.Until("the account is gone", func() bool { return !e.Exists(account) })
}

func TestADeletedAccountWithoutBotsGoesAtOnce(t *testing.T) {
	e := testenv.New(t)
	account := e.GivenAccount()
	e.Settle()
	e.Delete(account)
	if _, err := e.ReconcileAccount(); err != nil {
		t.Fatal(err)
	}
	if e.Exists(account) {
		t.Errorf("the account is still there\n%s", e.Describe())
	}
}

func TestAFinalizerTakenOffAnAccountIsPutBack(t *testing.T) {
	e := testenv.New(t)
	account := e.GivenAccount()
	e.Settle()
	e.Update(account, func() { account.Finalizers = []string{"example.com/theirs"} })
	e.Settle()
	want := []string{"example.com/theirs", spawnv1.AccountFinalizer}
	if got := e.Account().Finalizers; !slices.Equal(got, want) {
		t.Errorf("finalizers %v, want %v", got, want)
	}
}

func TestAtRestAnAccountIsNotWritten(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	e.Settle()
	for len(e.Manager.Events.Events) > 0 {
		<-e.Manager.Events.Events
	}
	e.Manager.Before = func(request *http.Request) error {
		if request.Method != http.MethodGet {
			t.Errorf("at rest: %s %s", request.Method, request.URL.Path)
		}
		return nil
	}
	for range 10 {
		if result, err := e.ReconcileAccount(); err != nil || result.RequeueAfter != 0 {
			t.Errorf("at rest: result %v, error %v", result, err)
		}
	}
	if len(e.Manager.Events.Events) != 0 {
		t.Errorf("at rest: event %q", <-e.Manager.Events.Events)
	}
}

func TestAConflictOnAnAccountIsLookedAtAgain(t *testing.T) {
	e := testenv.New(t)
	account := e.GivenAccount()
	if _, err := e.ReconcileAccount(); err != nil { // the finalizer
		t.Fatal(err)
	}
	done := false
	e.Manager.Before = func(request *http.Request) error {
		if request.Method == http.MethodPatch && !done {
			done = true
			e.Update(account, func() { account.Labels = map[string]string{"plan": "yearly"} })
		}
		return nil
	}
	if result, err := e.ReconcileAccount(); err != nil || result.RequeueAfter == 0 {
		t.Errorf("result %v, error %v, want to look again soon and no error", result, err)
	}
	e.Settle()
	if got := e.Account(); !e.IsReady(got) || got.Labels["plan"] != "yearly" {
		t.Errorf("account with labels %v\n%s", got.Labels, e.Describe())
	}
}

func TestAnAccountWhoseBotsCannotBeListedStaysAsItIs(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	e.Settle()
	e.Delete(e.Account())
	e.Settle()
	e.Manager.Before = func(request *http.Request) error {
		if request.Method == http.MethodGet && request.URL.Path == "/apis/"+spawnv1.GroupName+"/v1alpha1/bots" {
			return http.ErrHandlerTimeout
		}
		return nil
	}
	stored := e.Account().ResourceVersion
	if _, err := e.ReconcileAccount(); err == nil {
		t.Error("no error although the bots could not be listed")
	}
	if now := e.Account(); now.ResourceVersion != stored || len(now.Finalizers) != 1 {
		t.Errorf("the account became %+v", now)
	}
}
