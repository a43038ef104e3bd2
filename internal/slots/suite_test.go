// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package slots_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// desk is a book of slots and the test's Account, on a real API server.
type desk struct {
	*testenv.Env
	slots.Book
	t *testing.T
}

// newDesk has an Account with that limit.
func newDesk(t *testing.T, limit int32) *desk {
	t.Helper()
	e := testenv.New(t)
	e.GivenAccount(func(a *spawnv1.Account) { a.Spec.MaxBots = &limit })
	return &desk{Env: e, Book: slots.Book{Client: e.Client, Clock: e.Clock}, t: t}
}

// setLimit changes the limit, whatever else is written meanwhile.
func (d *desk) setLimit(limit int32) {
	d.t.Helper()
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"maxBots":%d}}`, limit))
	d.must(d.Env.Client.Patch(d.t.Context(), d.Account(), patch))
}

func (d *desk) named(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: d.Namespace, Name: name}
}

// reserve reserves a slot for a Bot of the test's namespace.
func (d *desk) reserve(name string) error {
	d.t.Helper()
	_, err := d.Reserve(d.t.Context(), d.AccountName(), d.named(name))
	return err
}

// bot is a Bot that only its uid tells from another of its name.
func (d *desk) bot(name, uid string) *spawnv1.Bot {
	return d.NewBot(name, func(b *spawnv1.Bot) { b.UID = types.UID(uid) })
}

// take gives a slot to a Bot.
func (d *desk) take(name, uid string) error {
	d.t.Helper()
	_, err := d.Take(d.t.Context(), d.AccountName(), d.bot(name, uid))
	return err
}

// must fails the test at an error.
func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// wantSlots compares the slots with "scout" for one that is reserved, and "scout=uid" for one that is bound.
func (d *desk) wantSlots(when string, want ...string) {
	d.t.Helper()
	account := d.Account()
	got := slots.Holders(account, d.Namespace)
	for i, name := range got {
		if uid := account.Status.Slots[slots.Key(d.named(name))].UID; uid != "" {
			got[i] += "=" + uid
		}
	}
	if g, w := strings.Join(got, " "), strings.Join(want, " "); g != w {
		d.t.Errorf("%s: slots %q, want %q", when, g, w)
	}
}

func (d *desk) wantError(err, want error) {
	d.t.Helper()
	if !errors.Is(err, want) {
		d.t.Errorf("error %v, want %v", err, want)
	}
}

// stampedAgo is how long ago the slot of a Bot was taken, by the fake clock.
func (d *desk) stampedAgo(name string) time.Duration {
	d.t.Helper()
	return d.Env.Clock.Since(d.Account().Status.Slots[slots.Key(d.named(name))].ReservedAt.Time)
}
