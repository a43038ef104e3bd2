// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/status"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

const (
	actions = "/v2/droplets/{id}/actions"
	action  = "/v2/droplets/{id}/actions/{action}"
)

// slowActions take a while, as they do at DigitalOcean.
func slowActions(o *dosim.Options) { o.ActionDelay = 8 * time.Second }

// wish changes the Droplet's spec.
func (w *world) wish(edit func(*spawnv1.DropletSpec)) {
	w.t.Helper()
	d := w.droplet()
	w.Update(d, func() { edit(&d.Spec) })
}

func off(spec *spawnv1.DropletSpec)    { spec.PowerState = spawnv1.PowerOff }
func on(spec *spawnv1.DropletSpec)     { spec.PowerState = spawnv1.PowerOn }
func bigger(spec *spawnv1.DropletSpec) { spec.Size = "s-2vcpu-4gb" }
func copied(spec *spawnv1.DropletSpec) { off(spec); spec.Snapshot = spawnv1.SwitchEnabled }
func settled(w *world) bool {
	return w.IsReady(w.droplet()) && w.droplet().Status.ObservedGeneration == w.droplet().Generation
}
func (w *world) state() string {
	i, _ := w.Cloud.Instance(w.droplet().Status.InstanceID)
	return i.State
}
func (w *world) driveToSettled() {
	w.t.Helper()
	w.drive("the droplet is as declared", func() bool { return settled(w) })
}
func hasSnapshot(w *world) bool { s := w.droplet().Status.Snapshot; return s != nil && s.ID != 0 }

// asked are the actions that the simulator has begun, the oldest first, with an exclamation mark at those that errored.
func (w *world) asked() []string {
	w.t.Helper()
	var answer struct {
		Actions []struct{ Type, Status string }
	}
	w.read("/v2/actions?per_page=200", &answer)
	var types []string
	for _, a := range slices.Backward(answer.Actions) {
		switch {
		case a.Type == "create", a.Type == "destroy":
		case a.Status == "errored":
			types = append(types, a.Type+"!")
		default:
			types = append(types, a.Type)
		}
	}
	return types
}

// snapshots are the names of all that there are.
func (w *world) snapshots() []string {
	w.t.Helper()
	var answer struct {
		Snapshots []struct{ Name string }
	}
	w.read("/v2/snapshots?resource_type=droplet&per_page=200", &answer)
	var names []string
	for _, s := range answer.Snapshots {
		names = append(names, s.Name)
	}
	return names
}

// read asks the simulator as another client would.
func (w *world) read(path string, into any) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.SimulatorURL+path, nil)
	must(w.t, err)
	request.Header.Set("Authorization", "Bearer "+w.Token())
	response, err := http.DefaultClient.Do(request)
	must(w.t, err)
	defer func() { _ = response.Body.Close() }()
	must(w.t, json.NewDecoder(response.Body).Decode(into))
}

func (w *world) wantAsked(want ...string) {
	w.t.Helper()
	if got := w.asked(); !slices.Equal(got, want) {
		w.t.Errorf("the actions were %v, want %v\n%s", got, want, w.Describe())
	}
}

func TestHIGH002_AMachineIsShutDownAndPoweredOnAgain(t *testing.T) {
	w := readyWorld(t, slowActions)
	w.wish(off)
	_, err := w.reconcile()
	must(t, err)
	w.WantCondition(w.droplet(), spawnv1.RunningCondition, metav1.ConditionFalse, spawnv1.PoweringOffReason, "shut down")
	w.wantClass(spawnv1.ReconcilingCondition)
	w.driveToSettled()
	w.WantCondition(w.droplet(), spawnv1.RunningCondition, metav1.ConditionTrue, spawnv1.PoweredOffReason)
	w.wantAsked("shutdown")
	w.wish(on)
	_, err = w.reconcile()
	must(t, err)
	w.WantCondition(w.droplet(), spawnv1.RunningCondition, metav1.ConditionFalse, spawnv1.PoweringOnReason)
	w.driveToSettled()
	w.wantAsked("shutdown", "power_on")
	if w.droplet().Status.Action != nil || w.state() != "active" {
		t.Errorf("it is not over\n%s", w.Describe())
	}
}

