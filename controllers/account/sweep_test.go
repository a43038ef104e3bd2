// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/controllers/account"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

const (
	half  = 60 * time.Second
	whole = 120 * time.Second
)

// instance puts a machine of a Bot into the fleet, whoever's it is.
func (o *office) instance(bot string) int64 {
	o.t.Helper()
	o.MayHaveTwo = true
	return o.Cloud.Plant(dosim.Plant{
		Name: identity.NewName(testenv.Fleet, o.Namespace, bot), Tags: identity.Tags(testenv.Fleet, nil),
	})
}

// wantSwept compares the metric.
func (o *office) wantSwept(want float64) {
	o.t.Helper()
	const name = "openspawn_account_slots_swept_total"
	if n := testutil.CollectAndCount(o.accounts, name); n != 1 {
		o.t.Fatalf("%d metrics %s", n, name)
	}
	if got := metricsOf(o.t, o.accounts)[name]; got != want {
		o.t.Errorf("%v slots were swept, want %v", got, want)
	}
}

func TestCRIT002_ASlotWithoutABotIsTakenAwayAfterTwoMinutes(t *testing.T) {
	for name, give := range map[string]func(*office){
		"reserved": func(o *office) { o.reserve("ghost") },
		"bound":    func(o *office) { o.bind("ghost", "uid of one that is gone") },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, 1)
			give(o)
			for _, wait := range []struct{ at, again time.Duration }{
				{0, half}, {10 * time.Second, 50 * time.Second}, {half, half}, {90 * time.Second, 30 * time.Second},
			} {
				if again := o.at(wait.at); again != wait.again {
					t.Errorf("at %s: looks again after %s, want %s", wait.at, again, wait.again)
				}
			}
			o.Pass()
			o.at(119 * time.Second)
			o.wantSlot("after 119 s", "ghost", true)
			o.wantSwept(0)
			if again := o.at(whole); again != 0 {
				t.Errorf("looks again after %s", again)
			}
			o.wantSlot("after 120 s", "ghost", false)
			o.wantSwept(1)
			o.GivenBot("scout")
			o.take("scout")
			o.look()
			o.wantBots("there is room again", 1, 0)
			o.wantSwept(1)
		})
	}
}

func TestCRIT002_ASlotIsKeptWhileSomethingSpeaksForIt(t *testing.T) {
	none := func(*office) {}
	reserve := func(o *office) { o.reserve("ghost") }
	bind := func(o *office) { o.bind("ghost", "uid of one that is gone") }
	for name, test := range map[string]struct {
		before, meanwhile func(*office) // before the first look, and after the pass
		again             time.Duration
	}{
		"its Bot appears":              {reserve, func(o *office) { o.GivenBot("ghost") }, 0},
		"stamped anew":                 {reserve, func(o *office) { o.reserve("ghost") }, half},
		"bound":                        {reserve, func(o *office) { o.bind("ghost", "a Bot the cache has not seen") }, half},
		"bound, and stamped anew":      {bind, func(o *office) { o.reserve("ghost") }, half},
		"another Bot of its name":      {func(o *office) { bind(o); o.GivenBot("ghost") }, none, 0},
		"another of its name appears":  {bind, func(o *office) { o.GivenBot("ghost") }, 0},
		"its Bot is still there":       {func(o *office) { o.GivenBot("ghost"); o.take("ghost") }, none, 0},
		"a Droplet is left":            {func(o *office) { bind(o); o.droplet("ghost") }, none, time.Minute},
		"a Droplet appears":            {bind, func(o *office) { o.droplet("ghost") }, time.Minute},
		"an instance is left":          {func(o *office) { bind(o); o.instance("ghost") }, none, time.Minute},
		"an instance of a reservation": {func(o *office) { reserve(o); o.instance("ghost") }, none, time.Minute},
		"no name of a Bot": {func(o *office) {
			stored := o.Account()
			o.editStatus(stored, func() {
				slot := spawnv1.Slot{ReservedAt: stored.CreationTimestamp}
				stored.Status.Slots = map[string]spawnv1.Slot{"ghost": slot, "/ghost": slot, "a/b/c": slot}
			})
		}, none, 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, 5)
			test.before(o)
			o.at(0)
			taken := len(o.Account().Status.Slots)
			o.at(half)
			o.Step(30 * time.Second)
			o.Pass()
			test.meanwhile(o)
			if again := o.at(whole); again != test.again {
				t.Errorf("looks again after %s, want %s", again, test.again)
			}
			if got := len(o.Account().Status.Slots); got != taken || got == 0 {
				t.Errorf("%d slots, and %d before", got, taken)
			}
			o.wantSwept(0)
		})
	}
}

