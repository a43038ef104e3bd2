// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package talk

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/localrun"
)

func TestABotTalksFromApplyToDelete(t *testing.T) {
	c := newTenant(t)
	c.apply("scout")
	kubectl(t, "wait", "-n", c.namespace, "--for=condition=Ready", "--timeout=90s", "bot/scout")
	bot := c.becomes("scout", spawnv1.ReadyReason)
	if bot.Status.Config.Summary != "1/1" || bot.Status.AgentVersion == "" {
		t.Errorf("the status is %+v", bot.Status)
	}
	c.runs(bot, true)

	c.change(func(b *spawnv1.Bot) { b.Spec.LLM.Model = "claude-opus-4-5" })
	eventually(t, "the edit runs", c.applied(2))
	if err := shared.API.Update(t.Context(), c.secret("sk-rotated")); err != nil {
		t.Fatal(err)
	}
	kubectl(t, "annotate", "-n", c.namespace, "bot/scout", spawnv1.RefreshAnnotation+"=now")
	eventually(t, "the new key has arrived", c.applied(3))
	c.becomes("scout", spawnv1.ReadyReason)

	kubectl(t, "delete", "-n", c.namespace, "--timeout=60s", "bot/scout")
	agent, err := shared.AgentOf(t.Context(), bot.Status.InstanceID)
	if err != nil || agent.PID != 0 {
		t.Errorf("its agent is %+v, %v", agent, err)
	}
	for _, list := range []client.ObjectList{&corev1.SecretList{}, &coordinationv1.LeaseList{}} {
		err := shared.API.List(t.Context(), list, client.InNamespace(localrun.DeliveryNamespace),
			client.MatchingLabels{spawnv1.GroupName + "/bot-namespace": c.namespace})
		if err != nil {
			t.Fatal(err)
		}
		if left := kinds(list); left != 0 {
			t.Errorf("%d of %T are left", left, list)
		}
	}
}

// kinds is how many objects a list holds.
func kinds(list client.ObjectList) int {
	switch l := list.(type) {
	case *corev1.SecretList:
		return len(l.Items)
	case *coordinationv1.LeaseList:
		return len(l.Items)
	}
	return -1
}

// applied is nil once Bot scout runs a version.
func (c *tenant) applied(version int64) func(context.Context) error {
	return func(ctx context.Context) error {
		bot, err := c.bot(ctx, "scout")
		if err == nil && bot.Status.Config.AppliedVersion != version {
			err = fmt.Errorf("status.config is %+v", bot.Status.Config)
		}
		return err
	}
}

func TestAPausedBotStopsThoughTheCloudFails(t *testing.T) {
	c := newTenant(t)
	c.apply("scout")
	bot := c.becomes("scout", spawnv1.ReadyReason)
	c.runs(bot, true)
	post(t, http.MethodPost, "/_sim/faults", `{"kind":"status","status":500,"count":-1}`)
	defer post(t, http.MethodDelete, "/_sim/faults", "")
	c.change(func(b *spawnv1.Bot) { b.Spec.DesiredState = spawnv1.BotPaused })
	c.runs(bot, false)
	agent, err := shared.AgentOf(t.Context(), bot.Status.InstanceID)
	if err != nil || agent.PID == 0 {
		t.Errorf("the machine was powered off, though the cloud fails: %+v, %v", agent, err)
	}
	post(t, http.MethodDelete, "/_sim/faults", "")
	c.becomes("scout", spawnv1.PausedReason)
	c.change(func(b *spawnv1.Bot) { b.Spec.DesiredState = spawnv1.BotRunning })
	c.runs(c.becomes("scout", spawnv1.ReadyReason), true)
}

func TestHIGH001_ABotWhoseAgentEndsIsMarkedAndRecovers(t *testing.T) {
	c := newTenant(t)
	for _, name := range []string{"scout", "other", "third"} {
		c.apply(name)
	}
	c.becomes("other", spawnv1.ReadyReason)
	c.becomes("third", spawnv1.ReadyReason)
	bot := c.becomes("scout", spawnv1.ReadyReason)
	post(t, http.MethodPost, fmt.Sprintf("/_sim/agents/%d/stop", bot.Status.InstanceID), "")
	c.becomes("scout", spawnv1.HeartbeatMissedReason)
	c.becomes("other", spawnv1.ReadyReason)
	post(t, http.MethodPost, fmt.Sprintf("/_sim/agents/%d/start", bot.Status.InstanceID), "")
	c.becomes("scout", spawnv1.ReadyReason)
}

func TestAMachineThatMovesToTheOtherGatewayTalksOn(t *testing.T) {
	c := newTenant(t)
	c.apply("scout")
	c.becomes("scout", spawnv1.ReadyReason)
	if err := shared.Gateways[0].Stop(); err != nil {
		t.Fatal(err)
	}
	c.change(func(b *spawnv1.Bot) { b.Spec.LLM.Model = "claude-opus-4-5" })
	eventually(t, "the edit runs", c.applied(2))
	c.becomes("scout", spawnv1.ReadyReason)
}