func TestHIGH002_AMachineThatDoesNotListenLosesItsPowerAfterItsTime(t *testing.T) {
	w := readyWorld(t, slowActions, func(o *dosim.Options) { o.IgnoreShutdown = true })
	w.wish(off)
	began := w.Clock.Now()
	w.driveToSettled()
	w.wantAsked("shutdown", "power_off")
	if took := w.Clock.Since(began); took < testenv.ShutdownGrace || took > testenv.ShutdownGrace+time.Minute {
		t.Errorf("it took %s, want a little more than %s", took, testenv.ShutdownGrace)
	}
}

func TestHIGH002_EveryStateOfAMachineIsHandled(t *testing.T) {
	id := func(w *world) int64 { return w.droplet().Status.InstanceID }
	for name, test := range map[string]struct {
		options func(*dosim.Options)
		change  func(w *world)
		want    []string
		ends    func(w *world) bool
	}{
		"off already": {change: func(w *world) { must(w.t, w.Cloud.SetState(id(w), "off")); w.wish(off) }},
		"on already":  {change: func(w *world) { w.wish(off); w.wish(on) }},
		"off in the console": {change: func(w *world) { must(w.t, w.Cloud.SetState(id(w), "off")); w.Pass() },
			ends: func(w *world) bool { return w.state() == "active" && settled(w) }, want: []string{"power_on"}},
		"locked while busy": {options: func(o *dosim.Options) { o.LockBusy = true },
			change: func(w *world) { w.wish(off) }, want: []string{"shutdown"}},
		"off with a lag": {options: func(o *dosim.Options) { o.OffLag = 20 * time.Second },
			change: func(w *world) { w.wish(off) }, want: []string{"shutdown"}},
		"another's action runs": {change: func(w *world) { w.foreign(`{"type":"enable_ipv6"}`); w.wish(off) },
			want: []string{"enable_ipv6", "shutdown"}},
		"the shutdown errors": {change: func(w *world) {
			w.fault(http.MethodPost, actions, dosim.Fault{Kind: dosim.FaultErrored})
			w.wish(off)
		}, want: []string{"shutdown!", "power_off"}},
		"the power cut errors too": {change: func(w *world) {
			w.fault(http.MethodPost, actions, dosim.Fault{Kind: dosim.FaultErrored, Count: 2})
			w.wish(off)
		}, want: []string{"shutdown!", "power_off!", "power_off"}},
		"the action is lost": {change: func(w *world) {
			must(w.t, w.Cloud.SetState(id(w), "off"))
			w.fault(http.MethodGet, action, dosim.Fault{Kind: dosim.FaultStatus, Status: 404, Count: 2})
			w.Pass()
		}, ends: func(w *world) bool { return w.state() == "active" && settled(w) }, want: []string{"power_on"}},
		"gone meanwhile": {change: func(w *world) {
			w.wish(off)
			_, err := w.reconcile()
			must(w.t, err)
			must(w.t, w.Cloud.DestroyInstance(id(w)))
		}, ends: func(w *world) bool { return existsReason(w.droplet()) == spawnv1.InstanceLostReason },
			want: []string{"shutdown!"}},
		"archived": {change: func(w *world) { must(w.t, w.Cloud.SetState(id(w), "archive")); w.Pass() },
			ends: func(w *world) bool {
				return w.droplet().Status.State == "archive" && !w.IsReady(w.droplet())
			}},
		"new": {change: func(w *world) { w.wish(off) }, want: []string{"shutdown"},
			options: func(o *dosim.Options) { o.StateDelay = time.Minute }},
	} {
		t.Run(name, func(t *testing.T) {
			options := []func(*dosim.Options){slowActions}
			if test.options != nil {
				options = append(options, test.options)
			}
			w := newWorld(t, options...)
			if name == "new" {
				w.drive("there is an instance", func() bool { return w.droplet().Status.InstanceID != 0 })
			} else {
				w.driveToReady()
			}
			test.change(w)
			ends := test.ends
			if ends == nil {
				ends = settled
			}
			w.drive("it has ended", func() bool { return ends(w) })
			w.wantAsked(test.want...)
		})
	}
}

