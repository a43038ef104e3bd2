// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package lives

import (
	"net/http"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/status"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// notice lists the fleet once and lets every controller look at what that shows.
func (w *world) notice() {
	w.t.Helper()
	w.Pass()
	for range 2 { // what a Droplet says, its Bot says after it
		_, _ = w.Round()
	}
}

func TestWhatIsDoneInTheConsoleIsNoticedWithinOnePass(t *testing.T) {
	const fleetTag = spawnv1.FleetTagPrefix + testenv.Fleet
	id := func(w *world) int64 { return w.Bot(scout).Status.InstanceID }
	for name, test := range map[string]struct {
		do     func(w *world)
		reason string // that Ready has after one pass, when it is not put right at once
		class  string
		end    func(w *world) bool
		done   []string
		ever   int
	}{
		"destroyed": {
			do: func(w *world) { must(w.t, w.Cloud.DestroyInstance(id(w))) }, reason: spawnv1.InstanceNotVisibleReason,
			class: spawnv1.ReconcilingCondition, ever: 2,
		},
		"powered off": {
			do: func(w *world) { must(w.t, w.Cloud.SetState(id(w), off)) }, reason: spawnv1.PoweringOnReason,
			class: spawnv1.ReconcilingCondition, done: []string{"power_on"}, ever: 1,
		},
		"renamed": {
			do: func(w *world) { must(w.t, w.Cloud.Rename(id(w), "precious")) }, reason: spawnv1.RepairingReason,
			class: spawnv1.ReconcilingCondition, done: []string{"rename"}, ever: 1,
		},
		"retagged": {
			do: func(w *world) { must(w.t, w.Cloud.Retag(id(w), "precious")) }, reason: spawnv1.ReadyReason, ever: 1,
			end: func(w *world) bool { return slices.Contains(w.machine(scout).Tags, fleetTag) },
		},
		"renamed and retagged": {
			do: func(w *world) {
				must(w.t, w.Cloud.Rename(id(w), "precious"))
				must(w.t, w.Cloud.Retag(id(w)))
			},
			reason: spawnv1.InstanceDiffersReason, class: spawnv1.StalledCondition,
			end: func(w *world) bool {
				if instance, _ := w.Cloud.Instance(id(w)); instance.Name == "precious" {
					w.double = true // the rename hides it from those who count
					must(w.t, w.Cloud.Rename(id(w), w.Bot(scout).Status.DropletName))
				}
				return true
			}, ever: 1,
		},
		"resized": {
			do: func(w *world) {
				must(w.t, w.Cloud.SetState(id(w), off))
				w.console(scout, `{"type":"resize","size":"s-2vcpu-4gb"}`)
				must(w.t, w.Cloud.SetState(id(w), active))
			}, reason: spawnv1.InstanceDiffersReason, class: spawnv1.StalledCondition, done: []string{"resize"}, ever: 1,
			end: func(w *world) bool {
				w.edit(scout, func(spec *spawnv1.BotSpec) { spec.Machine.Size = "s-2vcpu-4gb" })
				return true
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.GivenReadyBot("hawk") // so that it is not the whole fleet that is gone
			w.GivenReadyBot(scout)
			w.rounds(2, testenv.SettleWindow) // lists and tags may lag behind before that
			test.do(w)
			w.notice()
			want := metav1.ConditionFalse
			if test.reason == spawnv1.ReadyReason {
				want = metav1.ConditionTrue
			}
			w.wantReady(scout, want, test.reason)
			w.wantClass(scout, test.class)
			if test.end != nil {
				w.until("it is put right", func() bool { return test.end(w) })
			}
			w.untilAsDeclared(scout)
			w.rounds(2, time.Minute)
			if w.machine(scout).State != active || w.ever(scout) != test.ever {
				t.Errorf("%d instances, the machine is %+v", w.ever(scout), w.machine(scout))
			}
			w.wantDone(scout, test.done...)
		})
	}
}

func TestARunningBotIsResized(t *testing.T) {
	w := newWorld(t)
	w.GivenReadyBot(scout)
	w.edit(scout, func(spec *spawnv1.BotSpec) { spec.Machine.Size = "s-2vcpu-4gb" })
	_, err := w.ReconcileBot(scout)
	must(t, err)
	w.wantReady(scout, metav1.ConditionFalse, spawnv1.ResizingReason, "s-2vcpu-4gb")
	w.wantClass(scout, spawnv1.ReconcilingCondition)
	w.untilAsDeclared(scout)
	if machine := w.machine(scout); machine.Size != "s-2vcpu-4gb" || machine.State != active {
		t.Errorf("the machine is %+v", machine)
	}
	w.wantDone(scout, "shutdown", "resize", "power_on")
}

func TestARefusedSizeIsClearOnTheBotAndTheMachineKeepsRunning(t *testing.T) {
	for name, test := range map[string]struct{ size, says string }{
		"it does not exist":   {"s-99vcpu", "does not exist"},
		"its disk is smaller": {"s-1vcpu-1gb", "disk"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.GivenReadyBot(scout)
			w.edit(scout, func(spec *spawnv1.BotSpec) { spec.Machine.Size = test.size })
			w.untilReason(scout, spawnv1.ReadyCondition, spawnv1.SizeRefusedReason)
			w.settle()
			w.wantReady(scout, metav1.ConditionFalse, spawnv1.SizeRefusedReason, "stays a s-1vcpu-2gb", test.says)
			w.wantClass(scout, spawnv1.StalledCondition)
			if machine := w.machine(scout); machine.State != active || machine.Size != "s-1vcpu-2gb" {
				t.Errorf("the machine is %+v", machine)
			}
			w.edit(scout, func(spec *spawnv1.BotSpec) { spec.Machine.Size = "s-1vcpu-2gb" })
			w.untilAsDeclared(scout)
			w.wantDone(scout)
		})
	}
}

