// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"regexp"
	"strings"
	"testing"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestEveryBotNameMakesAMachineName(t *testing.T) {
	names := []string{
		"a", "z9", "a-b", "a--b", strings.Repeat("x", 40), "b" + strings.Repeat("-", 38) + "9", "open-spawn", "localhost",
	}
	valid := regexp.MustCompile("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
	e := testenv.New(t)
	most := int32(20)
	e.GivenAccount(func(a *spawnv1.Account) { a.Spec.MaxBots = &most })
	for _, name := range names {
		e.GivenBot(name)
	}
	seen := map[string]bool{}
	for _, name := range names {
		bot := untilReady(e, name)
		machine := bot.Status.DropletName
		if !valid.MatchString(machine) || seen[machine] || !strings.HasPrefix(machine, name+"-") {
			t.Errorf("bot %q has the machine name %q", name, machine)
		}
		seen[machine] = true
		if instance, _ := e.Cloud.Instance(bot.Status.InstanceID); instance.Name != machine {
			t.Errorf("the instance of %q is named %q, want %q", name, instance.Name, machine)
		}
		wantInstances(t, e, name, 1, len(names))
	}
}

func TestAMachineNameOfALongerBotIsNotTakenForAShorterOnes(t *testing.T) {
	e := testenv.New(t)
	e.MayHaveTwo = true // as far as the environment can tell, which looks at the beginnings of names only
	first := e.GivenReadyBot("scout")
	// A bot whose name begins as the machine names of another do.
	longer := first.Status.DropletName[:len("scout-")+8]
	e.GivenReadyBot(longer)
	strip(e, e.Bot("scout"))
	strip(e, e.DropletOf("scout"))
	e.GivenBot("scout")
	if bot := untilReady(e, "scout"); bot.Status.InstanceID != first.Status.InstanceID {
		t.Errorf("scout has instance %d, want %d", bot.Status.InstanceID, first.Status.InstanceID)
	}
	if e.Ever() != 2 {
		t.Errorf("%d instances were created, want 2", e.Ever())
	}
}
