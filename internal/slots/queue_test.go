// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package slots_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/status"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type edit = func(*spawnv1.Bot)

// bot is one of namespace desk, whose uid is its name, born so many minutes after noon.
func bot(name string, minutes int, edits ...edit) spawnv1.Bot {
	b := spawnv1.Bot{ObjectMeta: metav1.ObjectMeta{
		Namespace: "desk", Name: name, UID: types.UID(name), Generation: 1,
		CreationTimestamp: metav1.NewTime(noon.Add(time.Duration(minutes) * time.Minute)),
	}}
	for _, f := range edits {
		f(&b)
	}
	return b
}

func named(b *spawnv1.Bot) { b.Status.DropletName = b.Name + "-1" }
func deleting(b *spawnv1.Bot) {
	b.DeletionTimestamp, b.Finalizers = &metav1.Time{Time: noon}, []string{spawnv1.BotFinalizer}
}
func letGo(b *spawnv1.Bot) {
	b.DeletionTimestamp, b.Finalizers = &metav1.Time{Time: noon}, []string{"example.com/other"}
}
func edited(b *spawnv1.Bot) { b.Generation++ }

func refused(reason string) edit {
	return func(b *spawnv1.Bot) {
		status.Set(b, noon, status.False(spawnv1.AdmittedCondition, reason, "because"))
	}
}

func droplet(namespace, bot string) spawnv1.Droplet {
	return spawnv1.Droplet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: bot + "-1"},
		Spec:       spawnv1.DropletSpec{BotRef: spawnv1.BotReference{Name: bot}},
	}
}

func TestTheQueue(t *testing.T) {
	account := &spawnv1.Account{Status: spawnv1.AccountStatus{Slots: map[string]spawnv1.Slot{
		"desk/has": {UID: "has"}, "desk/reserved": {}, "desk/reborn": {UID: "somebody before"},
	}}}
	for name, test := range map[string]struct {
		bots     []spawnv1.Bot
		droplets []spawnv1.Droplet
		want     string // a * is behind the names of those that own a machine
	}{
		"nobody":                          {},
		"who has a slot":                  {bots: []spawnv1.Bot{bot("has", 0), bot("has", 1, named)}},
		"a reservation is not a slot yet": {bots: []spawnv1.Bot{bot("reserved", 0)}, want: "reserved"},
		"a slot of another of that name":  {bots: []spawnv1.Bot{bot("reborn", 0)}, want: "reborn"},
		"the oldest first":                {bots: []spawnv1.Bot{bot("a", 2), bot("b", 1), bot("c", 3)}, want: "b a c"},
		"then by name":                    {bots: []spawnv1.Bot{bot("b", 1), bot("a", 1)}, want: "a b"},
		"machines before age": {
			bots: []spawnv1.Bot{bot("old", 0), bot("young", 9, named), bot("middle", 5, named)}, want: "middle* young* old",
		},
		"a Droplet without a name in the status": {
			bots: []spawnv1.Bot{bot("old", 0), bot("young", 9)}, droplets: []spawnv1.Droplet{droplet("desk", "young")},
			want: "young* old",
		},
		"a Droplet of another namespace": {
			bots: []spawnv1.Bot{bot("old", 0), bot("young", 9)}, droplets: []spawnv1.Droplet{droplet("other", "young")},
			want: "old young",
		},
		"who is going":              {bots: []spawnv1.Bot{bot("a", 0, deleting), bot("b", 1)}, want: "b"},
		"who is going with machine": {bots: []spawnv1.Bot{bot("a", 1, deleting, named), bot("b", 0)}, want: "a* b"},
		"who was let go":            {bots: []spawnv1.Bot{bot("a", 0, letGo, named), bot("b", 1)}, want: "b"},
		"who is refused with one": {
			bots: []spawnv1.Bot{bot("a", 1, named, refused(spawnv1.MachineNotAllowedReason))}, want: "a*",
		},
		"who was refused and edited": {
			bots: []spawnv1.Bot{bot("a", 1, refused(spawnv1.MachineNotAllowedReason), edited)}, want: "a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range slots.Queue(account, test.bots, slots.OwnersOf(test.droplets)) {
				mark := ""
				if c.OwnsMachine {
					mark = "*"
				}
				got = append(got, c.Bot.Name+mark)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("queue %q, want %q", got, test.want)
			}
		})
	}
}

