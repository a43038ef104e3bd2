// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestAnEditThatNeedsAnotherMachineWaitsAndIsTakenBack(t *testing.T) {
	e := testenv.New(t)
	const network = "5a4981aa-9653-4bd1-bef5-d6bff52042e4"
	e.GivenAccount(func(a *spawnv1.Account) { a.Spec.MachinePolicy.AllowedVPCs = []string{network} })
	e.GivenReadyBot("scout")
	e.Settle()
	machine, droplet := e.Live("scout")[0], e.DropletOf("scout")
	for field, edit := range map[string]func(*spawnv1.Machine){
		"region":     func(m *spawnv1.Machine) { m.Region = "ams3" },
		"image":      func(m *spawnv1.Machine) { m.Image = "debian-12-x64" },
		"vpcUUID":    func(m *spawnv1.Machine) { m.VPCUUID = network },
		"backups":    func(m *spawnv1.Machine) { m.Backups = spawnv1.SwitchEnabled },
		"monitoring": func(m *spawnv1.Machine) { m.Monitoring = spawnv1.SwitchDisabled },
		"ipv6":       func(m *spawnv1.Machine) { m.IPv6 = spawnv1.SwitchEnabled },
		"sshKeys":    func(m *spawnv1.Machine) { m.SSHKeys = []string{"512190"} },
		"tags":       func(m *spawnv1.Machine) { m.Tags = []string{"desk-7"} },
		"packages":   func(m *spawnv1.Machine) { m.Packages = []string{"jq"} },
	} {
		bot := e.Bot("scout")
		was := *bot.Spec.Machine.DeepCopy()
		e.Update(bot, func() { edit(&bot.Spec.Machine) })
		e.Settle()
		bot = e.Bot("scout")
		e.WantCondition(bot, spawnv1.AsSpecifiedCondition, metav1.ConditionFalse, spawnv1.ReplaceRequiredReason,
			"spec.machine."+field)
		e.WantCondition(bot, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.ReplaceRequiredReason)
		wantOnly(t, bot, spawnv1.StalledCondition)

		e.Update(bot, func() { bot.Spec.Machine = was })
		untilReady(e, "scout")
	}
	if now := e.DropletOf("scout"); now.UID != droplet.UID || now.Generation != droplet.Generation {
		t.Errorf("the droplet was touched: generation %d of %s, was %d of %s",
			now.Generation, now.UID, droplet.Generation, droplet.UID)
	}
	if now := e.Live("scout")[0]; now.ID != machine.ID || now.State != machine.State {
		t.Errorf("the machine was touched: %+v, was %+v", now, machine)
	}
	wantInstances(t, e, "scout", 1, 1)
}

func TestTheOrderOfASetMakesNoOtherMachine(t *testing.T) {
	e := testenv.New(t)
	e.GivenAccount()
	bot := e.GivenBot("scout", func(b *spawnv1.Bot) { b.Spec.Machine.Tags = []string{"desk-7", "alpha", "beta"} })
	untilReady(e, "scout")
	e.Update(bot, func() { slices.Reverse(bot.Spec.Machine.Tags) })
	e.Settle()
	e.WantCondition(e.Bot("scout"), spawnv1.AsSpecifiedCondition, metav1.ConditionTrue, spawnv1.AsSpecifiedReason)
	if !e.IsReady(e.Bot("scout")) {
		t.Errorf("the bot is not Ready\n%s", e.Describe())
	}
}

func TestWhatMayChangeOfAMachineIsMirrored(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenReadyBot("scout")
	e.Update(bot, func() {
		bot.Spec.Machine.Size = "s-2vcpu-4gb"
		bot.Spec.DesiredState = spawnv1.BotPaused
		bot.Spec.DeletionPolicy = spawnv1.DeletionPolicySnapshot
	})
	e.Settle()
	droplet := e.DropletOf("scout")
	if s := droplet.Spec; s.Size != "s-2vcpu-4gb" || s.PowerState != spawnv1.PowerOff ||
		s.DeletionPolicy != spawnv1.DeletionPolicySnapshot {
		t.Errorf("droplet spec %+v does not mirror the bot's", s)
	}
	e.WantCondition(e.Bot("scout"), spawnv1.AsSpecifiedCondition, metav1.ConditionTrue, spawnv1.AsSpecifiedReason)
	wantInstances(t, e, "scout", 1, 1)
}
