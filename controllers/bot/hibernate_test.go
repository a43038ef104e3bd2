// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestABotHibernatesAndIsRestored(t *testing.T) {
	h := newHands(t)
	first := h.GivenReadyBot("scout")
	h.want("scout", spawnv1.BotHibernated)
	if _, err := h.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	h.WantCondition(h.Bot("scout"), spawnv1.DropletReadyCondition, metav1.ConditionFalse, spawnv1.HibernatingReason)
	wantOnly(t, h.Bot("scout"), spawnv1.ReconcilingCondition)
	if s := h.DropletOf("scout").Spec; s.PowerState != spawnv1.PowerOff || s.Snapshot != spawnv1.SwitchEnabled {
		t.Errorf("droplet spec %+v, want it off and with a snapshot", s)
	}

	asleep := h.untilHibernated()
	id := strconv.FormatInt(asleep.Status.SnapshotID, 10)
	h.WantCondition(asleep, spawnv1.ReadyCondition, metav1.ConditionTrue, spawnv1.HibernatedReason, "snapshot "+id)
	h.WantCondition(asleep, spawnv1.DropletReadyCondition, metav1.ConditionTrue, spawnv1.HibernatedReason, "snapshot "+id)
	h.WantCondition(asleep, spawnv1.AsSpecifiedCondition, metav1.ConditionTrue, spawnv1.HibernatedReason)
	if s := asleep.Status; s.DropletName != "" || s.InstanceID != 0 || s.PublicIPv4 != "" || s.SnapshotID == 0 {
		t.Errorf("asleep: %+v, want a snapshot and no machine", s)
	}
	wantInstances(t, h.Env, "scout", 0, 1)
	h.wantSnapshots(asleep.Status.SnapshotID)

	h.want("scout", spawnv1.BotRunning)
	awake := h.untilReady("scout")
	h.settle()
	wantInstances(t, h.Env, "scout", 1, 2)
	if spec := h.DropletOf("scout").Spec; spec.SnapshotID != asleep.Status.SnapshotID || spec.Image != "" {
		t.Errorf("the machine is from %+v, want snapshot %d", spec, asleep.Status.SnapshotID)
	}
	if awake.Status.Incarnation != 2 || awake.Status.DropletName == first.Status.DropletName {
		t.Errorf("awake: %+v, want another incarnation", awake.Status)
	}
	awake = h.Bot("scout")
	h.WantCondition(awake, spawnv1.ReadyCondition, metav1.ConditionTrue, spawnv1.ReadyReason)
	h.WantCondition(awake, spawnv1.AsSpecifiedCondition, metav1.ConditionTrue, spawnv1.AsSpecifiedReason)
	if awake.Status.SnapshotID != 0 {
		t.Errorf("the bot still names snapshot %d", awake.Status.SnapshotID)
	}
	h.wantSnapshots()
}

func TestABotHibernatesOverAndOver(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	for n := range 5 {
		h.untilHibernated()
		wantInstances(t, h.Env, "scout", 0, n+1)
		h.want("scout", spawnv1.BotRunning)
		h.untilReady("scout")
		h.settle()
		wantInstances(t, h.Env, "scout", 1, n+2)
		h.wantSnapshots()
	}
}

func TestEveryWriteOfAHibernationMayFailOnce(t *testing.T) {
	const most = 12
	for n := range most {
		h := newHands(t)
		h.GivenReadyBot("scout")
		seen := 0
		h.Manager.After = func(request *http.Request) error {
			if toAPI(request) && request.Method != http.MethodGet {
				if seen++; seen == n+1 {
					h.Manager.Kill()
				}
			}
			return nil
		}
		h.want("scout", spawnv1.BotHibernated)
		restarted := false
		step := func(goal string, done func() bool) {
			h.until(goal, func() bool {
				if h.Manager.IsDead() {
					h.Restart()
					restarted = true
				}
				return done()
			})
		}
		step("it hibernates", func() bool {
			return reasonOf(h.Bot("scout"), spawnv1.ReadyCondition) == spawnv1.HibernatedReason
		})
		wantInstances(t, h.Env, "scout", 0, 1)
		h.wantSnapshots(h.Bot("scout").Status.SnapshotID)
		h.want("scout", spawnv1.BotRunning)
		step("it runs", func() bool { return h.IsReady(h.Bot("scout")) })
		h.settle()
		wantInstances(t, h.Env, "scout", 1, 2)
		h.wantSnapshots()
		if !restarted {
			return // there are no more writes
		}
	}
}