func TestWhoIsRefusedStandsInNobodysWay(t *testing.T) {
	for reason, competes := range map[string]bool{
		spawnv1.AdmittedReason: true, spawnv1.AccountNotFoundReason: true, spawnv1.AccountSuspendedReason: true,
		spawnv1.AccountDeletingReason: true, spawnv1.AccountLimitReachedReason: true, spawnv1.AccountNotReadyReason: true,
		spawnv1.NamespaceNotAllowedReason: false, spawnv1.MachineNotAllowedReason: false,
		spawnv1.LiveTradingForbiddenReason: false, spawnv1.EndpointNotAllowedReason: false,
		spawnv1.SecretNotAllowedReason: false, spawnv1.CredentialsInvalidReason: false, spawnv1.ThrottledReason: false,
		spawnv1.CloudUnavailableReason: false, "any other reason": false,
	} {
		queue := slots.Queue(&spawnv1.Account{}, []spawnv1.Bot{bot("scout", 0, refused(reason))}, nil)
		if (len(queue) == 1) != competes {
			t.Errorf("%s: queue %v, want the Bot in it: %v", reason, queue, competes)
		}
	}
}

func TestWhatAnAccountSaysOfItsSlots(t *testing.T) {
	account := &spawnv1.Account{Spec: spawnv1.AccountSpec{Tier: spawnv1.AccountTierBasic}}
	if slots.IsInitialized(account) {
		t.Error("an Account without a uid is initialized")
	}
	account.UID, account.Status.InitializedFor = "2", "1"
	if slots.IsInitialized(account) {
		t.Error("initialized for another Account")
	}
	account.Status.InitializedFor = "2"
	if !slots.IsInitialized(account) {
		t.Error("not initialized")
	}
	for n, full := range []bool{false, false, true, true} {
		if slots.IsFull(account) != full {
			t.Errorf("with %d of 2 it is full: %v", n, !full)
		}
		if account.Status.Slots == nil {
			account.Status.Slots = map[string]spawnv1.Slot{}
		}
		account.Status.Slots[[]string{"desk/b", "desk/a", "other/c", "x"}[n]] = spawnv1.Slot{}
	}
	if got := slots.Holders(account, "desk"); !slices.Equal(got, []string{"a", "b", "other/c", "x"}) {
		t.Errorf("holders %v", got)
	}
	nobody := bot("a", 0)
	nobody.UID = ""
	if slots.Holds(account, &nobody) {
		t.Error("a Bot without a uid has a reserved slot")
	}
}

func TestARefusalNamesTheAccountItsPlanAndWhoHasTheSlots(t *testing.T) {
	three := int32(3)
	for want, test := range map[string]struct {
		tier    spawnv1.AccountTier
		maxBots *int32
		slots   []string
	}{
		`account "acme" (Free) allows no bots and has 0; ` +
			`delete one, or have the account's tier or maxBots raised`: {tier: spawnv1.AccountTierFree},
		`account "acme" (Basic) allows 2 bots and has 2: hawk, scout; ` +
			`delete one, or have the account's tier or maxBots raised`: {
			tier: spawnv1.AccountTierBasic, slots: []string{"desk/scout", "desk/hawk"},
		},
		`account "acme" (Free, maxBots 3) allows 3 bots and has 3: a, b, other/c; ` +
			`delete one, or have the account's tier or maxBots raised`: {
			tier: spawnv1.AccountTierFree, maxBots: &three, slots: []string{"other/c", "desk/a", "desk/b"},
		},
		`account "acme" (Pro) allows 4 bots and has 12: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more; ` +
			`delete one, or have the account's tier or maxBots raised`: {
			tier: spawnv1.AccountTierPro, slots: []string{"desk/0", "desk/1", "desk/2", "desk/3", "desk/4", "desk/5", "desk/6",
				"desk/7", "desk/8", "desk/9", "desk/a", "desk/b"},
		},
	} {
		account := &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
		account.Spec.Tier, account.Spec.MaxBots = test.tier, test.maxBots
		account.Status.Slots = map[string]spawnv1.Slot{}
		for _, key := range test.slots {
			account.Status.Slots[key] = spawnv1.Slot{}
		}
		if got := slots.Refusal(account, "desk"); got != want {
			t.Errorf("refusal %q\nwant    %q", got, want)
		}
	}
	one := int32(1)
	account := &spawnv1.Account{Spec: spawnv1.AccountSpec{Tier: spawnv1.AccountTierPro, MaxBots: &one}}
	if got := slots.Refusal(account, "desk"); !strings.Contains(got, "allows 1 bot and has 0") {
		t.Errorf("refusal %q", got)
	}
}
