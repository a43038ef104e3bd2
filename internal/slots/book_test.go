// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package slots_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
)

func TestCRIT002_AsManySlotsAreReservedAtOnceAsTheLimitAllows(t *testing.T) {
	for _, limit := range []int32{1, 2, 4} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			d := newDesk(t, limit)
			for round := range 10 {
				names := make([]string, 20)
				for i := range names {
					names[i] = fmt.Sprintf("bot-%d-%d", round, i)
				}
				d.wantGranted(int(limit), names)
				d.wantTaken(int(limit))
				d.clear()
			}
		})
	}
}

func TestCRIT002_OneNameTakesOneSlotHoweverOftenItIsAskedFor(t *testing.T) {
	d := newDesk(t, 2)
	names := make([]string, 10)
	for i := range names {
		names[i] = "scout"
	}
	d.wantGranted(10, names)
	d.wantSlots("ten times the same", "scout")
}

func TestCRIT002_ADowngradeAmidReservationsHolds(t *testing.T) {
	d := newDesk(t, 10)
	for range 10 {
		d.setLimit(10)
		var group sync.WaitGroup
		for i := range 10 {
			group.Go(func() { _ = d.reserve(fmt.Sprintf("bot-%d", i)) })
		}
		d.setLimit(1)
		before := len(d.Account().Status.Slots)
		group.Wait()
		if after := len(d.Account().Status.Slots); after > max(before, 1) {
			t.Errorf("%d slots when the limit became 1, and %d afterwards", before, after)
		}
		d.clear()
	}
}

// wantGranted reserves slots under all of the names at once, and fails unless so many are granted, and every other
// refused because of the limit.
func (d *desk) wantGranted(want int, names []string) {
	d.t.Helper()
	answers := make([]error, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() { answers[i] = d.reserve(name) })
	}
	group.Wait()
	granted := 0
	for _, err := range answers {
		switch {
		case err == nil:
			granted++
		case !errors.Is(err, slots.ErrFull):
			d.t.Errorf("error %v, want that it is full", err)
		}
	}
	if granted != want {
		d.t.Errorf("%d were granted, want %d", granted, want)
	}
}

func (d *desk) wantTaken(want int) {
	d.t.Helper()
	if got := len(d.Account().Status.Slots); got != want {
		d.t.Errorf("%d slots are taken, want %d", got, want)
	}
}

// clear removes all slots.
func (d *desk) clear() {
	d.t.Helper()
	account := d.Account()
	for key := range account.Status.Slots {
		d.must(d.Remove(d.t.Context(), account, key))
	}
	d.wantTaken(0)
}

func TestTheLifeOfASlot(t *testing.T) {
	d := newDesk(t, 1)
	account, err := d.Reserve(t.Context(), d.AccountName(), d.named("scout"))
	d.must(err)
	if account.UID == "" || len(account.Status.Slots) != 1 || account.Spec.MaxBots == nil {
		t.Errorf("the answer is %+v, want the whole Account with the slot in it", account)
	}
	d.wantSlots("reserved", "scout")
	if ago := d.stampedAgo("scout"); ago != 0 {
		t.Errorf("stamped %s ago", ago)
	}
	d.Step(1500 * time.Millisecond)
	d.must(d.reserve("scout"))
	if ago := d.stampedAgo("scout"); ago != 500*time.Millisecond {
		t.Errorf("stamped %s ago, want to the second", ago)
	}
	d.wantError(d.reserve("hawk"), slots.ErrFull)
	d.wantError(d.take("hawk", "2"), slots.ErrFull)

	d.must(d.Bind(t.Context(), d.Account(), d.bot("scout", "1")))
	d.wantSlots("bound", "scout=1")
	if !slots.Holds(d.Account(), d.bot("scout", "1")) || slots.Holds(d.Account(), d.bot("scout", "2")) {
		t.Error("it is not bound to that Bot, or to another too")
	}
	d.must(d.reserve("scout"))
	d.wantSlots("stamped anew", "scout=1")
	d.must(d.take("scout", "2"))
	d.wantSlots("taken by the next of that name", "scout=2")

	d.must(d.Release(t.Context(), d.AccountName(), d.bot("scout", "1")))
	d.wantSlots("not given back by another", "scout=2")
	d.must(d.Release(t.Context(), d.AccountName(), d.bot("hawk", "3")))
	d.must(d.Release(t.Context(), d.AccountName(), d.bot("scout", "2")))
	d.wantSlots("given back")
	d.must(d.Release(t.Context(), d.AccountName(), d.bot("scout", "2")))
	d.must(d.take("hawk", "3"))
	d.wantSlots("taken without a reservation", "hawk=3")
}

func TestAReservationIsNotGivenBackByABot(t *testing.T) {
	d := newDesk(t, 1)
	d.must(d.reserve("scout"))
	d.must(d.Release(t.Context(), d.AccountName(), d.bot("scout", "1")))
	d.wantSlots("a create of that name may be under way", "scout")
}

