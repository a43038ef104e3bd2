// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"cmp"
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
)

const (
	// blockedAgain is how often a redeploy that is known to be refused is looked at anew. A change of the spec or of the
	// Account does not wait for it.
	blockedAgain = 5 * time.Minute
	// worthTelling is the shortest wait for the budget that is written into the status.
	worthTelling = 10 * time.Second
)

// Freeze tells whether anything may be done at the cloud.
type Freeze interface {
	// Frozen is nil, or why not, as a *cloud.Error of kind Frozen. It asks nobody.
	Frozen() error
}

// Market tells what machines can be had, and what they cost.
type Market interface {
	// Refuses is why the cloud would refuse a new machine like that, as a clause for people; empty when nothing is known
	// to be in its way. An error means that it cannot be told now.
	Refuses(ctx context.Context, machine spawnv1.Machine) (reason string, err error)
	// HourlyMicroUSD is what a machine of a size costs in millionths of a US dollar an hour; 0 when there is no such
	// size.
	HourlyMicroUSD(ctx context.Context, size string) (int64, error)
}

// redeploy decides whether a machine whose replacement is due may be destroyed: not while the next one is known to be
// refused, because then the Bot would have none.
type redeploy struct {
	freeze Freeze
	fleet  Fleet
	cloud  Cloud
	market Market
}

// redeployDue tells whether a machine created at an instant is to be replaced by now.
func redeployDue(bot *spawnv1.Bot, created metav1.Time, now time.Time) bool {
	at := bot.Spec.RedeployAt
	return at != nil && !at.After(now) && created.Before(at)
}

// redeployIn is how long it is until spec.redeployAt comes, 0 when it has, or is not set.
func redeployIn(bot *spawnv1.Bot, now time.Time) time.Duration {
	if at := bot.Spec.RedeployAt; at != nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// hindrance is why a machine that is due is kept for now: the condition that says so, nil when it is not worth saying,
// and how long to wait. Without a hindrance the wait is 0.
func (r *redeploy) hindrance(ctx context.Context, bot *spawnv1.Bot, now time.Time) (*condition, time.Duration) {
	admitted := status.Get(bot, spawnv1.AdmittedCondition)
	switch {
	case admitted == nil || admitted.ObservedGeneration != bot.Generation:
		return nil, blockedAgain
	case admitted.Status != metav1.ConditionTrue:
		return blocked("the Bot is not admitted: %s", admitted.Message), blockedAgain
	}
	if err := r.freeze.Frozen(); err != nil {
		return blocked("%s", cloud.Message(err)), blockedAgain
	}
	if err := r.fleet.Failing(); err != nil {
		return hinders(err, now)
	}
	room, err := r.cloud.ForReplace(bot.Spec.AccountRef.Name, budgetName(bot))
	if err != nil {
		return hinders(err, now)
	}
	room.Release()
	if r.market == nil {
		return nil, 0
	}
	reason, err := r.market.Refuses(ctx, bot.Spec.Machine)
	switch {
	case err != nil:
		return hinders(err, now)
	case reason != "":
		return blocked("the new one would be refused: %s", reason), blockedAgain
	}
	return nil, 0
}

// hinders reads an error that keeps a machine from being replaced. To be over budget passes by itself.
func hinders(err error, now time.Time) (*condition, time.Duration) {
	if cloud.KindOf(err) != cloud.Throttled {
		return blocked("DigitalOcean cannot be asked for the next one: %s", cloud.Message(err)), blockedAgain
	}
	wait := cmp.Or(max(cloud.RetryAfter(err), 0), listedAgain)
	if wait < worthTelling {
		return nil, wait
	}
	c := status.False(spawnv1.AsSpecifiedCondition, spawnv1.ThrottledReason,
		"spec.redeployAt has come, and the machine is kept for now: %s; next try at %s", cloud.Message(err),
		now.Add(wait).Round(time.Second).UTC().Format("15:04:05 MST"))
	return &c, wait
}

func blocked(format string, args ...any) *condition {
	c := status.False(spawnv1.AsSpecifiedCondition, spawnv1.RedeployBlockedReason,
		"spec.redeployAt has come, and the machine is kept: "+format, args...)
	return &c
}
