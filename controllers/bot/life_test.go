// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestABotGetsOneInstanceAndLeavesNothing(t *testing.T) {
	e := testenv.New(t)
	bot := e.GivenReadyBot("scout")
	droplet := e.DropletOf("scout")

	e.WantCondition(bot, spawnv1.ReadyCondition, metav1.ConditionTrue, spawnv1.ReadyReason)
	if len(droplet.OwnerReferences) != 0 {
		t.Errorf("droplet has owner references %v, want none", droplet.OwnerReferences)
	}
	if bot.Status.InstanceID != droplet.Status.InstanceID || bot.Status.PublicIPv4 == "" || bot.Status.Incarnation != 1 {
		t.Errorf("bot status %+v does not mirror its droplet %+v", bot.Status, droplet.Status)
	}
	if e.Creates() != 1 || e.Ever() != 1 {
		t.Errorf("%d create requests made %d instances, want 1 and 1", e.Creates(), e.Ever())
	}
	e.Settle()

	e.Delete(bot)
	e.Until("the bot is gone", func() bool { return !e.Exists(bot) })
	if live := e.Live("scout"); len(live) != 0 || len(e.Droplets()) != 0 {
		t.Errorf("left behind: instances %v, droplets %v", live, e.Droplets())
	}
	if e.Ever() != 1 {
		t.Errorf("%d instances were ever created, want 1", e.Ever())
	}
	for _, j := range e.Cloud.Journal() {
		t.Log(j.Method, j.Path, j.Query, j.Status)
	}
}