func TestAHibernatedBotAtRestAsksNobody(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	h.untilHibernated()
	h.Settle()
	h.Cloud.ResetJournal()
	var written []string
	h.Restart().Before = writes(&written)
	for range 5 {
		h.Pass()
		if wait, err := h.Round(); err != nil || wait != 0 {
			t.Errorf("at rest: error %v, wants to look again in %s", err, wait)
		}
	}
	if others := otherThanPasses(h.Env); len(written) != 0 || len(others) != 0 {
		t.Errorf("at rest: writes %v, calls %v", written, others)
	}
}

func TestAHibernationTakenBackInTimeKeepsTheMachine(t *testing.T) {
	h := newHands(t)
	first := h.GivenReadyBot("scout")
	h.want("scout", spawnv1.BotHibernated)
	h.until("there is a snapshot", func() bool { return h.DropletOf("scout").Status.Snapshot != nil })
	h.want("scout", spawnv1.BotRunning)
	same := h.untilReady("scout")
	h.settle()
	if same.Status.InstanceID != first.Status.InstanceID || same.Status.Incarnation != 1 {
		t.Errorf("status %+v, want the machine it had: %+v", same.Status, first.Status)
	}
	h.wantSnapshots()
	wantInstances(t, h.Env, "scout", 1, 1)

	// The next time takes another snapshot, of the machine as it is then.
	h.untilHibernated()
	h.wantSnapshots(h.Bot("scout").Status.SnapshotID)
}

func TestAHibernationTakenBackAfterItsSnapshotWasStoredKeepsTheMachine(t *testing.T) {
	h := newHands(t)
	first := h.GivenReadyBot("scout")
	h.want("scout", spawnv1.BotHibernated)
	h.Manager.Before = func(request *http.Request) error {
		if isDropletDelete(request) {
			return errLost
		}
		return nil
	}
	h.until("the snapshot is stored", func() bool { return h.Bot("scout").Status.SnapshotID != 0 })
	h.want("scout", spawnv1.BotRunning)
	h.untilReady("scout")
	h.settle()
	if s := h.Bot("scout").Status; s.InstanceID != first.Status.InstanceID || s.SnapshotID != 0 {
		t.Errorf("status %+v, want the machine it had and no snapshot: %+v", s, first.Status)
	}
	h.wantSnapshots()
	wantInstances(t, h.Env, "scout", 1, 1)
}

func TestASnapshotOfBeforeIsNotTakenForTheOneOfNow(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	h.want("scout", spawnv1.BotHibernated)
	h.until("there is a snapshot", func() bool { return h.DropletOf("scout").Status.Snapshot != nil })
	old := h.DropletOf("scout").Status.Snapshot.ID
	h.want("scout", spawnv1.BotRunning)
	if _, err := h.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	h.want("scout", spawnv1.BotHibernated) // before the Droplet has got rid of it
	asleep := h.untilHibernated()
	if asleep.Status.SnapshotID == old {
		t.Errorf("the bot hibernates in snapshot %d, which is of before it ran", old)
	}
	h.wantSnapshots(asleep.Status.SnapshotID)
}

func TestABotThatHibernatesAgainAtOnceLeavesNoSnapshotBehind(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	first := h.untilHibernated().Status.SnapshotID
	h.Cloud.AddFault(dosim.Fault{
		Kind: dosim.FaultStatus, Method: http.MethodDelete, Route: "/v2/snapshots/{snapshot}",
		Status: http.StatusServiceUnavailable, Count: dosim.Forever,
	})
	h.want("scout", spawnv1.BotRunning)
	h.untilReady("scout") // although the snapshot cannot be destroyed
	if now := h.Bot("scout").Status.SnapshotID; now != first {
		t.Errorf("the bot names snapshot %d, want %d until it is destroyed", now, first)
	}
	h.want("scout", spawnv1.BotHibernated)
	for range 5 {
		h.work()
		if _, err := h.Round(); err != nil {
			t.Fatal(err)
		}
	}
	h.Cloud.ClearFaults()
	second := h.untilHibernated().Status.SnapshotID
	h.wantSnapshots(second)
}

