// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
	"github.com/cedros-io/open-spawn/internal/token"
)

func TestABotIsReadyOnceItIsHeardAndRunsItsConfig(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	bot := e.GivenReadyBot("scout")

	e.WantCondition(bot, spawnv1.RegisteredCondition, metav1.ConditionTrue, spawnv1.RegisteredReason)
	e.WantCondition(bot, spawnv1.HeartbeatFreshCondition, metav1.ConditionTrue, spawnv1.HeartbeatReceivedReason)
	e.WantCondition(bot, spawnv1.ConfigAppliedCondition, metav1.ConditionTrue, spawnv1.ConfigAppliedReason)
	if c := bot.Status.Config; c.Summary != "1/1" || c.AppliedAt == nil || c.Hash == "" || c.OpenClawVersion == "" {
		t.Errorf("status.config is %+v", c)
	}
	if bot.Status.AgentVersion != "v0.1.0" || bot.Status.SealKey == "" || bot.Status.LastHeartbeatTime == nil {
		t.Errorf("the status does not say who was heard: %+v", bot.Status)
	}
	given := m.Configs["scout"]
	if len(given) != 1 || given[0].Secrets["llm"] != "sk-first" || given[0].Config.Name != "scout" {
		t.Errorf("the machine was given %+v", given)
	}
	told, _ := m.Letter(bot.Status.DropletName)
	if !told.Run || told.InstanceID != bot.Status.InstanceID || told.Gateways[0] != testenv.Gateway {
		t.Errorf("the gateway is told %+v", told)
	}
	e.Settle()
	e.Delete(bot)
	untilGone(e, bot)
	if left := m.Left(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAMachineIsToldItsTokenAndNothingElseThatIsSecret(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	e.GivenAccount()
	bot := e.GivenBot("scout")
	e.Until("the instance exists", func() bool { return len(e.Live("scout")) == 1 })
	name := e.Bot("scout").Status.DropletName
	data, _ := e.Cloud.UserData(e.Live("scout")[0].ID)
	secret := token.NewRegistration(testenv.FleetKey, name).Reveal()
	if !strings.HasPrefix(data, "#cloud-config\n") || !strings.Contains(data, secret) ||
		!strings.Contains(data, testenv.Gateway) || strings.Contains(data, "sk-first") {
		t.Errorf("the user data is\n%s", data)
	}
	if left := m.Left(); len(left) != 2 {
		t.Errorf("before the machine has registered there are %v, want its letter and its user data", left)
	}
	untilReady(e, "scout")
	if left := m.Left(); len(left) != 2 || strings.Contains(strings.Join(left, " "), e.Namespace+"/") {
		t.Errorf("after it there are %v, want its letter and its Lease", left)
	}
	if strings.Contains(e.Describe(), secret) {
		t.Error("the token is in a status")
	}
	e.Delete(bot)
	untilGone(e, bot)
}

func TestUserDataThatIsLostIsWrittenAnew(t *testing.T) {
	e := testenv.New(t)
	e.Talk()
	e.GivenAccount()
	e.GivenBot("scout")
	for range 10 {
		if len(e.Droplets()) == 0 {
			e.Pass()
			_, errAccount := e.ReconcileAccount()
			_, err := e.ReconcileBot("scout")
			if errors.Join(errAccount, err) != nil {
				t.Fatal(errAccount, err)
			}
		}
	}
	droplet := e.DropletOf("scout")
	e.Delete(secretNamed(e.Namespace, droplet.Name))
	if _, err := e.ReconcileDroplet(droplet.Name); err != nil {
		t.Fatal(err)
	}
	droplet = e.DropletOf("scout")
	e.WantCondition(droplet, spawnv1.ExistsCondition, metav1.ConditionUnknown, spawnv1.UserDataMissingReason, droplet.Name)
	untilReady(e, "scout")
	wantInstances(t, e, "scout", 1, 1)
}

func TestABotThatIsNotToRunIsToldSoWithoutTheCloud(t *testing.T) {
	for name, stop := range map[string]func(e *testenv.Env, bot *spawnv1.Bot){
		"paused": func(e *testenv.Env, bot *spawnv1.Bot) {
			e.Update(bot, func() { bot.Spec.DesiredState = spawnv1.BotPaused })
		},
		"hibernated": func(e *testenv.Env, bot *spawnv1.Bot) {
			e.Update(bot, func() { bot.Spec.DesiredState = spawnv1.BotHibernated })
		},
		"suspended": func(e *testenv.Env, _ *spawnv1.Bot) {
			account := e.Account()
			e.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountSuspended })
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := testenv.New(t)
			m := e.Talk()
			bot := e.GivenReadyBot("scout")
			failEverything(e)
			stop(e, bot)
			if _, err := e.ReconcileBot("scout"); err != nil {
				t.Fatal(err)
			}
			if told, _ := m.Letter(bot.Status.DropletName); told.Run {
				t.Error("the gateway is still told that it is to run")
			}
		})
	}
}

func TestABotThatRunsAgainIsHeardAgain(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	bot := e.GivenReadyBot("scout")
	e.Update(bot, func() { bot.Spec.DesiredState = spawnv1.BotPaused })
	e.Until("it is paused", func() bool {
		return e.IsReady(e.Bot("scout")) && reasonOf(e.Bot("scout"), spawnv1.ReadyCondition) == spawnv1.PausedReason
	})
	e.WantCondition(e.Bot("scout"), spawnv1.HeartbeatFreshCondition, metav1.ConditionUnknown, spawnv1.NotExpectedReason)
	e.Step(time.Hour) // what is off is not missed
	e.Settle()
	e.Update(bot, func() { bot.Spec.DesiredState = spawnv1.BotRunning })
	untilReady(e, "scout")
	if told, _ := m.Letter(bot.Status.DropletName); !told.Run {
		t.Error("the gateway is not told that it is to run")
	}
	if got := m.Configs["scout"]; len(got) != 1 {
		t.Errorf("it was given %d configs, want none that it had", len(got))
	}
}

func TestTheNextMachineHasNothingOfTheLast(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	before := e.GivenReadyBot("scout")
	e.Step(time.Minute)
	e.Update(before.DeepCopy(), func() {})
	bot := e.Bot("scout")
	e.Update(bot, func() { bot.Spec.RedeployAt = &metav1.Time{Time: e.Clock.Now()} })
	e.Until("there is another machine", func() bool {
		name := e.Bot("scout").Status.DropletName
		return name != "" && name != before.Status.DropletName
	})
	if told, _ := m.Letter(before.Status.DropletName); told != nil || m.Presence(before.Status.DropletName) != nil {
		t.Error("the last machine's letter or credential is still there")
	}
	after := untilReady(e, "scout")
	if after.Status.SealKey == before.Status.SealKey {
		t.Error("the bot's keys are sealed to the last machine's key")
	}
	if c := after.Status.Config; c.Summary != "1/1" {
		t.Errorf("the same content has another number: %+v", c)
	}
	if left := m.Left(); len(left) != 2 {
		t.Errorf("there are %v, want the letter and the Lease of one machine", left)
	}
}