func TestWhatHasChangedSinceItWasReadIsNotTouched(t *testing.T) {
	for name, change := range map[string]func(d *desk){
		"stamped anew": func(d *desk) { d.Step(time.Second); d.must(d.reserve("scout")) },
		"bound":        func(d *desk) { d.must(d.take("scout", "9")) },
		"given back":   func(d *desk) { d.clear() },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, 2)
			d.must(d.reserve("scout"))
			read := d.Account()
			change(d)
			stored := d.Account()
			d.wantError(d.Bind(t.Context(), read, d.bot("scout", "1")), slots.ErrChanged)
			d.wantError(d.Remove(t.Context(), read, slots.Key(d.named("scout"))), slots.ErrChanged)
			if now := d.Account(); now.ResourceVersion != stored.ResourceVersion {
				t.Errorf("slots %v, were %v", now.Status.Slots, stored.Status.Slots)
			}
		})
	}
}

func TestASlotThatWasNotReadIsNotBound(t *testing.T) {
	d := newDesk(t, 1)
	d.wantError(d.Bind(t.Context(), d.Account(), d.bot("scout", "1")), slots.ErrChanged)
	d.wantSlots("nothing to bind")
}

func TestAnAccountThatDoesNotExistHasNoSlots(t *testing.T) {
	d := newDesk(t, 1)
	d.must(d.reserve("scout"))
	account := d.Account()
	d.Delete(d.Account())
	if err := d.reserve("scout"); !apierrors.IsNotFound(err) {
		t.Errorf("reserving: %v, want not found", err)
	}
	if err := d.take("scout", "1"); !apierrors.IsNotFound(err) {
		t.Errorf("taking: %v, want not found", err)
	}
	if err := d.Bind(t.Context(), account, d.bot("scout", "1")); !apierrors.IsNotFound(err) {
		t.Errorf("binding: %v, want not found", err)
	}
	d.must(d.Release(t.Context(), d.AccountName(), d.bot("scout", "1")))
	d.must(d.Remove(t.Context(), account, slots.Key(d.named("scout"))))
}

func TestOverTheLimitWhatThereIsStaysAndMayGo(t *testing.T) {
	d := newDesk(t, 3)
	for _, name := range []string{"a", "b", "c"} {
		d.must(d.reserve(name))
	}
	d.setLimit(1)
	d.Step(time.Minute)
	d.must(d.reserve("a"))
	d.must(d.take("b", "2"))
	d.must(d.Bind(t.Context(), d.Account(), d.bot("c", "3")))
	d.wantSlots("stamped, taken and bound", "a", "b=2", "c=3")
	d.wantError(d.reserve("d"), slots.ErrFull)
	d.must(d.Release(t.Context(), d.AccountName(), d.bot("b", "2")))
	d.wantError(d.take("b", "2"), slots.ErrFull)
	d.must(d.Remove(t.Context(), d.Account(), slots.Key(d.named("a"))))
	d.wantError(d.reserve("d"), slots.ErrFull)
	d.must(d.Release(t.Context(), d.AccountName(), d.bot("c", "3")))
	d.must(d.reserve("d"))
	d.wantSlots("under the limit again", "d")
}

// TestKeysOfEveryAllowedCharacter: a key is written as JSON, and as part of a JSON pointer, in which / is something
// else.
func TestKeysOfEveryAllowedCharacter(t *testing.T) {
	d := newDesk(t, 100)
	for _, key := range []types.NamespacedName{
		{Namespace: "abcdefghijklmnopqrstuvwxyz-0123456789", Name: "abcdefghijklmnopqrstuvwxyz-0123456789"},
		{Namespace: "0", Name: "z"},
		{Namespace: "0", Name: "1"},
		{Namespace: "a--b", Name: "b--a"},
		{Namespace: strings.Repeat("n", 63), Name: strings.Repeat("b", 40)},
	} {
		bot := d.bot("x", "1")
		bot.Namespace, bot.Name = key.Namespace, key.Name
		if slots.BotOf(slots.Key(key)) != key || slots.KeyOf(bot) != slots.Key(key) {
			t.Errorf("%s becomes %s", key, slots.BotOf(slots.Key(key)))
		}
		_, err := d.Reserve(t.Context(), d.AccountName(), key)
		d.must(err)
		d.must(d.Bind(t.Context(), d.Account(), bot))
		d.must(d.Release(t.Context(), d.AccountName(), bot))
		_, err = d.Take(t.Context(), d.AccountName(), bot)
		d.must(err)
		if !slots.Holds(d.Account(), bot) {
			t.Errorf("%s has no slot in %v", key, d.Account().Status.Slots)
		}
		d.must(d.Remove(t.Context(), d.Account(), slots.Key(key)))
		d.wantTaken(0)
	}
}