// foreign begins an action that somebody else asks for.
func (w *world) foreign(body string) {
	w.t.Helper()
	path := fmt.Sprintf("%s/v2/droplets/%d/actions", w.SimulatorURL, w.droplet().Status.InstanceID)
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, path,
		strings.NewReader(body))
	must(w.t, err)
	request.Header.Set("Authorization", "Bearer "+w.Token())
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	must(w.t, err)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		w.t.Fatalf("the foreign action was answered %d", response.StatusCode)
	}
}

func TestHIGH002_APowerThatFailsIsToldAndTriedAgain(t *testing.T) {
	w := readyWorld(t, slowActions)
	must(t, w.Cloud.SetState(w.droplet().Status.InstanceID, "off"))
	w.fault(http.MethodPost, actions, dosim.Fault{Kind: dosim.FaultErrored, Count: 2})
	w.Pass()
	w.drive("the failure is told", func() bool {
		return status.Reason(w.droplet(), spawnv1.RunningCondition) == spawnv1.PowerFailedReason
	})
	w.WantCondition(w.droplet(), spawnv1.RunningCondition, metav1.ConditionFalse, spawnv1.PowerFailedReason,
		"power_on", "next try at")
	w.wantClass(spawnv1.ReconcilingCondition)
	w.driveToSettled()
	w.wantAsked("power_on!", "power_on!", "power_on")
}

func TestASizeIsChangedWhileTheMachineIsOff(t *testing.T) {
	w := readyWorld(t, slowActions)
	w.wish(bigger)
	_, err := w.reconcile()
	must(t, err)
	w.WantCondition(w.droplet(), spawnv1.AsSpecifiedCondition, metav1.ConditionFalse, spawnv1.ResizingReason)
	w.wantClass(spawnv1.ReconcilingCondition)
	w.driveToSettled()
	w.wantAsked("shutdown", "resize", "power_on")
	if i, _ := w.Cloud.Instance(w.droplet().Status.InstanceID); i.Size != "s-2vcpu-4gb" || i.State != "active" {
		t.Errorf("the instance is %+v", i)
	}
	if w.droplet().Status.Size != "s-2vcpu-4gb" {
		t.Errorf("the size that is recorded is %q", w.droplet().Status.Size)
	}
	w.wish(off)
	w.driveToSettled()
	w.wish(func(spec *spawnv1.DropletSpec) { spec.Size = "s-4vcpu-8gb" })
	w.driveToSettled()
	w.wantAsked("shutdown", "resize", "power_on", "shutdown", "resize")
}

func TestASizeThatCannotBeHadLeavesTheMachineRunning(t *testing.T) {
	for name, test := range map[string]struct {
		size string
		says string
	}{
		"it does not exist":   {"s-99vcpu", "does not exist"},
		"its disk is smaller": {"s-1vcpu-1gb", "disk"},
	} {
		t.Run(name, func(t *testing.T) {
			w := readyWorld(t, slowActions)
			w.wish(func(spec *spawnv1.DropletSpec) { spec.Size = test.size })
			w.drive("the refusal is told", func() bool {
				return status.Reason(w.droplet(), spawnv1.AsSpecifiedCondition) == spawnv1.SizeRefusedReason
			})
			w.WantCondition(w.droplet(), spawnv1.AsSpecifiedCondition, metav1.ConditionFalse, spawnv1.SizeRefusedReason,
				"stays a s-1vcpu-2gb", test.says)
			w.wantClass(spawnv1.StalledCondition)
			w.wantAsked()
			w.wish(func(spec *spawnv1.DropletSpec) { spec.Size = "s-1vcpu-2gb" })
			w.driveToSettled()
			w.wantAsked()
		})
	}
}

