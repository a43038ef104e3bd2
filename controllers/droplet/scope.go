// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
)

// step answers one question about a Droplet and sets the one condition that says the answer.
type step interface {
	Reconcile(ctx context.Context, s *scope) (reconcile.Result, error)
}

// scope is one reconcile of one Droplet: what it works on, and what its steps have seen so far.
type scope struct {
	// droplet is the object; steps change its status in memory.
	droplet *spawnv1.Droplet
	// draft writes the status of droplet.
	draft *status.Draft[*spawnv1.Droplet]
	// now is the one instant that all decisions of this reconcile are made for.
	now time.Time
	// fleet is the fleet id.
	fleet string
	// instance is set when the instance was seen in this reconcile, and fresh when that was by asking for it.
	instance *cloud.Instance
	fresh    bool
	// trouble is what hinders an operation on the instance, told in the condition that the operation would mend.
	trouble *trouble
	// gone is set when the finalizer was taken off: there is no status left to write.
	gone bool
}

type condition = metav1.Condition

func newScope(c client.Client, droplet *spawnv1.Droplet, fleet string, now time.Time) *scope {
	return &scope{droplet: droplet, draft: status.NewDraft(c, droplet), fleet: fleet, now: now}
}

// exists sets the condition that the existence step owns.
func (s *scope) exists(set func(conditionType, reason, format string, args ...any) condition,
	reason, format string, args ...any,
) {
	status.Set(s.droplet, s.now, set(spawnv1.ExistsCondition, reason, format, args...))
}

// keep leaves a condition as it was, for the present generation, with its message.
func (s *scope) keep(conditionType string) {
	if c := status.Get(s.droplet, conditionType); c != nil {
		status.Set(s.droplet, s.now, *c)
	}
}

// save writes the status with every condition judged by what is known so far, so that a save before a step's next act
// and the one at the end of the reconcile write the same.
func (s *scope) save(ctx context.Context) error {
	if s.droplet.DeletionTimestamp.IsZero() {
		judgePower(s)
		judgeDrift(s)
	}
	s.summarize()
	return s.draft.Save(ctx)
}

func (s *scope) summarize() {
	if !s.droplet.DeletionTimestamp.IsZero() {
		reason, message := spawnv1.DeletingReason, "waiting for the instance to be gone"
		if c := status.Get(s.droplet, spawnv1.ExistsCondition); c != nil {
			message = c.Message
			if status.NeedsPerson(c.Reason) {
				reason = c.Reason
			}
		}
		status.NotReady(s.droplet, s.now, reason, message)
		return
	}
	status.Summarize(s.droplet, s.now,
		spawnv1.ExistsCondition, spawnv1.RunningCondition, spawnv1.AsSpecifiedCondition)
}

// carryTo moves the scope onto the object as the API server has it now, with the status that was worked out here.
func (s *scope) carryTo(live *spawnv1.Droplet) {
	s.draft.Rebase(live)
	worked := s.droplet.Status
	live.DeepCopyInto(s.droplet)
	s.droplet.Status = worked
}
