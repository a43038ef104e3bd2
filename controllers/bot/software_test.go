// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"strings"
	"testing"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/controllers/bot"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// builds are digests that begin with a letter, for both kinds of machine.
func builds(letter string) map[string]string {
	return map[string]string{"amd64": strings.Repeat(letter, 64), "arm64": strings.Repeat("0"+letter, 32)}
}

func TestAMachineIsToldWhatSoftwareItGets(t *testing.T) {
	e := testenv.New(t)
	m := e.Talk()
	m.Software = func(d *bot.Delivery) {
		d.AgentSHA256 = builds("a")
		d.OpenClawSHA256 = map[string]map[string]string{"2026.9.6": builds("b"), "2026.9.5": builds("c")}
		d.OpenClawMirror = "https://mirror.example/openclaw"
	}
	e.Restart()
	e.GivenAccount()
	e.GivenBot("scout", func(b *spawnv1.Bot) { b.Spec.Machine.Packages = []string{"jq"} })
	untilReady(e, "scout")
	data, _ := e.Cloud.UserData(e.Live("scout")[0].ID)
	for _, line := range []string{
		"agent amd64 " + strings.Repeat("a", 64), "mirror https://mirror.example/openclaw",
		"archive 2026.9.6 amd64 " + strings.Repeat("b", 64), "package jq",
	} {
		if !strings.Contains(data, line) {
			t.Errorf("the user data have no line %q", line)
		}
	}
	if strings.Contains(data, "archive 2026.9.5") {
		t.Error("the user data name a version that is not the bot's")
	}
	name := e.Bot("scout").Status.DropletName
	told, _ := m.Letter(name)
	if told.AgentSHA256["amd64"] != builds("a")["amd64"] || len(told.OpenClawSHA256) != 2 {
		t.Errorf("the gateway is told of %v and %v", told.AgentSHA256, told.OpenClawSHA256)
	}

	m.Software = func(d *bot.Delivery) { d.AgentSHA256 = builds("d") }
	var written []string
	e.Restart().Before = writesOfAll(&written)
	e.Settle()
	told, _ = m.Letter(name)
	if told.AgentSHA256["amd64"] != builds("d")["amd64"] || len(told.OpenClawSHA256) != 0 {
		t.Errorf("after another release the gateway is told of %v and %v", told.AgentSHA256, told.OpenClawSHA256)
	}
	letters := 0
	for _, request := range written {
		if strings.Contains(request, "/secrets/"+name) {
			letters++
		}
	}
	if got := versionsOf(m); len(got) != 1 || letters != 1 {
		t.Errorf("the machine was given configs %v, and its letter was written %d times: %v", got, letters, written)
	}
}