func TestASizeThatIsRefusedLateLeavesTheMachineAsItWas(t *testing.T) {
	for name, fault := range map[string]dosim.Fault{
		"refused": {Kind: dosim.FaultStatus, Status: 422, Message: "No such luck."},
		"errored": {Kind: dosim.FaultErrored, Count: dosim.Forever},
	} {
		t.Run(name, func(t *testing.T) {
			w := readyWorld(t, slowActions)
			fault.Contains, fault.Method, fault.Route = `"resize"`, http.MethodPost, actions
			w.Cloud.AddFault(fault)
			w.wish(bigger)
			w.drive("it runs again", func() bool {
				return status.Reason(w.droplet(), spawnv1.ReadyCondition) == spawnv1.SizeRefusedReason && w.state() == "active" &&
					w.droplet().Status.Action == nil
			})
			w.wantClass(spawnv1.StalledCondition)
			if i, _ := w.Cloud.Instance(w.droplet().Status.InstanceID); i.Size != "s-1vcpu-2gb" {
				t.Errorf("the instance is a %s", i.Size)
			}
		})
	}
}

func TestAMachineThatWasResizedInTheConsoleIsReportedAndNotStopped(t *testing.T) {
	w := readyWorld(t, slowActions)
	id := w.droplet().Status.InstanceID
	must(t, w.Cloud.SetState(id, "off"))
	w.foreign(`{"type":"resize","size":"s-2vcpu-4gb"}`)
	w.Step(10 * time.Second)
	must(t, w.Cloud.SetState(id, "active"))
	w.Pass()
	_, err := w.reconcile()
	must(t, err)
	w.WantCondition(w.droplet(), spawnv1.AsSpecifiedCondition, metav1.ConditionFalse, spawnv1.InstanceDiffersReason,
		"size is s-2vcpu-4gb, not s-1vcpu-2gb")
	w.wantClass(spawnv1.StalledCondition)
	w.wantAsked("resize")
	w.wish(bigger) // it is taken as it is
	w.driveToSettled()
	w.wantAsked("resize")
}

func TestASnapshotIsTakenOfAMachineThatIsOff(t *testing.T) {
	w := readyWorld(t, slowActions)
	w.wish(copied)
	_, err := w.reconcile()
	must(t, err)
	w.WantCondition(w.droplet(), spawnv1.AsSpecifiedCondition, metav1.ConditionFalse, spawnv1.SnapshottingReason)
	w.drive("there is a snapshot", func() bool { return hasSnapshot(w) && settled(w) })
	w.wantAsked("shutdown", "snapshot")
	name := w.droplet().Status.Snapshot.Name
	if got := w.snapshots(); !slices.Equal(got, []string{name}) || !strings.HasPrefix(name, w.name+"-") {
		t.Errorf("the snapshots are %v, want %s", got, name)
	}
	w.wish(func(spec *spawnv1.DropletSpec) { on(spec); spec.Snapshot = spawnv1.SwitchDisabled })
	w.driveToSettled()
	if got := w.snapshots(); len(got) != 0 || w.droplet().Status.Snapshot != nil {
		t.Errorf("%v is left of a hibernation that was called off\n%s", got, w.Describe())
	}
	w.Step(time.Minute)
	w.wish(copied)
	w.drive("there is another snapshot", func() bool { return hasSnapshot(w) && settled(w) })
	if again := w.droplet().Status.Snapshot.Name; again == name {
		t.Errorf("the second snapshot has the name of the first, %s", name)
	}
}

