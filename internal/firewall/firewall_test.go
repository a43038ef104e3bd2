// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package firewall_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/cloud/digitalocean"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/leadership"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const (
	firewalls = "/v2/firewalls"
	tags      = "/v2/tags"
	droplets  = "/v2/droplets"
)

// world has a firewall, and a person in the console.
type world struct {
	*testenv.Env
	console *digitalocean.Client
	t       *testing.T
}

func newWorld(t *testing.T) *world {
	t.Helper()
	e := testenv.New(t)
	e.Walled = true
	console, err := digitalocean.Connect(digitalocean.Options{
		BaseURL: e.SimulatorURL, Token: func() string { return "token-1" }, Clock: e.Clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &world{Env: e, console: console, t: t}
}

// check has a life of the manager look after the firewall, with no error.
func (w *world) check(i *testenv.Incarnation) {
	w.t.Helper()
	if err := i.Firewall.Check(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if err := i.Firewall.Ready(); err != nil {
		w.t.Errorf("Ready is %v", err)
	}
}

// only is the one firewall that there is.
func (w *world) only() cloud.Firewall {
	w.t.Helper()
	all, err := w.console.ListFirewalls(w.t.Context())
	if err != nil || len(all) != 1 {
		w.t.Fatalf("%d firewalls, want one: %v", len(all), err)
	}
	return all[0]
}

func (w *world) deleteFirewall(id string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodDelete, w.SimulatorURL+firewalls+"/"+id, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer token-1")
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != http.StatusNoContent {
		w.t.Fatalf("deleting the firewall: %v %v", response, err)
	}
	_ = response.Body.Close()
}

// wantEvents compares the reasons of the events of firewalls so far.
func (w *world) wantEvents(i *testenv.Incarnation, want ...string) {
	w.t.Helper()
	var said []string
	for len(i.Events.Events) > 0 {
		if _, rest, _ := strings.Cut(<-i.Events.Events, " "); strings.HasPrefix(rest, "Firewall") {
			reason, _, _ := strings.Cut(rest, " ")
			said = append(said, reason)
		}
	}
	if !slices.Equal(said, want) {
		w.t.Errorf("events %q, want %q", said, want)
	}
}

func all(protocol, ports string) cloud.FirewallRule {
	return cloud.FirewallRule{Protocol: protocol, Ports: ports, Addresses: []string{"0.0.0.0/0", "::/0"}}
}

func TestTheFirewallIsMadeBeforeTheFirstMachine(t *testing.T) {
	w := newWorld(t)
	w.GivenReadyBot("scout")
	w.GivenReadyBot("hawk")
	var writes []string
	for _, entry := range w.Cloud.Journal() {
		if entry.Method != http.MethodGet {
			writes = append(writes, entry.Method+" "+entry.Route)
		}
	}
	want := []string{"POST " + tags, "POST " + firewalls, "POST " + droplets, "POST " + droplets}
	if !slices.Equal(writes, want) {
		t.Errorf("writes %q, want %q", writes, want)
	}
	w.wantEvents(w.Manager, spawnv1.FirewallCreatedReason)
}

func TestTheFirewallIsWhatTheFlagsSay(t *testing.T) {
	w := newWorld(t)
	want := cloud.Firewall{
		Name: "open-spawn-" + testenv.Fleet, Tags: []string{spawnv1.FleetTagPrefix + testenv.Fleet},
		Outbound: []cloud.FirewallRule{all("tcp", "443"), all("tcp", "53"), all("udp", "123"), all("udp", "53")},
	}
	same := func(when string) {
		t.Helper()
		got := w.only()
		got.ID = ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	w.check(w.Manager)
	same("without flags")
	id := w.only().ID

	w.SSHFrom = []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32"), netip.MustParsePrefix("2001:db8::/32")}
	w.Egress = []cloud.FirewallRule{{Protocol: "tcp", Ports: "8443"}}
	w.check(w.Restart())
	want.Inbound = []cloud.FirewallRule{
		{Protocol: "tcp", Ports: "22", Addresses: []string{"2001:db8::/32", "203.0.113.7/32"}},
	}
	want.Outbound = slices.Insert(want.Outbound, 2, all("tcp", "8443"))
	same("with flags")
	w.wantEvents(w.Manager, spawnv1.FirewallRepairedReason)

	w.SSHFrom, w.Egress = nil, nil
	w.check(w.Restart())
	want.Inbound, want.Outbound = nil, slices.Delete(want.Outbound, 2, 3)
	same("without flags again")
	if now := w.only().ID; now != id {
		t.Errorf("firewall %s was exchanged for %s", id, now)
	}
}

func TestWhatIsDoneInTheConsoleIsUndone(t *testing.T) {
	for name, edit := range map[string]func(*cloud.Firewall){
		"opened": func(f *cloud.Firewall) { f.Inbound = []cloud.FirewallRule{all("tcp", "all")} },
		"closed": func(f *cloud.Firewall) { f.Outbound = []cloud.FirewallRule{all("tcp", "443")} },
		"freed":  func(f *cloud.Firewall) { f.Tags = nil },
		"named":  func(f *cloud.Firewall) { f.Name = "mine" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.check(w.Manager)
			right := w.only()
			wrong := right
			edit(&wrong)
			if err := w.console.UpdateFirewall(t.Context(), wrong); err != nil {
				t.Fatal(err)
			}
			w.check(w.Manager)
			if diff := cmp.Diff(right, w.only()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			w.wantEvents(w.Manager, spawnv1.FirewallCreatedReason, spawnv1.FirewallRepairedReason)
		})
	}
	t.Run("deleted", func(t *testing.T) {
		w := newWorld(t)
		w.check(w.Manager)
		w.deleteFirewall(w.only().ID)
		w.check(w.Manager)
		w.only()
		w.wantEvents(w.Manager, spawnv1.FirewallCreatedReason, spawnv1.FirewallRepairedReason)
	})
}

func TestALostReplyMakesNoSecond(t *testing.T) {
	for _, kind := range []dosim.FaultKind{dosim.FaultDropAfter, dosim.FaultDropBefore, dosim.FaultCutBody} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t)
			w.Cloud.AddFault(dosim.Fault{Kind: kind, Method: http.MethodPost, Route: firewalls})
			if err := w.Manager.Firewall.Check(t.Context()); cloud.IsDefinite(err) || w.Manager.Firewall.Ready() == nil {
				t.Errorf("a lost reply is %v", err)
			}
			w.check(w.Manager)
			w.only()
			asked := 1
			if kind == dosim.FaultDropBefore {
				asked = 2
			}
			if n := w.Cloud.Requests(http.MethodPost, firewalls); n != asked {
				t.Errorf("it was asked for %d times, want %d", n, asked)
			}
		})
	}
}