func TestWhatKeepsADropletFromItsSnapshotShowsOnTheBot(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	h.want("scout", spawnv1.BotHibernated)
	if _, err := h.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	droplet := h.DropletOf("scout")
	const reason = spawnv1.SnapshotFailedReason
	for _, conditionType := range []string{spawnv1.ReadyCondition, spawnv1.StalledCondition} {
		state := metav1.ConditionFalse
		if conditionType == spawnv1.StalledCondition {
			state = metav1.ConditionTrue
		}
		droplet.Status.Conditions = withCondition(droplet.Status.Conditions, metav1.Condition{
			Type: conditionType, Status: state, Reason: reason, Message: "no room for it",
			ObservedGeneration: droplet.Generation, LastTransitionTime: metav1.NewTime(h.Clock.Now()),
		})
	}
	droplet.Status.ObservedGeneration = droplet.Generation
	if err := h.Client.Status().Update(t.Context(), droplet); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ReconcileBot("scout"); err != nil {
		t.Fatal(err)
	}
	h.WantCondition(h.Bot("scout"), spawnv1.DropletReadyCondition, metav1.ConditionFalse, reason, "no room for it")
	wantOnly(t, h.Bot("scout"), spawnv1.StalledCondition)
	wantInstances(t, h.Env, "scout", 1, 1)
}

// withCondition replaces the condition of that type, or adds it.
func withCondition(conditions []metav1.Condition, c metav1.Condition) []metav1.Condition {
	for i := range conditions {
		if conditions[i].Type == c.Type {
			conditions[i] = c
			return conditions
		}
	}
	return append(conditions, c)
}

func TestAHibernationMayForgoItsSnapshot(t *testing.T) {
	h := newHands(t)
	first := h.GivenReadyBot("scout")
	h.annotate("scout", spawnv1.SkipSnapshotAnnotation, "true")
	asleep := h.untilHibernated()
	h.WantCondition(asleep, spawnv1.DropletReadyCondition, metav1.ConditionTrue, spawnv1.HibernatedReason,
		"no machine and no snapshot")
	h.wantSnapshots()
	wantInstances(t, h.Env, "scout", 0, 1)

	h.want("scout", spawnv1.BotRunning)
	h.untilReady("scout")
	if spec := h.DropletOf("scout").Spec; spec.Image == "" || h.Bot("scout").Status.InstanceID == first.Status.InstanceID {
		t.Errorf("the next machine is from %+v, want another one from the image", spec)
	}
}

func TestAMachineThatIsLostWhileItsBotHibernatesIsRestoredFromWhatThereIs(t *testing.T) {
	for name, snapshot := range map[string]bool{"before there is a snapshot": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			h := newHands(t)
			bot := h.GivenReadyBot("scout")
			h.want("scout", spawnv1.BotHibernated)
			if _, err := h.ReconcileBot("scout"); err != nil {
				t.Fatal(err)
			}
			var ids []int64
			if snapshot {
				droplet := h.DropletOf("scout")
				taken := h.take(droplet)
				h.give(droplet, taken)
				ids = append(ids, taken.ID)
			}
			if err := h.Cloud.DestroyInstance(bot.Status.InstanceID); err != nil {
				t.Fatal(err)
			}
			h.untilHibernated()
			h.wantSnapshots(ids...)
			h.want("scout", spawnv1.BotRunning)
			h.untilReady("scout")
			if spec := h.DropletOf("scout").Spec; (spec.SnapshotID != 0) != snapshot {
				t.Errorf("the next machine is from %+v", spec)
			}
			wantInstances(t, h.Env, "scout", 1, 2)
		})
	}
}

func TestABotThatWasNeverCreatedHibernatesAtOnce(t *testing.T) {
	h := newHands(t)
	h.GivenAccount()
	h.GivenBot("scout", func(b *spawnv1.Bot) { b.Spec.Machine.Region = "mars1" })
	h.Settle()
	asleep := h.untilHibernated()
	h.WantCondition(asleep, spawnv1.ReadyCondition, metav1.ConditionTrue, spawnv1.HibernatedReason, "no snapshot yet")
	wantInstances(t, h.Env, "scout", 0, 0)
	if len(h.Droplets()) != 0 {
		t.Errorf("droplets %v, want none", h.Droplets())
	}
}

