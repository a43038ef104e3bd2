// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cedros-io/open-spawn/internal/testenv"
)

// dump is a backup of a test's objects: as a person has them in Git, without status and without what the API server
// made up.
type dump map[string][]client.Object

func dumpOf(e *testenv.Env) dump {
	d := dump{}
	account := e.Account()
	account.Status.Conditions, account.Status.Limit = nil, nil
	d["accounts"] = append(d["accounts"], account)
	for _, droplet := range e.Droplets() {
		bot := e.Bot(droplet.Spec.BotRef.Name)
		bot.Status.Conditions, bot.Status.DropletName, bot.Status.InstanceID = nil, "", 0
		d["bots"] = append(d["bots"], bot)
		droplet.Status.Conditions, droplet.Status.Attempt, droplet.Status.InstanceID = nil, nil, 0
		d["droplets"] = append(d["droplets"], &droplet)
	}
	return d
}

// wipe takes every object away by force, so that nobody is told that a machine should go.
func (d dump) wipe(e *testenv.Env) {
	for _, objects := range d {
		for _, obj := range objects {
			strip(e, obj)
		}
	}
}

// apply creates one kind's objects. A Droplet that the Bot controller has made again meanwhile is there already.
func (d dump) apply(t *testing.T, e *testenv.Env, kind string) {
	t.Helper()
	for _, obj := range d[kind] {
		obj.SetUID("")
		obj.SetResourceVersion("")
		obj.SetGeneration(0)
		obj.SetCreationTimestamp(metav1.Time{})
		obj.SetDeletionTimestamp(nil)
		obj.SetManagedFields(nil)
		if err := e.Client.Create(t.Context(), obj); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatalf("restoring %s: %v", obj.GetName(), err)
		}
	}
}

func TestAFleetRestoredInAnyOrderIsAdoptedWhole(t *testing.T) {
	for _, order := range []string{
		"accounts bots droplets", "accounts droplets bots", "bots accounts droplets",
		"bots droplets accounts", "droplets accounts bots", "droplets bots accounts",
		"accounts bots", "bots accounts",
	} {
		t.Run(order, func(t *testing.T) {
			e := testenv.New(t)
			before := map[string]int64{}
			for _, name := range []string{"scout", "hawk"} {
				before[name] = e.GivenReadyBot(name).Status.InstanceID
			}
			backup := dumpOf(e)
			backup.wipe(e)
			e.Restart()
			for _, kind := range strings.Fields(order) {
				backup.apply(t, e, kind)
				for range 3 { // what the operator makes of a half-done restore
					e.Pass()
					if _, err := e.Round(); err != nil {
						t.Fatalf("after %s: %v", kind, err)
					}
					e.Step(time.Minute)
				}
			}
			for name, instance := range before {
				if bot := untilReady(e, name); bot.Status.InstanceID != instance {
					t.Errorf("%s has instance %d, want the one it had, %d", name, bot.Status.InstanceID, instance)
				}
				e.DropletOf(name)
				wantInstances(t, e, name, 1, 2)
			}
			if destroys := e.Cloud.Requests(http.MethodDelete, ""); destroys != 0 || e.Creates() != 2 {
				t.Errorf("%d create and %d destroy requests, want 2 and 0", e.Creates(), destroys)
			}
		})
	}
}

// More Bots than the limit, and nothing left but the manifests and the machines: who has one keeps it, and nobody else
// gets one, although the manifests bring the others first.
func TestCRIT002_AfterARestoreOfManifestsAloneTheSlotsAreOfThoseWithMachines(t *testing.T) {
	e := testenv.New(t)
	e.GivenAccount(limited(1))
	before := e.GivenReadyBot("zulu").Status.InstanceID
	for _, name := range []string{"alpha", "beta"} {
		e.GivenBot(name)
	}
	e.Settle()
	for _, name := range []string{"alpha", "beta"} {
		wantLimitReached(t, e, name)
	}
	objects := []client.Object{e.Account(), e.Bot("zulu"), e.Bot("alpha"), e.Bot("beta"), e.DropletOf("zulu")}
	for _, obj := range objects {
		strip(e, obj)
	}
	e.Restart()

	e.GivenBot("alpha")
	e.GivenBot("beta")
	e.Step(time.Minute)
	e.GivenBot("zulu")
	e.GivenAccount(limited(1))
	if bot := untilReady(e, "zulu"); bot.Status.InstanceID != before {
		t.Errorf("zulu has instance %d, want the one it had, %d", bot.Status.InstanceID, before)
	}
	e.Settle()
	wantSlots(t, e, "zulu")
	wantInstances(t, e, "zulu", 1, 1)
	for _, name := range []string{"alpha", "beta"} {
		wantLimitReached(t, e, name)
	}
	if account := e.Account(); account.Status.InitializedFor != string(account.UID) {
		t.Error("the account is not initialized")
	}
}
