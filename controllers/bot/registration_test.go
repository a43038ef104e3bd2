// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// leaseNamed is a Lease, or a machine's.
func leaseNamed(namespace, name string) *coordinationv1.Lease {
	return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// untilReason runs the world until the condition of Bot scout has a reason.
func untilReason(e *testenv.Env, conditionType, reason string) *spawnv1.Bot {
	e.Until(conditionType+" is "+reason, func() bool { return reasonOf(e.Bot("scout"), conditionType) == reason })
	return e.Bot("scout")
}

func TestHIGH001_AMachineThatNeverRegistersHasItsOwnDeadline(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	m.Silent["scout"] = true
	e.GivenAccount()
	e.GivenBot("scout")
	bot := untilReason(e, spawnv1.DropletReadyCondition, spawnv1.DropletReadyReason)
	e.WantCondition(bot, spawnv1.RegisteredCondition, metav1.ConditionUnknown, spawnv1.WaitingForRegistrationReason)
	e.WantCondition(bot, spawnv1.HeartbeatFreshCondition, metav1.ConditionUnknown, spawnv1.WaitingForRegistrationReason)
	e.WantCondition(bot, spawnv1.ConfigAppliedCondition, metav1.ConditionUnknown, spawnv1.WaitingForRegistrationReason)
	wantOnly(t, bot, spawnv1.ReconcilingCondition)

	on := e.Clock.Now()
	bot = untilReason(e, spawnv1.RegisteredCondition, spawnv1.RegistrationTimeoutReason)
	if after := e.Clock.Since(on); after < 14*time.Minute || after > 16*time.Minute {
		t.Errorf("it was marked %s after it was on", after)
	}
	e.WantCondition(bot, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.RegistrationTimeoutReason,
		"kubectl annotate -n "+e.Namespace+" bot scout", bot.Status.DropletName)
	wantOnly(t, bot, spawnv1.StalledCondition)
	wantInstances(t, e, "scout", 1, 1) // and nothing was replaced by itself

	// The token has expired: only somebody who opens the registration again lets the machine in.
	m.Silent["scout"] = false
	e.Settle()
	if p := m.Presence(bot.Status.DropletName); p != nil {
		t.Fatal("it registered with a token that has expired")
	}
	annotate(e, bot, spawnv1.ReopenRegistrationAnnotation, bot.Status.DropletName)
	untilReady(e, "scout")
}

func TestCRIT001_ALostCredentialIsNotReplacedBeforeSomebodySaysSo(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	bot := e.GivenReadyBot("scout")
	e.Step(time.Hour) // the token has expired long ago
	e.Delete(leaseNamed(m.Namespace, bot.Status.DropletName))
	bot = untilReason(e, spawnv1.ReadyCondition, spawnv1.CredentialLostReason)
	e.WantCondition(bot, spawnv1.RegisteredCondition, metav1.ConditionFalse, spawnv1.CredentialLostReason,
		spawnv1.ReopenRegistrationAnnotation+"="+bot.Status.DropletName, "spec.redeployAt")
	wantOnly(t, bot, spawnv1.StalledCondition)
	e.Settle()

	annotate(e, bot, spawnv1.ReopenRegistrationAnnotation, "another-machine")
	e.Settle()
	e.WantCondition(e.Bot("scout"), spawnv1.RegisteredCondition, metav1.ConditionFalse, spawnv1.CredentialLostReason)

	annotate(e, bot, spawnv1.ReopenRegistrationAnnotation, bot.Status.DropletName)
	again := untilReady(e, "scout")
	if again.Status.SealKey == bot.Status.SealKey {
		t.Error("the bot's keys are sealed to the key that is lost")
	}
	if got := m.Configs["scout"]; len(got) != 2 || got[1].Version != 1 {
		t.Errorf("it was given %+v, want the same config again", got)
	}

	// The annotation is still there, and opens nothing a second time.
	e.Step(time.Hour)
	e.Delete(leaseNamed(m.Namespace, bot.Status.DropletName))
	untilReason(e, spawnv1.ReadyCondition, spawnv1.CredentialLostReason)
	e.Settle()
	e.WantCondition(e.Bot("scout"), spawnv1.RegisteredCondition, metav1.ConditionFalse, spawnv1.CredentialLostReason)
}

func TestCRIT001_AMachineWithAnotherKeyGetsNoKeysOfTheBot(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	bot := e.GivenReadyBot("scout")
	// Within the token's life somebody deletes the Lease, and whoever is first registers: the one who knows the token.
	e.Delete(leaseNamed(m.Namespace, bot.Status.DropletName))
	bot = untilReason(e, spawnv1.ReadyCondition, spawnv1.SealKeyChangedReason)
	e.WantCondition(bot, spawnv1.RegisteredCondition, metav1.ConditionFalse, spawnv1.SealKeyChangedReason,
		"gets no keys", spawnv1.ReopenRegistrationAnnotation)
	wantOnly(t, bot, spawnv1.StalledCondition)
	e.GivenSecret("llm", "api-key", "sk-second")
	annotate(e, bot, spawnv1.RefreshAnnotation, "now")
	e.Settle()
	if got := m.Configs["scout"]; len(got) != 1 {
		t.Errorf("it was given %+v", got[1:])
	}
	if _, content := m.Letter(bot.Status.DropletName); content.SealedTo == m.Presence(bot.Status.DropletName).SealKey {
		t.Error("the keys are sealed to a key that nobody has accepted")
	}
	annotate(e, bot, spawnv1.ReopenRegistrationAnnotation, bot.Status.DropletName)
	untilReady(e, "scout")
	if got := m.Configs["scout"]; got[len(got)-1].Secrets["llm"] != "sk-second" {
		t.Errorf("it was given %+v", got)
	}
}

func TestCRIT001_ATokenThatSomebodyElseUsesIsToldOnce(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	bot := e.GivenReadyBot("scout")
	told := func() int {
		count := 0
		for _, event := range drained(e) {
			if strings.Contains(event, "Warning "+spawnv1.RegistrationConflictReason) {
				count++
			}
		}
		return count
	}
	m.Conflicts["scout"] = 1
	e.Settle()
	if got := told(); got != 1 {
		t.Errorf("it was told %d times, want once", got)
	}
	m.Conflicts["scout"] = 3
	e.Settle()
	if got := told(); got != 1 {
		t.Errorf("the next ones were told %d times, want once", got)
	}
	if !e.IsReady(e.Bot(bot.Name)) {
		t.Error("a conflict has harmed the bot")
	}
}

func TestALetterThatSomebodyDeletesOrSpoilsIsWrittenAnew(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	bot := e.GivenReadyBot("scout")
	e.Delete(secretNamed(m.Namespace, bot.Status.DropletName))
	e.Settle()
	if told, content := m.Letter(bot.Status.DropletName); told == nil || content == nil || content.Version != 1 {
		t.Errorf("after it was deleted it says %+v, %+v", told, content)
	}
	letter := secretNamed(m.Namespace, bot.Status.DropletName)
	e.Update(letter, func() { letter.Data = map[string][]byte{"machine.json": []byte("{")} })
	e.Settle()
	if told, content := m.Letter(bot.Status.DropletName); !told.Run || content == nil || content.Version != 1 {
		t.Errorf("after it was spoilt it says %+v, %+v", told, content)
	}
	if !e.IsReady(e.Bot("scout")) {
		t.Errorf("the bot is not Ready\n%s", e.Describe())
	}
}