func TestAHibernationThatIsCalledOffWhileTheSnapshotIsTakenLeavesNothing(t *testing.T) {
	w := readyWorld(t, func(o *dosim.Options) { o.ActionDelay = time.Minute })
	w.wish(copied)
	w.drive("a snapshot is being taken", func() bool {
		a := w.droplet().Status.Action
		return a != nil && a.Type == "snapshot" && a.ID != 0
	})
	w.wish(func(spec *spawnv1.DropletSpec) { on(spec); spec.Snapshot = spawnv1.SwitchDisabled })
	w.driveToSettled()
	w.wantAsked("shutdown", "snapshot", "power_on")
	if got := w.snapshots(); len(got) != 0 {
		t.Errorf("%v is left", got)
	}
}

func TestASnapshotIsKeptOfAMachineThatIsDeletedWithThatPolicy(t *testing.T) {
	w := readyWorld(t, slowActions)
	w.wish(func(spec *spawnv1.DropletSpec) { spec.DeletionPolicy = spawnv1.DeletionPolicySnapshot })
	w.deleteDroplet()
	w.driveToGone()
	w.wantNone()
	if got := w.snapshots(); len(got) != 1 {
		t.Errorf("the snapshots are %v, want one", got)
	}
	w.wantAsked("shutdown", "snapshot")
}

func TestASnapshotThatFailsKeepsTheMachineUntilThePolicyIsAnother(t *testing.T) {
	w := readyWorld(t, slowActions)
	w.Cloud.AddFault(dosim.Fault{Kind: dosim.FaultErrored, Method: http.MethodPost, Route: actions,
		Contains: `"snapshot"`, Count: dosim.Forever})
	w.wish(func(spec *spawnv1.DropletSpec) { spec.DeletionPolicy = spawnv1.DeletionPolicySnapshot })
	w.deleteDroplet()
	w.drive("the failure is told", func() bool { return existsReason(w.droplet()) == spawnv1.SnapshotFailedReason })
	w.wantClass(spawnv1.StalledCondition)
	w.WantCondition(w.droplet(), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.SnapshotFailedReason,
		"next try at")
	began := w.Clock.Now()
	w.drive("an hour has passed", func() bool { return w.Clock.Since(began) > time.Hour })
	if len(w.Live("scout")) != 1 {
		t.Fatal("the only copy was destroyed")
	}
	w.wish(func(spec *spawnv1.DropletSpec) { spec.DeletionPolicy = spawnv1.DeletionPolicyDelete })
	w.driveToGone()
	w.wantNone()
	if got := w.snapshots(); len(got) != 0 {
		t.Errorf("%v is left", got)
	}
}

func TestAFailedSnapshotOfAHibernationIsTold(t *testing.T) {
	w := readyWorld(t, slowActions)
	w.Cloud.AddFault(dosim.Fault{Kind: dosim.FaultErrored, Method: http.MethodPost, Route: actions,
		Contains: `"snapshot"`, Count: 2})
	w.wish(copied)
	w.drive("the failure is told", func() bool {
		return status.Reason(w.droplet(), spawnv1.ReadyCondition) == spawnv1.SnapshotFailedReason
	})
	w.wantClass(spawnv1.StalledCondition)
	w.drive("there is a snapshot", func() bool { return hasSnapshot(w) && settled(w) })
	w.wantAsked("shutdown", "snapshot!", "snapshot!", "snapshot")
}

func TestANameAndTagsThatSomebodyHasChangedArePutBack(t *testing.T) {
	w := readyWorld(t, slowActions)
	id := w.droplet().Status.InstanceID
	w.Step(testenv.SettleWindow) // tags come late, so a young instance is left alone
	must(t, w.Cloud.Rename(id, "precious"))
	w.Pass()
	_, err := w.reconcile()
	must(t, err)
	w.WantCondition(w.droplet(), spawnv1.AsSpecifiedCondition, metav1.ConditionFalse, spawnv1.RepairingReason,
		"name is precious")
	w.driveToSettled()
	must(t, w.Cloud.Retag(id, "open-spawn"))
	w.drive("it is tagged again", func() bool { i, _ := w.Cloud.Instance(id); return slices.Contains(i.Tags, fleetTag) })
	must(t, w.Cloud.Retag(id, fleetTag))
	w.drive("the other tag is back too", func() bool {
		i, _ := w.Cloud.Instance(id)
		return slices.Contains(i.Tags, "open-spawn")
	})
	w.driveToSettled()
	w.wantAsked("rename")
	w.wantOne()
}