func TestATokenWithoutAPermissionStopsCreationAndSaysWhich(t *testing.T) {
	for permission, route := range map[string]string{
		"firewall:read": "GET " + firewalls, "firewall:create": "POST " + firewalls, "tag:create": "POST " + tags,
	} {
		t.Run(permission, func(t *testing.T) {
			w := newWorld(t)
			method, path, _ := strings.Cut(route, " ")
			w.Cloud.AddFault(dosim.Fault{
				Kind: dosim.FaultStatus, Status: http.StatusForbidden, Method: method, Route: path, Count: dosim.Forever,
			})
			w.GivenAccount()
			w.GivenBot("scout")
			w.Until("the bot has a droplet", func() bool { return w.Bot("scout").Status.DropletName != "" })
			for range 20 {
				w.Pass()
				_, _ = w.Round()
				w.Step(10 * time.Second)
			}
			w.WantCondition(w.DropletOf("scout"), spawnv1.ExistsCondition, metav1.ConditionUnknown,
				spawnv1.WaitingForFirewallReason, "permission "+permission)
			w.WantCondition(w.DropletOf("scout"), spawnv1.ReconcilingCondition, metav1.ConditionTrue,
				spawnv1.WaitingForFirewallReason)
			if w.Creates() != 0 || w.DropletOf("scout").Status.Attempt != nil {
				t.Errorf("an instance was asked for\n%s", w.Describe())
			}
			w.Cloud.ClearFaults()
			w.Until("the bot is Ready", func() bool { return w.IsReady(w.Bot("scout")) })
			w.only()
		})
	}
}

func TestATokenThatMayNotRepairSaysSo(t *testing.T) {
	w := newWorld(t)
	w.check(w.Manager)
	w.Cloud.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: http.StatusForbidden, Method: http.MethodPut})
	w.SSHFrom = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	err := w.Restart().Firewall.Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "permission firewall:update") {
		t.Errorf("error %v", err)
	}
	w.check(w.Manager)
}

func TestTwoManagersMakeOne(t *testing.T) {
	w := newWorld(t)
	second := w.Second(leadership.Alone("manager-2"))
	// The second looks and makes it while the first is between its look and its request.
	raced := false
	w.Manager.Before = func(request *http.Request) error {
		if request.Method == http.MethodPost && request.URL.Path == firewalls && !raced {
			raced = true
			w.check(second)
		}
		return nil
	}
	if err := w.Manager.Firewall.Check(t.Context()); cloud.KindOf(err) != cloud.Refused {
		t.Errorf("a name that is taken: %v", err)
	}
	w.check(w.Manager)
	w.check(second)
	w.only()
}

func TestAtRestNothingIsWritten(t *testing.T) {
	w := newWorld(t)
	w.SSHFrom = []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32")}
	w.check(w.Restart())
	w.Cloud.ResetJournal()
	for range 10 {
		w.Step(10 * time.Minute)
		w.check(w.Manager)
	}
	if n := w.Cloud.Requests("", ""); n != 10 || w.Cloud.Requests(http.MethodGet, firewalls) != n {
		t.Errorf("%d requests in 10 checks: %v", n, w.Cloud.Journal())
	}
	w.wantEvents(w.Manager, spawnv1.FirewallCreatedReason)
}

func TestAFrozenFleetIsNotTouched(t *testing.T) {
	w := newWorld(t)
	w.Cloud.AddTeam(dosim.Team{Name: "Others"}, "token-of-another-team")
	w.SetToken("token-of-another-team")
	for range 2 { // the first finds out
		if err := w.Manager.Firewall.Check(t.Context()); cloud.KindOf(err) != cloud.Frozen {
			t.Errorf("error %v, want it frozen", err)
		}
	}
	if n := w.Cloud.Requests("", firewalls) + w.Cloud.Requests("", tags); n != 0 {
		t.Errorf("%d requests", n)
	}
}
