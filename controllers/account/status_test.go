// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
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

func TestAnAccountCountsItsSlotsAndTheBotsThatHaveNone(t *testing.T) {
	o := newOffice(t, 4)
	o.bots(spawnv1.AdmittedReason, "scout", "hawk")
	o.GivenBot("stray", func(b *spawnv1.Bot) { b.Spec.AccountRef.Name = "somebody-else" })
	o.take("scout", "hawk")
	o.GivenBot("new")
	o.reserve("new")
	o.look()
	o.wantBots("one that nobody has looked at has a reservation", 2, 0)
	o.bots(spawnv1.SecretNotAllowedReason, "owl")
	o.bots(spawnv1.AccountSuspendedReason, "jay")
	o.look()
	o.wantBots("two have none", 2, 2)

	account := o.Account()
	o.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountSuspended })
	o.look()
	o.wantBots("suspended, they keep their slots", 2, 2)

	owl := o.Bot("owl")
	o.Update(owl, func() { owl.Finalizers = []string{"example.com/theirs"} })
	o.Delete(o.Bot("owl"))
	o.look()
	o.wantBots("one that is going waits for nothing", 2, 1)
	o.must(o.book.Release(t.Context(), o.AccountName(), o.Bot("hawk")))
	o.look()
	o.wantBots("one has lost its slot", 1, 2)
}

// TestAStampIsNotNews: a slot that is reserved, or stamped anew, is one write to the Account and not two.
func TestAStampIsNotNews(t *testing.T) {
	o := newOffice(t, 4)
	o.bots(spawnv1.AdmittedReason, "scout")
	o.take("scout")
	o.look()
	for range 3 {
		o.Step(time.Second)
		o.reserve("scout")
		o.reserve("hawk")
		stamped := o.Account().ResourceVersion
		o.look()
		if now := o.Account().ResourceVersion; now != stamped {
			t.Errorf("the account is written at %s for a stamp at %s", now, stamped)
		}
	}
	o.wantBots("a reservation is nobody's", 1, 0)
}

func TestCRIT002_ADowngradeDestroysNothingAndSaysSo(t *testing.T) {
	e := testenv.New(t)
	book := slots.Book{Client: e.Client, Clock: e.Clock}
	for _, name := range []string{"a-scout", "b-hawk", "c-owl"} {
		e.GivenReadyBot(name)
		if _, err := book.Take(t.Context(), e.AccountName(), e.Bot(name)); err != nil {
			t.Fatal(err)
		}
	}
	account := e.Account()
	e.Update(account, func() { account.Spec.Tier = spawnv1.AccountTierBasic })
	e.Settle()
	account = e.Account()
	e.WantCondition(account, spawnv1.WithinLimitCondition, metav1.ConditionFalse, spawnv1.OverLimitReason,
		"3 Bots are admitted and the limit is 2", "newest: "+e.Namespace+"/c-owl;", "nothing is destroyed",
		"no new slot is given")
	e.WantCondition(account, spawnv1.ReadyCondition, metav1.ConditionTrue, spawnv1.ReadyReason)
	if live := e.Cloud.Live(""); len(live) != 3 || len(account.Status.Slots) != 3 {
		t.Errorf("%d instances live and slots %v, want 3 of each", len(live), account.Status.Slots)
	}
	_, err := book.Reserve(t.Context(), e.AccountName(), client.ObjectKey{Namespace: e.Namespace, Name: "jay"})
	if !errors.Is(err, slots.ErrFull) {
		t.Errorf("error %v, want no new slot", err)
	}
}

func TestAnAccountOverItsLimitNamesSomeOfTheNewest(t *testing.T) {
	o := newOffice(t, 100)
	for n := range 13 {
		name := fmt.Sprintf("bot%02d", n)
		o.bots(spawnv1.AdmittedReason, name)
		o.take(name)
	}
	account := o.Account()
	o.Update(account, func() { account.Spec.MaxBots = new(int32) })
	o.look()
	c := status.Get(o.Account(), spawnv1.WithinLimitCondition)
	if c == nil || !strings.Contains(c.Message, o.Namespace+"/bot09 and 3 more;") || strings.Contains(c.Message, "bot10") {
		t.Errorf("condition %+v, want ten of the thirteen by name", c)
	}
	o.wantInitialized("over the limit", true)
}

func TestADeletedAccountNamesSomeOfItsBotsAndCountsTheRest(t *testing.T) {
	e := testenv.New(t)
	account := e.GivenAccount(func(a *spawnv1.Account) { a.Spec.DesiredState = spawnv1.AccountSuspended })
	for n := range 12 {
		e.GivenBot(fmt.Sprintf("bot%02d", n))
	}
	e.Settle()
	e.Delete(account)
	e.Settle()
	e.WantCondition(e.Account(), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.BotsRemainReason,
		e.Namespace+"/bot00", e.Namespace+"/bot09", "and 2 more")
	if status.Get(e.Account(), spawnv1.StalledCondition) == nil {
		t.Errorf("the account does not say that a person must act\n%s", e.Describe())
	}

	for n := range 12 {
		e.Delete(e.Bot(fmt.Sprintf("bot%02d", n)))
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
	book := slots.Book{Client: e.Client, Clock: e.Clock}
	if _, err := book.Take(t.Context(), e.AccountName(), e.Bot("scout")); err != nil {
		t.Fatal(err)
	}
	e.Settle()
	for len(e.Manager.Events.Events) > 0 {
		<-e.Manager.Events.Events
	}
	requests := 0
	e.Manager.Before = func(request *http.Request) error {
		if requests++; request.Method != http.MethodGet {
			t.Errorf("at rest: %s %s", request.Method, request.URL.Path)
		}
		return nil
	}
	for range 10 {
		if result, err := e.ReconcileAccount(); err != nil || result.RequeueAfter != 0 {
			t.Errorf("at rest: result %v, error %v", result, err)
		}
	}
	if requests != 30 {
		t.Errorf("at rest: %d requests, want the three that the cache answers, ten times", requests)
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