func TestAnInstanceThatBearsNeitherOurNameNorOurTagIsLeftAlone(t *testing.T) {
	w := readyWorld(t, slowActions)
	id := w.droplet().Status.InstanceID
	w.Step(testenv.SettleWindow)
	must(t, w.Cloud.Rename(id, "precious"))
	must(t, w.Cloud.Retag(id))
	w.drive("it is told", func() bool {
		return status.Reason(w.droplet(), spawnv1.AsSpecifiedCondition) == spawnv1.InstanceDiffersReason
	})
	w.WantCondition(w.droplet(), spawnv1.AsSpecifiedCondition, metav1.ConditionFalse, spawnv1.InstanceDiffersReason,
		"left alone")
	w.wish(off)
	for range 5 {
		_, err := w.reconcile()
		must(t, err)
		w.Step(time.Minute)
	}
	w.wantAsked()
}

func TestWhateverBreaksDuringAnOperationItIsDoneOnce(t *testing.T) {
	for name, test := range map[string]struct {
		begin  func(*world)
		finish func(*world)
		want   []string
		verify func(*world)
	}{
		"pause": {begin: func(w *world) { w.wish(off) }, finish: (*world).driveToSettled, want: []string{"shutdown"}},
		"resume": {begin: func(w *world) { w.wish(off); w.driveToSettled(); w.wish(on) },
			finish: (*world).driveToSettled, want: []string{"shutdown", "power_on"}},
		"resize": {begin: func(w *world) { w.wish(off); w.driveToSettled(); w.wish(bigger) },
			finish: (*world).driveToSettled, want: []string{"shutdown", "resize"}},
		"snapshot": {begin: func(w *world) { w.wish(off); w.driveToSettled(); w.wish(copied) },
			finish: func(w *world) { w.drive("there is a snapshot", func() bool { return hasSnapshot(w) && settled(w) }) },
			want:   []string{"shutdown", "snapshot"},
			verify: func(w *world) {
				if got := w.snapshots(); len(got) != 1 {
					w.t.Errorf("the snapshots are %v, want one", got)
				}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			begin := func(t *testing.T) *world {
				t.Helper()
				w := readyWorld(t, bootsFast, slowActions)
				test.begin(w)
				w.Cloud.ResetJournal()
				return w
			}
			sweepActs(t, begin, test.finish, func(w *world) {
				if got := w.asked(); name == "pause" && slices.Equal(got, []string{"power_off"}) {
					w.t.Logf("the shutdown that never arrived was followed by a power cut")
				} else if !slices.Equal(got, test.want) {
					w.t.Errorf("the actions were %v, want %v\n%s", got, test.want, w.Describe())
				}
				w.wantOne()
				if test.verify != nil {
					test.verify(w)
				}
			})
		})
	}
}

func TestWhateverBreaksDuringADeleteWithASnapshotTheDiskIsKept(t *testing.T) {
	begin := func(t *testing.T) *world {
		t.Helper()
		w := readyWorld(t, bootsFast, slowActions)
		w.wish(func(spec *spawnv1.DropletSpec) { off(spec); spec.DeletionPolicy = spawnv1.DeletionPolicySnapshot })
		w.driveToSettled()
		w.Cloud.ResetJournal()
		w.deleteDroplet()
		return w
	}
	sweepActs(t, begin, (*world).driveToGone, func(w *world) {
		w.wantNone()
		if got := w.snapshots(); len(got) != 1 {
			w.t.Errorf("the snapshots are %v, want one", got)
		}
	})
}

