// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// MainThen is Main, and then a check of what all tests of the package have done together. The check is left out when
// only some of them ran.
func MainThen(m *testing.M, check func() error) {
	code := run(m)
	if code == 0 && isWhole() {
		if err := check(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// isWhole tells whether every test of the package was asked for.
func isWhole() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}

// IsDead tells whether the incarnation was killed.
func (i *Incarnation) IsDead() bool { return i.dead.Load() }

// GivenDroplet creates the test's Account if there is none, and a Bot, and lets the bot controller make its Droplet. The
// droplet controller has not seen it yet.
func (e *Env) GivenDroplet(bot string, edit ...func(*spawnv1.Bot)) *spawnv1.Droplet {
	e.t.Helper()
	var account spawnv1.Account
	if e.Client.Get(e.t.Context(), client.ObjectKey{Name: e.AccountName()}, &account) != nil {
		e.GivenAccount()
	}
	e.GivenBot(bot, edit...)
	const enough = 5 // the Account's finalizer, the Bot's, and a pass over the fleet
	for range enough {
		_, err := e.ReconcileAccount()
		e.must(err, "reconciling the account")
		_, err = e.ReconcileBot(bot)
		e.must(err, "reconciling bot %s", bot)
		e.Pass()
		if name := e.Bot(bot).Status.DropletName; name != "" {
			return e.DropletOf(bot)
		}
	}
	e.t.Fatalf("bot %s got no droplet\n%s", bot, e.Describe())
	return nil
}