func TestARedeployThatIsKnownToBeRefusedKeepsTheMachine(t *testing.T) {
	for name, spoil := range map[string]func(*spawnv1.Machine){
		"a bad image": func(m *spawnv1.Machine) { m.Image = "ubuntu-99-04-x64" },
		"a bad size":  func(m *spawnv1.Machine) { m.Size = "s-99vcpu" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := w.GivenReadyBot(scout)
			w.Step(time.Second)
			now := metav1.NewTime(w.Clock.Now())
			w.edit(scout, func(spec *spawnv1.BotSpec) { spoil(&spec.Machine); spec.RedeployAt = &now })
			w.untilReason(scout, spawnv1.AsSpecifiedCondition, spawnv1.RedeployBlockedReason)
			w.settle()
			w.WantCondition(w.Bot(scout), spawnv1.AsSpecifiedCondition, metav1.ConditionFalse, spawnv1.RedeployBlockedReason,
				"does not exist")
			w.wantClass(scout, spawnv1.StalledCondition)
			if machine := w.machine(scout); machine.ID != first.Status.InstanceID || machine.State != active {
				t.Errorf("the machine is %+v, want the old one, and on", machine)
			}
			w.wantDone(scout)
			w.edit(scout, func(spec *spawnv1.BotSpec) { spec.Machine = first.Spec.Machine })
			w.untilAsDeclared(scout)
			if machine := w.machine(scout); machine.ID == first.Status.InstanceID || w.ever(scout) != 2 {
				t.Errorf("the machine is %+v, the second of %d, want another", machine, w.ever(scout))
			}
		})
	}
}

func TestMachinesOfASuspendedAccountAreOff(t *testing.T) {
	w := newWorld(t)
	bots := []string{scout, "hawk"}
	for _, bot := range bots {
		w.GivenReadyBot(bot)
	}
	w.becomes("hawk", spawnv1.BotPaused)
	account := w.Account()
	w.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountSuspended })
	w.until("scout's machine is off", func() bool { return w.machine(scout).State == off })
	w.settle()
	for _, bot := range bots {
		w.wantReady(bot, metav1.ConditionFalse, spawnv1.AccountSuspendedReason)
		w.wantClass(bot, "")
	}
	w.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountActive })
	w.untilAsDeclared(bots...)
	w.wantDone(scout, "shutdown", "power_on")
	w.wantDone("hawk", "shutdown")
}

// A token of another team shows another team's droplets, and none of ours.
func TestHIGH004_ATokenOfAnotherTeamFreezesWhateverIsUnderWay(t *testing.T) {
	action := func(w *world, kind string) func() bool {
		return func() bool {
			a := w.DropletOf(scout).Status.Action
			return a != nil && a.Type == kind && a.ID != 0
		}
	}
	for name, test := range map[string]struct {
		begin  func(w *world)
		midway func(w *world) func() bool
		done   []string
		end    func(w *world) bool
	}{
		"a pause": {
			begin:  func(w *world) { w.want(scout, spawnv1.BotPaused) },
			midway: func(w *world) func() bool { return action(w, "shutdown") }, done: []string{"shutdown"},
		},
		"a hibernation": {
			begin:  func(w *world) { w.want(scout, spawnv1.BotHibernated) },
			midway: func(w *world) func() bool { return action(w, "snapshot") }, done: []string{"shutdown", "snapshot"},
		},
		"a delete": {
			begin: func(w *world) { w.Delete(w.Bot(scout)) },
			midway: func(w *world) func() bool {
				return func() bool { return !w.DropletOf(scout).DeletionTimestamp.IsZero() }
			},
			end: func(w *world) bool { return !w.Exists(w.NewBot(scout)) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.GivenReadyBot("hawk")
			w.GivenReadyBot(scout)
			const foreign = "token-of-another-team"
			w.Cloud.AddTeam(dosim.Team{}, foreign)
			test.begin(w)
			if name == "a delete" {
				_, err := w.ReconcileBot(scout)
				must(t, err)
			}
			w.until("it is under way", test.midway(w))
			w.SetToken(foreign)
			w.Cloud.ResetJournal()
			w.rounds(6, 10*time.Minute)
			for _, e := range w.Cloud.Journal() {
				if e.Method != http.MethodGet {
					t.Errorf("%s %s was sent with a token of another team", e.Method, e.Path)
				}
			}
			if live := len(w.Live(scout)) + len(w.Live("hawk")); live != 2 || len(w.Droplets()) != 2 {
				t.Errorf("%d instances and %d droplets are left, want 2\n%s", live, len(w.Droplets()), w.Describe())
			}
			if reason := status.Reason(w.DropletOf(scout), spawnv1.ExistsCondition); reason != spawnv1.AccountMismatchReason {
				t.Errorf("the droplet says %s", reason)
			}
			w.SetToken("token-1")
			w.until("it is over", func() bool {
				if test.end != nil {
					return test.end(w)
				}
				return w.isAsDeclared(scout)
			})
			w.untilAsDeclared("hawk")
			w.settle()
			w.wantDone(scout, test.done...)
			w.wantDone("hawk")
			if w.ever(scout) != 1 || w.ever("hawk") != 1 {
				t.Errorf("%d and %d instances, want one each", w.ever(scout), w.ever("hawk"))
			}
			if name == "a hibernation" {
				w.wantKept(scout, w.Bot(scout).Status.SnapshotID)
			}
		})
	}
}
