// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/manager"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// Ten make and delete Bots of four names as fast as they can, and a stand-in for the controllers binds and releases
// slots meanwhile. A slot that is released while a Bot of the same name is between its admission and its birth leaves
// that Bot without one: it waits, as one that was made while the webhooks were away.
func TestCRIT002_BotsThatAreDeletedAndMadeAnewMeanwhile(t *testing.T) {
	t.Parallel()
	const account, limit, lives = "reborn", 2, 40
	givenAccount(t, account, limit)
	watched := watchSlots(t, account, limit)
	stopKeeping := keepSlots(t, account)

	var group sync.WaitGroup
	var born atomic.Int64
	for i := range attempts {
		group.Go(func() {
			for name := fmt.Sprintf("reborn-%d", i%4); born.Load() < lives && t.Context().Err() == nil; {
				if liveOnce(t, newBot(account, name), i%3 > 0) {
					born.Add(1)
				}
			}
		})
	}
	group.Wait()
	// Two stay, of the four names.
	got := untilAccepted(t, account, limit)
	sweepReservations(t, account)
	isAtRest(t, account, limit)
	stopKeeping()
	slotsAreBots(t, account, limit)
	for _, bot := range botsOf(t, account) {
		if !slots.Holds(accountNow(t, account), &bot) {
			t.Errorf("the slot of %s is not bound to it", bot.Name)
		}
	}
	if changes := watched(); changes < lives/4 {
		t.Errorf("the account changed %d times", changes)
	} else {
		t.Logf("%d lives; the account changed %d times; in the end there are %v", born.Load(), changes, got)
	}
	for _, bot := range botsOf(t, account) {
		bot.Finalizers = nil
		if err := shared.api.Update(t.Context(), &bot); err != nil {
			t.Error(err)
		}
	}
}

// liveOnce creates a Bot and deletes it, at once or when it is bound, and tells whether it was accepted.
func liveOnce(t *testing.T, bot *spawnv1.Bot, bound bool) bool {
	t.Helper()
	err := shared.api.Create(t.Context(), bot)
	if err == nil {
		for tries := 0; bound && tries < 100; tries++ { // one that waits for a slot may have to wait for this one's end
			bound = !slots.Holds(accountNow(t, bot.Spec.AccountRef.Name), bot)
		}
		if err := shared.api.Delete(t.Context(), bot); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
		return true
	}
	if !apierrors.IsForbidden(err) && !apierrors.IsAlreadyExists(err) && !isUnjudged(err) {
		t.Error(err)
	}
	return false
}

func isUnjudged(err error) bool { return strings.Contains(err.Error(), "try again") }

// untilAccepted tries names until as many of them are accepted, which reservations of others may delay.
func untilAccepted(t *testing.T, account string, want int) (names []string) {
	t.Helper()
	ctx := t.Context()
	err := wait.PollUntilContextTimeout(ctx, lookEvery, askedWithin, true, func(ctx context.Context) (bool, error) {
		for i := range 4 {
			name := fmt.Sprintf("reborn-%d", i)
			if err := shared.api.Create(ctx, newBot(account, name)); err == nil {
				names = append(names, name)
			}
			if len(names) == want {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Fatalf("%v are accepted, want %d: %v; slots %v", names, want, err, accountNow(t, account).Status.Slots)
	}
	return names
}

// isAtRest waits until so many Bots are left, none on its way out, each with its slot.
func isAtRest(t *testing.T, account string, want int) {
	t.Helper()
	ctx := t.Context()
	err := wait.PollUntilContextTimeout(ctx, lookEvery, askedWithin, true, func(ctx context.Context) (bool, error) {
		var now spawnv1.Account
		if err := shared.api.Get(ctx, client.ObjectKey{Name: account}, &now); err != nil {
			return false, err
		}
		bots, err := listBots(ctx, account)
		holding := 0
		for i := range bots {
			if bots[i].DeletionTimestamp.IsZero() && slots.Holds(&now, &bots[i]) {
				holding++
			}
		}
		return len(bots) == want && holding == want, err
	})
	if err != nil {
		t.Fatalf("bots %v, slots %v: %v", botsOf(t, account), accountNow(t, account).Status.Slots, err)
	}
}

// botsOf are the Bots of an Account.
func botsOf(t *testing.T, account string) (found []spawnv1.Bot) {
	t.Helper()
	found, err := listBots(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func listBots(ctx context.Context, account string) (found []spawnv1.Bot, err error) {
	var bots spawnv1.BotList
	if err := shared.api.List(ctx, &bots, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	for _, bot := range bots.Items {
		if bot.Spec.AccountRef.Name == account {
			found = append(found, bot)
		}
	}
	return found, nil
}

// watchSlots sees every state of an Account, and fails the test at one with more slots than the limit. What it returns
// ends it, and tells how many states there were.
func watchSlots(t *testing.T, account string, limit int) (end func() int) {
	t.Helper()
	api, err := client.NewWithWatch(shared.plane.Config(), client.Options{Scheme: manager.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	states, err := api.Watch(t.Context(), &spawnv1.AccountList{}, client.MatchingFields{"metadata.name": account})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan int, 1)
	go func() {
		number := 0
		for event := range states.ResultChan() {
			now, ok := event.Object.(*spawnv1.Account)
			if !ok || event.Type == watch.Deleted {
				continue
			}
			number++
			if len(now.Status.Slots) > limit {
				t.Errorf("at limit %d there are the slots %v", limit, now.Status.Slots)
			}
		}
		seen <- number
	}()
	return func() int { states.Stop(); return <-seen }
}

// keepSlots does with an Account's Bots what the bot controller does, until it is stopped: a finalizer before the slot
// is bound, and the slot released before the finalizer goes.
func keepSlots(t *testing.T, account string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			bots, err := listBots(ctx, account)
			for i := range bots {
				err = errors.Join(err, keepSlot(ctx, account, &bots[i]))
			}
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	}()
	return func() { cancel(); <-ended }
}

func keepSlot(ctx context.Context, account string, bot *spawnv1.Bot) error {
	book := slots.Book{Client: shared.api, Clock: clock.RealClock{}}
	var err error
	switch {
	case len(bot.Finalizers) == 0:
		bot.Finalizers = []string{spawnv1.BotFinalizer}
		err = shared.api.Update(ctx, bot)
	case bot.DeletionTimestamp.IsZero():
		var now spawnv1.Account
		err = shared.api.Get(ctx, client.ObjectKey{Name: account}, &now)
		if err == nil && !slots.Holds(&now, bot) {
			_, err = book.Take(ctx, account, bot)
		}
	default:
		if err = book.Release(ctx, account, bot); err == nil {
			bot.Finalizers = nil
			err = shared.api.Update(ctx, bot)
		}
	}
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || errors.Is(err, slots.ErrFull) {
		return nil // it has gone or changed since it was read, or waits
	}
	return err
}

// sweepReservations does what the account controller does with a slot whose Bot does not exist.
func sweepReservations(t *testing.T, account string) {
	t.Helper()
	book := slots.Book{Client: shared.api, Clock: clock.RealClock{}}
	now := accountNow(t, account)
	for key := range now.Status.Slots {
		err := shared.api.Get(t.Context(), slots.BotOf(key), &spawnv1.Bot{})
		if apierrors.IsNotFound(err) {
			err = book.Remove(t.Context(), now, key)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
