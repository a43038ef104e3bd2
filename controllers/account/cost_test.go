// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// price is that of the size that a Bot has by default.
const price = 17860

// wantCost fails unless the Account's status and the metrics say this sum, and the fleet's metric that one.
func wantCost(t *testing.T, e *testenv.Env, when string, account, fleet int64) {
	t.Helper()
	const unset = -1
	if got := ptr.Deref(e.Account().Status.HourlyCostMicroUSD, unset); got != account {
		t.Errorf("%s: hourlyCostMicroUSD is %d, want %d", when, got, account)
	}
	wantMetrics(t, e, when, map[string]float64{e.AccountName(): float64(account), "": float64(fleet)})
}

// wantMetrics compares the costs of accounts, and of the fleet under no name.
func wantMetrics(t *testing.T, e *testenv.Env, when string, want map[string]float64) {
	t.Helper()
	got := map[string]float64{}
	for name, value := range metricsOf(t, e.Manager.Accounts) {
		if family, account, _ := strings.Cut(name, " "); strings.HasSuffix(family, "hourly_cost_micro_usd") {
			got[account] = value
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// editDroplet writes a Droplet's status as its controller would.
func editDroplet(t *testing.T, e *testenv.Env, bot string, edit func(*spawnv1.Droplet)) {
	t.Helper()
	droplet := e.DropletOf(bot)
	edit(droplet)
	if err := e.Client.Status().Update(t.Context(), droplet); err != nil {
		t.Fatal(err)
	}
	if _, err := e.ReconcileAccount(); err != nil {
		t.Fatal(err)
	}
}

func TestAnAccountCostsWhatItsMachinesCost(t *testing.T) {
	e := testenv.New(t)
	wantMetrics(t, e, "nobody has looked", map[string]float64{})
	e.GivenAccount()
	e.Settle()
	wantCost(t, e, "without bots", 0, 0)
	e.GivenReadyBot("scout")
	e.GivenReadyBot("hawk")
	e.Settle()
	wantCost(t, e, "two machines", 2*price, 2*price)

	e.Delete(e.Bot("hawk"))
	e.Until("hawk is gone", func() bool { return len(e.Droplets()) == 1 })
	e.Settle()
	wantCost(t, e, "one is destroyed", price, price)
}

func TestAMachineCostsFromItsIDUntilItIsGone(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	e.Settle()
	editDroplet(t, e, "scout", func(d *spawnv1.Droplet) { d.Status.State = "off" })
	wantCost(t, e, "off", price, price)
	editDroplet(t, e, "scout", func(d *spawnv1.Droplet) { d.Status.HourlyPriceMicros = 2 * price })
	wantCost(t, e, "resized", 2*price, 2*price)
	editDroplet(t, e, "scout", func(d *spawnv1.Droplet) {
		status.Set(d, e.Clock.Now(), status.Unknown(spawnv1.ExistsCondition, spawnv1.InstanceNotVisibleReason, "in doubt"))
	})
	wantCost(t, e, "perhaps gone", 2*price, 2*price)
	editDroplet(t, e, "scout", func(d *spawnv1.Droplet) {
		status.Set(d, e.Clock.Now(), status.False(spawnv1.ExistsCondition, spawnv1.InstanceLostReason, "lost"))
	})
	wantCost(t, e, "lost", 0, 0)
	editDroplet(t, e, "scout", func(d *spawnv1.Droplet) { d.Status.InstanceID = 0 })
	wantCost(t, e, "unknown", 0, 0)
}

func TestAnotherAccountsMachinesAreItsOwn(t *testing.T) {
	nobody := reconcile.Request{NamespacedName: client.ObjectKey{Name: "nobody"}}
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	stray := e.GivenDroplet("stray")
	e.Update(stray, func() { stray.Labels = map[string]string{spawnv1.AccountLabel: "nobody"} })
	editDroplet(t, e, "stray", func(d *spawnv1.Droplet) { d.Status.InstanceID, d.Status.HourlyPriceMicros = 7, 5 })
	wantCost(t, e, "before anybody has looked", price, price)
	if _, err := e.Manager.Accounts.Reconcile(t.Context(), nobody); err != nil {
		t.Fatal(err)
	}
	wantCost(t, e, "a machine that no Account has", price, price+5)
	editDroplet(t, e, "stray", func(d *spawnv1.Droplet) { d.Status.HourlyPriceMicros = 0 })
	if _, err := e.Manager.Accounts.Reconcile(t.Context(), nobody); err != nil {
		t.Fatal(err)
	}
	wantCost(t, e, "and costs nothing any more", price, price)
}

func TestTheMetricGoesWithTheAccount(t *testing.T) {
	e := testenv.New(t)
	account := e.GivenAccount()
	e.Settle()
	wantCost(t, e, "there is one", 0, 0)
	e.Delete(account)
	e.Until("the account is gone", func() bool { return !e.Exists(account) })
	if _, err := e.ReconcileAccount(); err != nil {
		t.Fatal(err)
	}
	wantMetrics(t, e, "it is gone", map[string]float64{"": 0})
}

func TestAnAccountWhoseMachinesCannotBeListedStaysAsItIs(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	e.Settle()
	before := e.Account().ResourceVersion
	e.Manager.Before = func(request *http.Request) error {
		if request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, "/v1alpha1/droplets") {
			return http.ErrHandlerTimeout
		}
		return nil
	}
	if _, err := e.ReconcileAccount(); err == nil || e.Account().ResourceVersion != before {
		t.Errorf("error %v", err)
	}
	wantCost(t, e, "the last sum stands", price, price)
}