func TestASlotGoesWhenNothingSpeaksForItAnyMore(t *testing.T) {
	o := newOffice(t, 1)
	o.bind("ghost", "1")
	droplet := o.droplet("ghost")
	id := o.instance("ghost")
	o.at(0)
	o.at(half)
	o.Pass()
	o.at(whole)
	o.must(o.Cloud.DestroyInstance(id))
	o.at(3 * time.Minute)
	o.wantSlot("the last pass shows its instance", "ghost", true)
	o.Pass()
	o.at(4 * time.Minute)
	o.wantSlot("its Droplet is left", "ghost", true)
	o.strip(droplet)
	if again := o.at(5 * time.Minute); again != 0 {
		t.Errorf("looks again after %s", again)
	}
	o.wantSlot("nothing is left", "ghost", false)
}

func TestASlotIsKeptUntilThereIsAPassThatBeganAfterIt(t *testing.T) {
	o := newOffice(t, 1)
	o.Pass()
	o.reserve("ghost")
	o.at(time.Second)
	o.Pass()
	o.at(time.Second + half)
	for range 3 {
		o.Step(whole)
		if again := o.look(); again != 5*time.Second {
			t.Errorf("looks again after %s", again)
		}
		o.Cloud.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: 503, Count: 1})
		o.Pass()
	}
	o.wantSlot("the fleet cannot be listed", "ghost", true)
	o.Pass()
	o.look()
	o.wantSlot("it was listed", "ghost", false)
}

func TestASlotThatIsLookedAtLateIsStillReadTwice(t *testing.T) {
	o := newOffice(t, 1)
	o.reserve("ghost")
	o.at(0)
	o.Pass()
	if again := o.at(time.Hour); again != 5*time.Second {
		t.Errorf("looks again after %s", again)
	}
	o.wantSlot("read once", "ghost", true)
	o.Pass()
	o.look()
	o.wantSlot("read twice", "ghost", false)
}

func TestARestartOnlyDelaysTheSweep(t *testing.T) {
	o := newOffice(t, 1)
	o.reserve("ghost")
	o.at(0)
	o.at(half)
	o.Step(time.Second)
	o.Pass()
	o.restart()
	for _, d := range []time.Duration{119 * time.Second, whole, 119*time.Second + half, 119*time.Second + whole - 1} {
		o.at(d)
		o.Pass()
		o.wantSlot(d.String(), "ghost", true)
	}
	o.at(119*time.Second + whole)
	o.wantSlot("two minutes later", "ghost", false)
}

func TestAnAccountOfTheSameNameIsSweptAnew(t *testing.T) {
	o := newOffice(t, 1)
	o.reserve("ghost")
	o.at(0)
	o.at(half)
	o.Step(time.Second)
	o.Pass()
	before := o.Account()
	o.strip(o.Account())
	again := o.GivenAccount()
	o.editStatus(again, func() { again.Status.Slots = before.Status.Slots })
	o.at(whole)
	o.wantSlot("the slot is as old, and the Account is another", "ghost", true)
	o.strip(o.Account())
	o.must(errOf(o.try()))
	third := o.GivenAccount()
	o.editStatus(third, func() { third.Status.Slots = before.Status.Slots })
	if wait := o.look(); wait != half {
		t.Errorf("looks again after %s", wait)
	}
}

func TestABotThatTheCacheHasNotSeenKeepsItsSlot(t *testing.T) {
	o := newOffice(t, 1, func(o *account.Options) { o.Client = stale{o.Client} })
	o.GivenBot("scout")
	o.take("scout")
	for n := range 10 {
		o.Pass()
		o.at(time.Duration(n) * half)
	}
	o.wantSlot("the cache lags", "scout", true)
}

