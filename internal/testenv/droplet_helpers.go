// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"flag"
	"fmt"
	"os"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/identity"
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

// manyBots is more than a test of the droplet controller has.
const manyBots = 100

// GivenDroplet creates a Bot, with its slot, and the Droplet that it names as its machine, as the bot controller would
// have them, so that a test of the droplet controller needs no other. An Account is created if there is none.
func (e *Env) GivenDroplet(bot string, edit ...func(*spawnv1.Droplet)) *spawnv1.Droplet {
	e.t.Helper()
	most := int32(manyBots)
	e.givenAccount(func(a *spawnv1.Account) { a.Spec.MaxBots = &most })
	owner := e.GivenBot(bot)
	e.GivenSlot(owner)
	name := identity.NewName(Fleet, e.Namespace, bot)
	before := owner.DeepCopy()
	owner.Status.DropletName = name
	e.must(e.Client.Status().Patch(e.t.Context(), owner, client.MergeFrom(before)), "naming the machine of %s", bot)
	droplet := &spawnv1.Droplet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: e.Namespace, Name: name, Finalizers: []string{spawnv1.DropletFinalizer},
		},
		Spec: spawnv1.DropletSpec{
			BotRef: spawnv1.BotReference{Name: bot},
			Region: "nyc3", Size: "s-1vcpu-2gb", Image: "ubuntu-24-04-x64",
			Backups: spawnv1.SwitchDisabled, Monitoring: spawnv1.SwitchEnabled, IPv6: spawnv1.SwitchDisabled,
			PowerState: spawnv1.PowerOn, DeletionPolicy: spawnv1.DeletionPolicyDelete,
		},
	}
	for _, f := range edit {
		f(droplet)
	}
	e.must(e.Client.Create(e.t.Context(), droplet), "creating the droplet of %s", bot)
	return droplet
}
