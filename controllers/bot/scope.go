// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

type condition = metav1.Condition

// step answers one question about a Bot and sets the one condition that says the answer.
type step interface {
	Reconcile(ctx context.Context, s *scope) (reconcile.Result, error)
}

// scope is one reconcile of one Bot: what it works on, and what its steps have seen so far.
type scope struct {
	// bot is the object; steps change its status in memory.
	bot *spawnv1.Bot
	// draft writes the status of bot.
	draft *status.Draft[*spawnv1.Bot]
	// now is the one instant that all decisions of this reconcile are made for.
	now time.Time
	// droplet is set by the machine step when the Bot has a Droplet.
	droplet *spawnv1.Droplet
	// talks is set when machines are told what to run, and heard.
	talks bool
	// letter is set by the machine step, or at the latest by the registration step, when the Bot has a machine that stays.
	letter *letter
	// turn is set by the config step.
	turn turn
	// hindrance is set by the machine step to what condition AsSpecified says of a redeploy that is due and has to wait.
	hindrance *condition
	// gone is set when the finalizer was taken off: there is no status left to write.
	gone bool
	// fleeting is set when what there is to say will have passed in a moment: it is not worth a write.
	fleeting bool
}

func newScope(c client.Client, bot *spawnv1.Bot, now time.Time) *scope {
	return &scope{bot: bot, draft: status.NewDraft(c, bot), now: now}
}

func (s *scope) set(c condition) { status.Set(s.bot, s.now, c) }

// save writes the status with Ready computed from what is known so far.
func (s *scope) save(ctx context.Context) error {
	if s.bot.DeletionTimestamp.IsZero() {
		s.summarize()
	}
	return s.draft.Save(ctx)
}

// summarize computes Ready. A Bot that is off as declared says which way, and one of a suspended Account is at rest
// only once its machine is off.
func (s *scope) summarize() {
	machine := status.Get(s.bot, spawnv1.DropletReadyCondition)
	if machine != nil && machine.Status != metav1.ConditionTrue && s.isSuspendedAndOn() {
		status.NotReady(s.bot, s.now, machine.Reason, machine.Message)
		return
	}
	ready := status.True(spawnv1.ReadyCondition, spawnv1.ReadyReason, "as declared")
	if machine != nil && (machine.Reason == spawnv1.PausedReason || machine.Reason == spawnv1.HibernatedReason) {
		ready.Reason, ready.Message = machine.Reason, machine.Message
	}
	feeds := []string{spawnv1.AdmittedCondition, spawnv1.DropletReadyCondition, spawnv1.AsSpecifiedCondition}
	if s.talks && ready.Reason == spawnv1.ReadyReason {
		// What the config is rejected for is told before what is wrong with a runtime that cannot have it.
		feeds = append(feeds, spawnv1.RegisteredCondition, spawnv1.HeartbeatFreshCondition,
			spawnv1.ConfigAppliedCondition, spawnv1.RuntimeHealthyCondition)
	}
	status.SummarizeAs(s.bot, s.now, ready, feeds...)
}

// stillToJudge is for a save before all steps are done, when the Bot has no machine, or not for long: what the others
// judge then is not left to speak of an earlier spec.
func (s *scope) stillToJudge() {
	replacement{}.judge(s)
	if s.talks {
		s.set(noMachine())
		s.set(notExpected(spawnv1.HeartbeatFreshCondition))
		s.set(notExpected(spawnv1.ConfigAppliedCondition))
		s.set(notExpected(spawnv1.RuntimeHealthyCondition))
	}
}

func (s *scope) isSuspendedAndOn() bool {
	return s.droplet != nil && status.Reason(s.bot, spawnv1.AdmittedCondition) == spawnv1.AccountSuspendedReason &&
		status.IsTrue(s.droplet, spawnv1.ExistsCondition) &&
		status.Reason(s.droplet, spawnv1.RunningCondition) != spawnv1.PoweredOffReason
}