func TestAMachineThatVanishesInTheMiddleOfAnOperationIsLost(t *testing.T) {
	for name, edit := range map[string]func(*spawnv1.DropletSpec){"pause": off, "resize": bigger, "snapshot": copied} {
		t.Run(name, func(t *testing.T) {
			w := readyWorld(t, slowActions)
			w.wish(edit)
			_, err := w.reconcile()
			must(t, err)
			must(t, w.Cloud.DestroyInstance(w.droplet().Status.InstanceID))
			w.drive("it is lost", func() bool { return existsReason(w.droplet()) == spawnv1.InstanceLostReason })
			w.deleteDroplet()
			w.driveToGone()
		})
	}
}

func TestMoreMachinesThanANumberDoNotGoWithoutAPersonsWord(t *testing.T) {
	const fleet = 8
	_, worlds := restingWorld(t, fleet)
	for _, w := range worlds {
		w.deleteDroplet()
	}
	for range 10 {
		for _, w := range worlds {
			if !w.isGone() {
				_, _ = w.reconcile()
			}
		}
		worlds[0].Step(time.Minute)
	}
	kept := 0
	for _, w := range worlds {
		if !w.isGone() {
			kept++
			w.wantExists(metav1.ConditionTrue, spawnv1.MassDestructionReason, "8 machines", "confirm-destroy")
			w.wantClass(spawnv1.StalledCondition)
		}
	}
	if kept != fleet {
		t.Fatalf("%d of %d machines are kept, want all: they were deleted at once", kept, fleet)
	}
	first, second := worlds[0], worlds[1]
	d := first.droplet()
	first.Update(d, func() { d.Annotations = map[string]string{spawnv1.ConfirmDestroyAnnotation: "true"} })
	first.driveToGone()
	bot := second.Bot(second.droplet().Spec.BotRef.Name)
	second.Update(bot, func() { bot.Finalizers = []string{spawnv1.BotFinalizer} })
	second.Delete(bot)
	second.driveToGone()
}

func TestAFewMachinesGoWithoutAWord(t *testing.T) {
	_, worlds := restingWorld(t, 4)
	for _, w := range worlds {
		w.deleteDroplet()
	}
	for _, w := range worlds {
		w.driveToGone()
	}
}

func TestAnAdministratorCanAbandonAnInstanceThatNobodyCanAskFor(t *testing.T) {
	w := readyWorld(t)
	id := w.droplet().Status.InstanceID
	w.SetToken("revoked")
	w.deleteDroplet()
	_, _ = w.reconcile()
	w.wantFinalizer()
	abandon := func(word string) {
		d := w.droplet()
		w.Update(d, func() { d.Annotations = map[string]string{spawnv1.AbandonInstanceAnnotation: word} })
		_, _ = w.reconcile()
	}
	abandon("true")
	w.wantFinalizer()
	abandon(fmt.Sprint(id))
	if !w.isGone() {
		t.Errorf("the Droplet stays\n%s", w.Describe())
	}
	if len(w.Live("scout")) != 1 {
		t.Error("the instance was touched")
	}
	if told := w.Bot("scout").Annotations[spawnv1.AbandonedAnnotation]; told != w.name {
		t.Errorf("the Bot says that %q was abandoned, want %q", told, w.name)
	}
}

func TestAnInstanceOfNoBotCanBeAbandonedToo(t *testing.T) {
	w := readyWorld(t)
	d := w.droplet()
	w.Update(d, func() {
		d.Annotations = map[string]string{spawnv1.AbandonInstanceAnnotation: fmt.Sprint(d.Status.InstanceID)}
	})
	w.Delete(w.Bot("scout"))
	w.deleteDroplet()
	if _, err := w.reconcile(); err != nil || !w.isGone() {
		t.Errorf("error %v, the Droplet is gone: %v", err, w.isGone())
	}
}
