// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

// machineLives takes one bot through all that a machine can be asked for, as a person does with kubectl.
//
//nolint:thelper // a part of the test: a failure names its own line
func machineLives(t *testing.T, w *world) {
	c := w.newTenant(t).withAccount(t)
	c.apply(t, "cicada")
	c.becomeReady(t, "cicada")
	first := c.mustBot(t, "cicada").Status

	c.wish(t, "cicada", `{"spec":{"desiredState":"Paused"}}`)
	c.isReadyBecause(t, "cicada", spawnv1.PausedReason)
	if instance, _ := w.cloud.Instance(first.InstanceID); instance.State != "off" {
		t.Errorf("a paused machine is %s", instance.State)
	}
	c.wish(t, "cicada", `{"spec":{"desiredState":"Running"}}`)
	c.isReadyBecause(t, "cicada", spawnv1.ReadyReason)

	c.wish(t, "cicada", `{"spec":{"desiredState":"Hibernated"}}`)
	c.isReadyBecause(t, "cicada", spawnv1.HibernatedReason)
	asleep := c.mustBot(t, "cicada").Status
	if live := w.cloud.Live("cicada-"); len(live) > 0 || asleep.SnapshotID == 0 {
		t.Errorf("a hibernated bot has %v and snapshot %d", live, asleep.SnapshotID)
	}
	c.wish(t, "cicada", `{"spec":{"desiredState":"Running"}}`)
	c.isReadyBecause(t, "cicada", spawnv1.ReadyReason)
	restored := c.mustBot(t, "cicada").Status
	if instance, _ := w.cloud.Instance(restored.InstanceID); instance.Image != fmt.Sprint(asleep.SnapshotID) {
		t.Errorf("the machine was made from %q, want snapshot %d", instance.Image, asleep.SnapshotID)
	}

	// The timestamp has seconds, and a machine created in the same second is not older.
	at := metav1.NewTime(time.Now().Add(2 * time.Second)) //nolint:forbidigo // the manager runs on real time
	c.wish(t, "cicada", fmt.Sprintf(`{"spec":{"redeployAt":%q}}`, at.UTC().Format(time.RFC3339)))
	eventually(t, "there is another machine", soonEnough, func(ctx context.Context) error {
		bot, err := c.bot(ctx, "cicada")
		if err == nil && (bot.Status.InstanceID == 0 || bot.Status.InstanceID == restored.InstanceID) {
			err = notYet(bot)
		}
		return err
	})
	c.isReadyBecause(t, "cicada", spawnv1.ReadyReason)
	if last := c.mustBot(t, "cicada").Status; last.Incarnation != first.Incarnation+2 {
		t.Errorf("it is incarnation %d, want %d", last.Incarnation, first.Incarnation+2)
	}
	if most := w.cloud.MaxLive("cicada-"); most != 1 {
		t.Errorf("%d instances lived at once", most)
	}
}

// wish patches a Bot's spec.
func (c *tenant) wish(t *testing.T, name, patch string) {
	t.Helper()
	kubectl(t, "patch", "-n", c.namespace, "bot", name, "--type=merge", "-p", patch)
}

// isReadyBecause waits until a Bot is Ready, for its present spec, with that reason.
func (c *tenant) isReadyBecause(t *testing.T, name, reason string) {
	t.Helper()
	eventually(t, "bot "+name+" is Ready, "+reason, soonEnough, func(ctx context.Context) error {
		bot, err := c.bot(ctx, name)
		if err != nil {
			return err
		}
		ready := status.Get(bot, spawnv1.ReadyCondition)
		if ready == nil || ready.Status != metav1.ConditionTrue || ready.Reason != reason ||
			ready.ObservedGeneration != bot.Generation {
			return notYet(bot)
		}
		return nil
	})
}