func TestABotAppliedHibernatedLooksOnceForItsSnapshot(t *testing.T) {
	h := newHands(t)
	h.GivenAccount()
	machine := identity.NewName(testenv.Fleet, h.Namespace, "scout")
	h.plantSnapshot(identity.SnapshotName(machine, h.Clock.Now()))
	h.Step(time.Hour)
	newest := h.plantSnapshot(identity.SnapshotName(machine, h.Clock.Now()))
	h.plantSnapshot("holiday-pictures")
	h.Cloud.ResetJournal()

	h.GivenBot("scout", func(b *spawnv1.Bot) { b.Spec.DesiredState = spawnv1.BotHibernated })
	h.GivenBot("hawk", func(b *spawnv1.Bot) { b.Spec.DesiredState = spawnv1.BotHibernated })
	h.Settle()
	for _, name := range []string{"scout", "hawk"} {
		h.WantCondition(h.Bot(name), spawnv1.ReadyCondition, metav1.ConditionTrue, spawnv1.HibernatedReason)
	}
	if got := h.Bot("scout").Status.SnapshotID; got != newest {
		t.Errorf("scout has snapshot %d, want the newest of its own, %d", got, newest)
	}
	h.WantCondition(h.Bot("hawk"), spawnv1.DropletReadyCondition, metav1.ConditionTrue, spawnv1.HibernatedReason,
		"no machine and no snapshot yet")
	if calls := h.snapshotCalls(); calls != 2 {
		t.Errorf("%d requests for snapshots, want one for each bot", calls)
	}

	h.want("scout", spawnv1.BotRunning)
	h.untilReady("scout")
	if spec := h.DropletOf("scout").Spec; spec.SnapshotID != newest {
		t.Errorf("scout's machine is from %+v, want snapshot %d", spec, newest)
	}
	h.want("hawk", spawnv1.BotRunning)
	h.untilReady("hawk")
	wantInstances(t, h.Env, "hawk", 1, 5)
}

func TestABotAppliedHibernatedTakesUpTheMachineItHas(t *testing.T) {
	h := newHands(t)
	h.GivenAccount()
	plantMachine(h.Env, "scout")
	h.GivenBot("scout", func(b *spawnv1.Bot) { b.Spec.DesiredState = spawnv1.BotHibernated })
	asleep := h.untilHibernated()
	h.wantSnapshots(asleep.Status.SnapshotID)
	wantInstances(t, h.Env, "scout", 0, 1)
}

func TestAHibernatedBotWithoutAListOfSnapshotsSaysSo(t *testing.T) {
	h := newHands(t)
	h.GivenAccount()
	h.Cloud.AddFault(dosim.Fault{
		Kind: dosim.FaultStatus, Route: "/v2/snapshots", Status: http.StatusForbidden, Count: dosim.Forever,
	})
	h.GivenBot("scout", func(b *spawnv1.Bot) { b.Spec.DesiredState = spawnv1.BotHibernated })
	h.Until("the trouble shows", func() bool {
		return reasonOf(h.Bot("scout"), spawnv1.ReadyCondition) == spawnv1.CredentialsInvalidReason
	})
	h.Cloud.ClearFaults()
	h.untilReady("scout")
}

func TestADropletThatTurnsUpDoesNotReplaceASnapshot(t *testing.T) {
	h := newHands(t)
	h.GivenReadyBot("scout")
	like := h.DropletOf("scout").DeepCopy()
	asleep := h.untilHibernated()
	strayed := &spawnv1.Droplet{
		ObjectMeta: metav1.ObjectMeta{Namespace: h.Namespace, Name: like.Name, Finalizers: like.Finalizers}, Spec: like.Spec,
	}
	if err := h.Client.Create(t.Context(), strayed); err != nil {
		t.Fatal(err)
	}
	h.settle()
	h.want("scout", spawnv1.BotRunning)
	awake := h.untilReady("scout")
	if awake.Status.DropletName == strayed.Name {
		t.Errorf("the bot took up droplet %s, which begins from the image", strayed.Name)
	}
	wantInstances(t, h.Env, "scout", 1, 2)
	var restored spawnv1.Droplet
	key := keyOf(strayed)
	key.Name = awake.Status.DropletName
	err := h.Client.Get(t.Context(), key, &restored)
	if err != nil || restored.Spec.SnapshotID != asleep.Status.SnapshotID {
		t.Errorf("error %v; the machine is from %+v, want snapshot %d", err, restored.Spec, asleep.Status.SnapshotID)
	}
}
