// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestANewFleetIsRecordedBeforeItsFirstCall(t *testing.T) {
	p := newPost(t, unrecorded, asItsCluster)
	p.wantFree()
	uid := p.ClusterUID()
	got := p.FleetRecord()
	if got["fleetID"] != uid || got["clusterUID"] != uid || got["teamUUID"] != testenv.TeamUUID {
		t.Errorf("the record is %v", got)
	}
	first := p.Cloud.Journal()[0]
	if first.Route != account {
		t.Errorf("the first call is %s %s, want the team to be asked", first.Method, first.Path)
	}
	if said := p.said(); len(said) != 0 {
		t.Errorf("a fleet that was never frozen says %q", said)
	}
}

func TestANeighbourFreezesANewFleetUntilItIsAcknowledged(t *testing.T) {
	p := newPost(t, unrecorded)
	neighbour := p.plant("somebody-else")
	p.wantFrozen(spawnv1.FleetUnacknowledgedReason, false)
	if p.FleetRecord() != nil {
		t.Errorf("a frozen fleet has the record %v", p.FleetRecord())
	}
	if err := p.Cloud.DestroyInstance(neighbour); err != nil {
		t.Fatal(err)
	}
	p.Step(5 * time.Minute)
	p.wantFree()

	again := newPost(t, unrecorded, func(_ *testenv.Env, o *fleet.Options) { o.NewFleet = true })
	again.plant("somebody-else")
	again.wantFree()
	if again.FleetRecord()["fleetID"] != testenv.Fleet {
		t.Errorf("the record is %v", again.FleetRecord())
	}
}

func TestALostRecordIsWrittenAnewWhereInstancesBearTheFleetsTag(t *testing.T) {
	p := newPost(t, unrecorded, asItsCluster)
	p.plant(p.ClusterUID())
	p.plant("somebody-else")
	p.wantFree()
	if p.FleetRecord()["fleetID"] != p.ClusterUID() {
		t.Errorf("the record is %v", p.FleetRecord())
	}
}

func TestARecordOfAnotherFleetIsReplacedOnlyWhereThatLosesNothing(t *testing.T) {
	e := testenv.New(t)
	other := func(data map[string]string) { data["fleetID"] = "another" }
	e.GivenFleetRecord(other)
	newPostIn(t, e).wantFree()
	if e.FleetRecord()["fleetID"] != testenv.Fleet {
		t.Errorf("the record is %v, want it to be of the fleet this manager runs as", e.FleetRecord())
	}
	e.GivenAccount()
	e.GivenBot("scout")
	e.Settle()
	e.Cloud.ResetJournal()
	e.GivenFleetRecord(other)
	newPostIn(t, e).wantFrozen(spawnv1.FleetRecordInvalidReason, true)
}

func TestACopyOfTheRecordInAnotherClusterFreezesUntilTakenOver(t *testing.T) {
	const there = "11111111-2222-4333-8444-555555555555"
	e := testenv.New(t)
	e.GivenFleetRecord(func(data map[string]string) { data["fleetID"], data["clusterUID"] = there, there })
	who, err := fleet.Identify(t.Context(), e.Client, e.Namespace, "")
	if err != nil || who.Fleet != there || who.Cluster != e.ClusterUID() {
		t.Fatalf("the manager runs as %+v (%v), want the fleet of the record in this cluster", who, err)
	}
	as := func(_ *testenv.Env, o *fleet.Options) { o.Identity = who }
	p := newPostIn(t, e, as)
	p.wantFrozen(spawnv1.FleetOfAnotherClusterReason, false)
	if e.FleetRecord()["clusterUID"] != there {
		t.Error("the record was changed without --take-over")
	}
	newPostIn(t, e, as, func(_ *testenv.Env, o *fleet.Options) { o.TakeOver = true }).wantFree()
	if got := e.FleetRecord(); got["fleetID"] != there || got["clusterUID"] != e.ClusterUID() {
		t.Errorf("the record is %v, want the same fleet in this cluster", got)
	}
	newPostIn(t, e, as).wantFree() // the flag is needed once
}

func TestARecordThatIsNotThisManagersFreezes(t *testing.T) {
	for name, edit := range map[string]func(map[string]string){
		"another fleet": func(data map[string]string) { data["fleetID"] = "another" },
		"no team":       func(data map[string]string) { delete(data, "teamUUID") },
		"nothing":       func(data map[string]string) { clear(data) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t, func(e *testenv.Env, _ *fleet.Options) {
				e.GivenDroplet("scout") // without any, nothing is lost with a record of another fleet
				e.Cloud.ResetJournal()
				e.GivenFleetRecord(edit)
			})
			p.wantFrozen(spawnv1.FleetRecordInvalidReason, true)
			p.GivenFleetRecord(nil)
			p.Step(time.Minute)
			p.wantFree()
		})
	}
}

func TestALostRecordAndATokenOfAnotherTeamAreNotTakenForANewFleet(t *testing.T) {
	e := testenv.New(t)
	e.Cloud.AddTeam(dosim.Team{}, foreign)
	e.GivenReadyBot("scout")
	e.LoseFleetRecord()
	e.SetToken(foreign)
	p := newPostIn(t, e, asItsCluster, func(_ *testenv.Env, o *fleet.Options) { o.NewFleet = true })
	e.Cloud.ResetJournal()
	p.wantFrozen(spawnv1.AccountMismatchReason, true)
	if e.FleetRecord() != nil {
		t.Errorf("the other team was recorded: %v", e.FleetRecord())
	}
}

func TestManagersThatWriteTheFirstRecordAtOnceAgree(t *testing.T) {
	const managers = 8
	e := testenv.New(t)
	e.GivenDroplet("scout")
	e.Cloud.ResetJournal()
	e.LoseFleetRecord()
	var all sync.WaitGroup
	for range managers {
		p := newPostIn(t, e)
		all.Go(func() {
			if _, err := p.FindByName(t.Context(), "scout"); err != nil {
				t.Errorf("a manager of the same fleet: %v", err)
			}
		})
	}
	all.Wait()
	another := newPostIn(t, e, func(_ *testenv.Env, o *fleet.Options) { o.Identity.Fleet = "another" })
	another.wantFrozen(spawnv1.FleetRecordInvalidReason, true)
	if e.FleetRecord()["fleetID"] != testenv.Fleet {
		t.Errorf("the record is %v", e.FleetRecord())
	}
}

func TestWhatOthersKeepInTheRecordStays(t *testing.T) {
	e := testenv.New(t)
	e.GivenFleetRecord(func(data map[string]string) { data["clusterUID"], data["note"] = "another", "restored" })
	newPostIn(t, e, func(_ *testenv.Env, o *fleet.Options) { o.TakeOver = true }).wantFree()
	if e.FleetRecord()["note"] != "restored" {
		t.Errorf("the record is %v", e.FleetRecord())
	}
}

// An API server's 404 must not reach a controller, which would take it for news about an object.
func TestAMissingNamespaceIsNoAnswer(t *testing.T) {
	p := newPost(t, func(_ *testenv.Env, o *fleet.Options) { o.Namespace = "none-such" })
	for op, call := range p.calls() {
		err := call()
		if client.IgnoreNotFound(err) == nil || cloud.IsNotFound(err) || !strings.Contains(err.Error(), "none-such") {
			t.Errorf("%s: %v, want an error that names the namespace", op, err)
		}
	}
	p.wantNoWrites()
}
