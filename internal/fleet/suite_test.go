// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/tools/events"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const (
	account = "/v2/account"
	foreign = "token-of-another-team"
)

// post is a guard that stands alone before a simulator, in the namespace of a testenv.
type post struct {
	*testenv.Env
	*fleet.Guard
	events *events.FakeRecorder
	t      *testing.T
}

// newPost has a guard of the test's fleet, or of another identity, and a second team that a token opens.
func newPost(t *testing.T, change ...func(*testenv.Env, *fleet.Options)) *post {
	t.Helper()
	e := testenv.New(t)
	e.Cloud.AddTeam(dosim.Team{Name: "Others"}, foreign)
	return newPostIn(t, e, change...)
}

func newPostIn(t *testing.T, e *testenv.Env, change ...func(*testenv.Env, *fleet.Options)) *post {
	t.Helper()
	o, recorder := e.GuardOptions(fleet.Identity{Fleet: testenv.Fleet, Cluster: e.ClusterUID()})
	for _, f := range change {
		f(e, &o)
	}
	return &post{Env: e, Guard: fleet.New(o), events: recorder, t: t}
}

// asItsCluster makes the cluster's uid the fleet id, as without --fleet-id.
func asItsCluster(e *testenv.Env, o *fleet.Options) { o.Identity.Fleet = e.ClusterUID() }

// unrecorded loses the fleet record before the guard has looked at it.
func unrecorded(e *testenv.Env, _ *fleet.Options) { e.LoseFleetRecord() }

// plant puts an instance of a fleet into the team.
func (p *post) plant(fleetID string) int64 {
	return p.Cloud.Plant(dosim.Plant{
		Name: "scout-abcdefgh12345", Tags: []string{spawnv1.ProductTag, spawnv1.FleetTagPrefix + fleetID},
	})
}

// calls are all that can be asked, with an id that nobody has.
func (p *post) calls() map[string]func() error {
	ctx, nobody := p.t.Context(), int64(7)
	return map[string]func() error{
		"Create": func() error { _, err := p.Create(ctx, request); return err },
		"Get":    func() error { _, err := p.Get(ctx, nobody); return err },
		"FindByName": func() error {
			_, err := p.FindByName(ctx, request.Name)
			return err
		},
		"ListByTag": func() error { _, err := p.ListByTag(ctx, spawnv1.ProductTag); return err },
		"Delete":    func() error { return p.Guard.Delete(ctx, nobody) },
	}
}

var request = cloud.InstanceRequest{
	Name: "scout-abcdefgh12345", Region: "nyc3", Size: "s-1vcpu-2gb", Image: "ubuntu-24-04-x64",
}

// wantFrozen fails unless every write, and every read too when blind, is refused for that reason with nothing sent.
func (p *post) wantFrozen(reason string, blind bool) {
	p.t.Helper()
	for op, call := range p.calls() {
		err := call()
		switch isWrite := op == "Create" || op == "Delete"; {
		case (isWrite || blind) && (cloud.KindOf(err) != cloud.Frozen || cloud.Reason(err) != reason):
			p.t.Errorf("%s: %v (%s), want it frozen for %s", op, err, cloud.KindOf(err), reason)
		case !isWrite && !blind && cloud.KindOf(err) == cloud.Frozen:
			p.t.Errorf("%s: %v, want reads to pass", op, err)
		}
	}
	if err := p.Frozen(); cloud.Reason(err) != reason || cloud.KindOf(err) != cloud.Frozen {
		p.t.Errorf("Frozen is %v, want %s", err, reason)
	}
	p.wantMetric(reason)
	p.wantNoWrites()
}

func (p *post) wantFree() {
	p.t.Helper()
	if _, err := p.ListByTag(p.t.Context(), spawnv1.ProductTag); err != nil || p.Frozen() != nil {
		p.t.Errorf("listing says %v and Frozen %v, want the fleet free", err, p.Frozen())
	}
	p.wantMetric("")
}

// wantNoWrites fails if anything that changes something has reached the simulator.
func (p *post) wantNoWrites() {
	p.t.Helper()
	if n := p.Cloud.Requests("POST", "") + p.Cloud.Requests("DELETE", ""); n != 0 {
		p.t.Errorf("%d writes reached the cloud, want none", n)
	}
}

// wantMetric fails unless exactly that reason's sample is 1; all are 0 for none.
func (p *post) wantMetric(reason string) {
	p.t.Helper()
	want := map[string]float64{
		spawnv1.CredentialsInvalidReason: 0, spawnv1.AccountMismatchReason: 0, spawnv1.FleetUnacknowledgedReason: 0,
		spawnv1.FleetOfAnotherClusterReason: 0, spawnv1.FleetRecordInvalidReason: 0,
	}
	if reason != "" {
		want[reason] = 1
	}
	if got := p.metric(); !maps.Equal(got, want) {
		p.t.Errorf("openspawn_fleet_frozen is %v, want %v", got, want)
	}
}

func (p *post) metric() map[string]float64 {
	p.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(p.Guard)
	families, err := registry.Gather()
	if err != nil {
		p.t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			got[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
		}
	}
	return got
}

// said are the events so far.
func (p *post) said() []string {
	var said []string
	for len(p.events.Events) > 0 {
		said = append(said, <-p.events.Events)
	}
	return said
}