// TestABotOfAnotherAccountHasNoSlotHere: it answers for all machines of its name.
func TestABotOfAnotherAccountHasNoSlotHere(t *testing.T) {
	o := newOffice(t, 2)
	o.reserve("scout")
	o.bind("hawk", "one that was ours")
	theirs := func(b *spawnv1.Bot) { b.Spec.AccountRef.Name = "theirs" }
	o.GivenBot("scout", theirs)
	o.GivenBot("hawk", theirs)
	o.instance("scout")
	o.instance("hawk")
	o.at(0)
	o.at(half)
	o.Pass()
	o.at(whole)
	o.wantSlot("the name is another Account's", "scout", false)
	o.wantSlot("the name is another Account's", "hawk", false)
}

func TestASlotThatCannotBeJudgedIsKept(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		edit  func(*account.Options)
		again time.Duration
		fails bool
	}{
		"its namespace is not watched": {func(o *account.Options) { o.Namespaces = []string{"other"} }, 0, false},
		"its Bot may not be read": {func(o *account.Options) {
			o.Live = wrong{o.Live, func(obj any, _ string) error {
				if _, bot := obj.(*spawnv1.Bot); bot {
					return errForbidden
				}
				return nil
			}}
		}, time.Minute, false},
		"its Bot cannot be read": {func(o *account.Options) {
			o.Live = wrong{o.Live, func(obj any, _ string) error {
				if _, bot := obj.(*spawnv1.Bot); bot {
					return broken
				}
				return nil
			}}
		}, 0, true},
		"its Droplets may not be read": {func(o *account.Options) {
			o.Live = wrong{o.Live, func(obj any, _ string) error {
				if _, droplets := obj.(*spawnv1.DropletList); droplets {
					return errForbidden
				}
				return nil
			}}
		}, time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, 1, test.edit)
			o.reserve("ghost")
			o.at(0)
			for range 2 {
				o.Step(half)
				if _, err := o.try(); errors.Is(err, broken) != test.fails {
					t.Errorf("error %v", err)
				}
				o.Pass()
			}
			result, err := o.try()
			if result.RequeueAfter != test.again || errors.Is(err, broken) != test.fails {
				t.Errorf("looks again after %s, error %v", result.RequeueAfter, err)
			}
			o.wantSlot("nobody knows", "ghost", true)
		})
	}
}

func TestASlotOfAnAccountThatIsGoingIsSweptToo(t *testing.T) {
	o := newOffice(t, 2)
	o.GivenBot("scout")
	o.take("scout")
	o.reserve("ghost")
	o.at(0)
	o.Delete(o.Account())
	o.at(half)
	o.Pass()
	o.at(whole)
	o.wantSlot("without a Bot", "ghost", false)
	o.wantSlot("with one", "scout", true)
	o.strip(o.Bot("scout"))
	o.must(errOf(o.try()))
	if o.Exists(o.NewAccount()) {
		t.Error("an Account without Bots is kept by a slot")
	}
}

// NewAccount is the test's Account as it would be looked for.
func (o *office) NewAccount() *spawnv1.Account {
	account := &spawnv1.Account{}
	account.Name = o.AccountName()
	return account
}

func TestASlotThatHasChangedSinceItWasReadIsNotTakenAway(t *testing.T) {
	o := newOffice(t, 1, func(o *account.Options) { o.Live = &sly{Reader: o.Live} })
	o.reserve("ghost")
	o.options.Live.(*sly).onDroplets = func() { o.reserve("ghost") } //nolint:forcetypeassert,errcheck // made above
	o.at(0)
	o.at(half)
	o.Step(time.Second)
	o.Pass()
	o.at(whole)
	if slot := o.Account().Status.Slots[slots.Key(o.named("ghost"))]; o.Clock.Since(slot.ReservedAt.Time) >= time.Second {
		t.Errorf("slot %+v, want the one that was just reserved", slot)
	}
	o.wantSwept(0)
}
