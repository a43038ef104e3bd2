// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

func TestAChangeOfAnAccountSaysWhatItDoesToItsBots(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(*spawnv1.Account)
		want []string
	}{
		"a downgrade below what is held": {
			edit: func(a *spawnv1.Account) { a.Spec.Tier = spawnv1.AccountTierBasic },
			want: []string{
				`has 4 bots and would allow 2: NS/cat, NS/gone are beyond it; nothing is destroyed, and no bot is added`,
			},
		},
		"a limit of none": {
			edit: func(a *spawnv1.Account) { a.Spec.MaxBots = ptr.To[int32](0) },
			want: []string{`has 4 bots and would allow 0: NS/ant, NS/bee, NS/cat, NS/gone are beyond it`},
		},
		"a downgrade to what is held": {edit: func(a *spawnv1.Account) { a.Spec.MaxBots = ptr.To[int32](4) }},
		"an upgrade":                  {edit: func(a *spawnv1.Account) { a.Spec.MaxBots = ptr.To[int32](50) }},
		"a suspension": {
			edit: func(a *spawnv1.Account) { a.Spec.DesiredState = spawnv1.AccountSuspended },
			want: []string{"stops 4 bots and powers the machines off; nothing is deleted"},
		},
		"no more trading with real money": {
			edit: func(a *spawnv1.Account) { a.Spec.LiveTrading = spawnv1.PermissionForbidden },
			want: []string{
				`NS/bee is trading Live, which account "ACCOUNT" would not allow any more; machines that exist are kept`,
			},
		},
		"a namespace less": {
			edit: func(a *spawnv1.Account) { a.Spec.Namespaces = nil },
			want: []string{`NS/ant, NS/bee, NS/cat are in a namespace that account "ACCOUNT" would not list any more`},
		},
		"fewer regions": {
			edit: func(a *spawnv1.Account) { a.Spec.MachinePolicy.AllowedRegions = []string{"fra1"} },
			want: []string{`NS/ant, NS/bee, NS/cat are on a machine that account "ACCOUNT" would not allow any more`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			account := w.givenAccountWithBots()
			test.edit(account)
			if err := w.Update(t.Context(), account); err != nil {
				t.Fatal(err)
			}
			for i, want := range test.want {
				test.want[i] = strings.NewReplacer("NS", w.namespace, "ACCOUNT", w.account).Replace(want)
			}
			w.wantWarnings(test.want...)
		})
	}
}

// givenAccountWithBots has a Pro Account with three Bots, of which bee trades Live, and a slot of one that is gone.
func (w *world) givenAccountWithBots() *spawnv1.Account {
	w.t.Helper()
	w.givenAccount(func(a *spawnv1.Account) {
		a.Spec.Tier, a.Spec.LiveTrading = spawnv1.AccountTierPro, spawnv1.PermissionAllowed
	})
	for _, name := range []string{"ant", "bee", "cat"} {
		bot := w.newBot(name)
		if name == "bee" {
			bot.Spec.Trading.Mode, bot.Spec.Risk = spawnv1.TradingLive, risk(1, 1, 1, 1)
		}
		w.create(bot)
	}
	w.takeSlots("gone", "cat", "bee", "ant")
	w.warnings()
	return w.readAccount()
}

func TestDeletingAnAccountSaysWhoItWaitsFor(t *testing.T) {
	w := newWorld(t)
	account := w.givenAccountWithBots()
	if err := w.Delete(t.Context(), account, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	w.wantWarnings(fmt.Sprintf("account %q stays until %[2]s/ant, %[2]s/bee, %[2]s/cat, %[2]s/gone are deleted; "+
		"deleting it deletes no bot", w.account, w.namespace))

	other := newWorld(t)
	if err := other.Delete(t.Context(), other.givenAccount()); err != nil {
		t.Fatal(err)
	}
	other.wantWarnings()
}

func TestBotsThatMayNotBeReadAreNamedByTheirSlots(t *testing.T) {
	w := newWorld(t)
	account := w.givenAccountWithBots()
	w.options.Namespaces, w.options.Live = []string{"elsewhere"}, clusterOnly{w.options.Live}
	w.serve()
	if err := w.Delete(t.Context(), account, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	w.wantWarnings(fmt.Sprintf("stays until %[1]s/ant, %[1]s/bee, %[1]s/cat, %[1]s/gone are deleted", w.namespace))
	account.Spec.MaxBots = ptr.To[int32](0)
	if err := w.Update(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	w.wantWarnings(`would allow 0`)
}

func TestAdviceThatCannotBeGivenBlocksNobody(t *testing.T) {
	w := newWorld(t)
	account := w.givenAccountWithBots()
	w.options.Live = broken{}
	w.serve()
	account.Spec.Namespaces = nil
	if err := w.Update(t.Context(), account); err != nil {
		t.Error(err)
	}
	w.wantWarnings("could not look for the bots")
	if err := w.Delete(t.Context(), account); err != nil {
		t.Error(err)
	}
	w.wantWarnings("could not look for the bots")
}
