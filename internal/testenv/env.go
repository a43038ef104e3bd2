// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/controllers/bot"
	"github.com/cedros-io/open-spawn/controllers/orphan"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/dosim/conformance"
	"github.com/cedros-io/open-spawn/internal/leadership"
	"github.com/cedros-io/open-spawn/internal/manager"
)

const (
	// Fleet is the fleet id of every test.
	Fleet = "test-fleet"
	// SettleWindow is the settle window of every test, on the fake clock.
	SettleWindow = 5 * time.Minute
	// ShutdownGrace is how long a machine may take to shut itself down, on the fake clock.
	ShutdownGrace = 2 * time.Minute
	// plentyPerMinute is more calls than a test makes without moving the clock.
	plentyPerMinute = 1_000_000
)

// Env is the world of one test: its own simulator, clock and namespace on the package's API server. Tests of one
// package do not run in parallel; what a test leaves in the API server is removed after it.
type Env struct {
	// Client is an administrator's.
	Client client.Client
	// Clock is what the controllers and the simulator live by.
	Clock *clocktesting.FakeClock
	// Cloud is the simulator.
	Cloud *dosim.Server
	// SimulatorURL is where it listens.
	SimulatorURL string
	// Namespace is where the test's Bots are.
	Namespace string
	// Manager is the present life of the manager.
	Manager *Incarnation
	// NewFleet and TakeOver are the manager's flags of these names, from its next life on.
	NewFleet, TakeOver bool
	// CallsPerMinute is what the next life of the manager may spend. It is far above what any test needs, so that only
	// those tests meet the budget that set it, and Restart.
	CallsPerMinute int
	// Walled makes the fleet's firewall a part of the world: no instance is created before it is in place, and Pass sees
	// to that. Without it there is none, and none of its calls.
	Walled bool
	// SSHFrom and Egress are what the firewall lets through, from the manager's next life on.
	SSHFrom []netip.Prefix
	Egress  []cloud.FirewallRule
	// Market tells the bot controller what machines can be had, from the manager's next life on.
	Market bot.Market
	// Orphans says what the next life of the manager does about orphans; it starts with the defaults of the flags.
	Orphans orphan.Settings
	// Machines are the machines of a world in which they talk, which Talk makes; otherwise nil.
	Machines *Machines
	// MayHaveTwo is set by tests that plant or lose instances on purpose, to allow a Bot two live ones for a while.
	MayHaveTwo bool
	// MayKeepSlots is set by tests that force objects away, to allow their slots to be there until they are swept.
	MayKeepSlots bool

	t           *testing.T
	conformance *conformance.Validator
	token       string
	limits      limits
	known       known
}

// New makes the world of a test. The simulator behaves as the options say, which start from instant and lawful.
func New(t *testing.T, options ...func(*dosim.Options)) *Env {
	t.Helper()
	kube, err := client.New(config(), client.Options{Scheme: manager.Scheme()})
	if err != nil {
		t.Fatalf("building a client: %v", err)
	}
	// The API server stamps objects with real time; the fake clock starts there, on a whole second.
	clock := clocktesting.NewFakeClock(time.Now().Truncate(time.Second)) //nolint:forbidigo // see above
	simulated := dosim.Options{Clock: clock, Tokens: []string{"token-1"}, StateDelay: 20 * time.Second, TeamUUID: TeamUUID}
	for _, option := range options {
		option(&simulated)
	}
	sim := dosim.New(simulated)
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	e := &Env{
		Client: kube, Clock: clock, Cloud: sim, SimulatorURL: server.URL, Namespace: "test-" + rand.String(8),
		t: t, conformance: conformance.FromEnv(t), token: "token-1",
		CallsPerMinute: plentyPerMinute, Orphans: orphan.Settings{MinAge: time.Hour, Sightings: 3},
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.Namespace}}
	e.must(kube.Create(t.Context(), namespace), "creating the namespace")
	t.Cleanup(e.clean)
	e.GivenFleetRecord(nil)
	e.Manager = e.newIncarnation(leadership.Alone("manager-1"))
	return e
}

// Token is the token that the manager uses.
func (e *Env) Token() string { return e.token }

// SetToken changes the token that the manager uses.
func (e *Env) SetToken(token string) { e.token = token }

// Restart kills the manager and starts another, with nothing in memory.
func (e *Env) Restart() *Incarnation {
	e.t.Helper()
	e.Manager.Kill()
	e.Manager = e.newIncarnation(leadership.Alone("manager-" + rand.String(4)))
	return e.Manager
}

// Second starts another manager beside the present one.
func (e *Env) Second(leader leadership.Check) *Incarnation {
	e.t.Helper()
	return e.newIncarnation(leader)
}

// Step moves the clock.
func (e *Env) Step(d time.Duration) { e.Clock.Step(d) }

// clean removes what the test has left, whatever holds it.
func (e *Env) clean() {
	ctx := context.WithoutCancel(e.t.Context())
	lists := []client.ObjectList{&spawnv1.DropletList{}, &spawnv1.BotList{}, &spawnv1.AccountList{}}
	for _, list := range lists {
		e.must(e.Client.List(ctx, list), "listing what is left")
		for _, obj := range objects(list) {
			obj.SetFinalizers(nil)
			e.must(client.IgnoreNotFound(e.Client.Update(ctx, obj)), "stripping finalizers")
			e.must(client.IgnoreNotFound(e.Client.Delete(ctx, obj)), "deleting what is left")
		}
	}
}

func (e *Env) must(err error, format string, args ...any) {
	e.t.Helper()
	if err != nil {
		e.t.Fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}

// quiet keeps the controllers' log out of the test's output.
func (e *Env) quiet() context.Context { return log.IntoContext(e.t.Context(), log.Log) }