// TestTheLimitIsJudgedInAnAccountOfAnySize: the API server bounds what a rule may cost.
func TestTheLimitIsJudgedInAnAccountOfAnySize(t *testing.T) {
	d := newDesk(t, 100)
	longest := func(n int) *spawnv1.Bot {
		bot := d.bot(fmt.Sprintf("%03d%s", n, strings.Repeat("b", 37)), strings.Repeat("u", 64))
		bot.Namespace = strings.Repeat("n", 63)
		return bot
	}
	account := d.Account()
	account.Status.Slots = map[string]spawnv1.Slot{}
	for n := range 100 {
		account.Status.Slots[slots.KeyOf(longest(n))] = spawnv1.Slot{
			UID: strings.Repeat("u", 64), ReservedAt: metav1.NewTime(d.Env.Clock.Now()),
		}
	}
	d.must(d.Env.Client.Status().Update(t.Context(), account))
	_, err := d.Take(t.Context(), d.AccountName(), longest(100))
	d.wantError(err, slots.ErrFull)
	d.setLimit(0)
	_, err = d.Take(t.Context(), d.AccountName(), longest(99))
	d.must(err)
	d.must(d.Release(t.Context(), d.AccountName(), longest(99)))
	d.wantTaken(99)
}

// TestOtherRefusalsAreNeitherTheLimitNorAChange: what the schema refuses, it refuses again.
func TestOtherRefusalsAreNeitherTheLimitNorAChange(t *testing.T) {
	d := newDesk(t, 2)
	d.must(d.reserve("scout"))
	tooLong := strings.Repeat("u", 65)
	bind := d.Bind(t.Context(), d.Account(), d.bot("scout", tooLong))
	for what, err := range map[string]error{"taking": d.take("scout", tooLong), "binding": bind} {
		if !apierrors.IsInvalid(err) || errors.Is(err, slots.ErrFull) || errors.Is(err, slots.ErrChanged) {
			t.Errorf("%s: error %v, want that of the schema", what, err)
		}
	}
	d.wantSlots("refused", "scout")
}

func TestABrokenCallIsAnErrorOfItsOwn(t *testing.T) {
	d := newDesk(t, 1)
	d.must(d.take("scout", "1"))
	account := d.Account()
	accounts := spawnv1.GroupVersion.WithResource("accounts").GroupResource()
	d.Book.Client = failing{d.Env.Client, apierrors.NewForbidden(accounts, d.AccountName(), errors.New("no role"))}
	_, take := d.Take(t.Context(), d.AccountName(), d.bot("scout", "1"))
	for what, err := range map[string]error{
		"reserving": d.reserve("scout"), "taking": take, "binding": d.Bind(t.Context(), account, d.bot("scout", "1")),
		"releasing": d.Release(t.Context(), d.AccountName(), d.bot("scout", "1")),
		"removing":  d.Remove(t.Context(), account, slots.Key(d.named("scout"))),
	} {
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), d.Namespace+"/scout") {
			t.Errorf("%s: %v, want what the API server says, and of which slot", what, err)
		}
	}
}

// TestOnlyTheRuleOnTheSlotsMeansTheLimit: other rules and fields are refused with the same code.
func TestOnlyTheRuleOnTheSlotsMeansTheLimit(t *testing.T) {
	cause := func(kind metav1.CauseType, field string) *metav1.StatusDetails {
		return &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: kind, Field: field}}}
	}
	const forbidden, slotsField = "FieldValueForbidden", "status.slots"
	for name, test := range map[string]struct {
		code    int32
		details *metav1.StatusDetails
		full    bool
	}{
		"the rule":              {http.StatusUnprocessableEntity, cause(forbidden, slotsField), true},
		"another field":         {http.StatusUnprocessableEntity, cause(forbidden, "status.limit"), false},
		"a slot":                {http.StatusUnprocessableEntity, cause(forbidden, "status.slots[a/1]"), false},
		"another cause":         {http.StatusUnprocessableEntity, cause(metav1.CauseTypeTooLong, slotsField), false},
		"no cause":              {http.StatusUnprocessableEntity, &metav1.StatusDetails{}, false},
		"no details":            {http.StatusUnprocessableEntity, nil, false},
		"somebody else forbids": {http.StatusForbidden, cause(forbidden, slotsField), false},
	} {
		t.Run(name, func(t *testing.T) {
			refusal := &apierrors.StatusError{ErrStatus: metav1.Status{
				Status: metav1.StatusFailure, Code: test.code, Details: test.details,
			}}
			d := newDesk(t, 1)
			d.Book.Client = failing{d.Env.Client, refusal}
			if err := d.reserve("scout"); errors.Is(err, slots.ErrFull) != test.full || err == nil {
				t.Errorf("error %v, want that it is full: %v", err, test.full)
			}
		})
	}
}
