// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/status"
)

// mostNamed is how many bots a message names.
const mostNamed = 3

// queueOf is what a bot that is to run another version finds of the others of its Account.
type queueOf struct {
	// down are those that are unavailable, with their reasons, and first those that go before a bot that is Live.
	down, first []string
	// halted is set when one of those that are down was given the version.
	halted bool
}

// hindrance is why a bot is not given a version now; empty when it is. Of the bots of its Account so many may be
// unavailable as the Account says; those that trade with real money come last.
func (r *rollout) hindrance(bot *spawnv1.Bot, account *spawnv1.Account, bots []spawnv1.Bot, named string) string {
	var q queueOf
	for i := range bots {
		other := &bots[i]
		if client.ObjectKeyFromObject(other) != client.ObjectKeyFromObject(bot) && isToRun(other) {
			q.add(bot, other, named, r.unavailable(other))
		}
	}
	most := max(int(account.Spec.MaxUnavailable), 1)
	switch {
	case len(q.down) >= most && q.halted:
		return fmt.Sprintf("the rollout halts until these are well: %s; Account %q lets %d be unavailable at once "+
			"(spec.maxUnavailable)", list(q.down), account.Name, most)
	case len(q.down) >= most:
		return fmt.Sprintf("Account %q lets %d of its bots be unavailable at once (spec.maxUnavailable), and %d are: %s",
			account.Name, most, len(q.down), list(q.down))
	case len(q.first) > 0:
		return fmt.Sprintf("bots that trade on paper go first, and %d are not through: %s", len(q.first), list(q.first))
	}
	return ""
}

// add counts another bot, which is unavailable for a reason, or for none.
func (q *queueOf) add(bot, other *spawnv1.Bot, named, why string) {
	if why != "" && (!isIll(bot) || isInRollout(other, named, why)) {
		q.down = append(q.down, fmt.Sprintf("%s (%s)", called(bot, other), why))
		q.halted = q.halted || hasFailed(other, named, why)
	}
	goesFirst := isLive(bot) && !isLive(other) && namedOpenClaw(other) == named
	if goesFirst && (why != "" || !hasVersion(other, named)) {
		q.first = append(q.first, called(bot, other))
	}
}

// isToRun tells whether a bot is one that its owner counts on.
func isToRun(bot *spawnv1.Bot) bool {
	return bot.DeletionTimestamp.IsZero() && bot.Spec.DesiredState == spawnv1.BotRunning && bot.Status.DropletName != ""
}

func isLive(bot *spawnv1.Bot) bool { return bot.Spec.Trading.Mode == spawnv1.TradingLive }

// unavailable is the reason for which a bot does not do its work, or is about to be interrupted; empty when it does.
// What is wrong with its spec only, or with what it refers to, does not count: it runs on.
func (r *rollout) unavailable(bot *spawnv1.Bot) string {
	if r.isGiven(bot) {
		return spawnv1.ApplyingConfigReason
	}
	return disturbance(bot)
}

func disturbance(bot *spawnv1.Bot) string {
	for _, needed := range []string{
		spawnv1.DropletReadyCondition, spawnv1.RegisteredCondition, spawnv1.HeartbeatFreshCondition,
		spawnv1.RuntimeHealthyCondition,
	} {
		switch c := status.Get(bot, needed); {
		case c == nil:
			return "its " + needed + " is not known yet"
		case c.Status != metav1.ConditionTrue:
			return c.Reason
		}
	}
	switch reason := status.Reason(bot, spawnv1.ConfigAppliedCondition); reason {
	case spawnv1.ApplyingConfigReason, spawnv1.ConfigRejectedReason, spawnv1.WaitingForRegistrationReason,
		spawnv1.NotExpectedReason:
		return reason
	}
	return ""
}

// isIll tells whether a bot does not do its work anyway: another version takes nothing from it, and may mend it. It
// waits for those that are on their way, so that not all go at once when all are ill, and for no others.
func isIll(bot *spawnv1.Bot) bool {
	return status.Reason(bot, spawnv1.RuntimeHealthyCondition) == spawnv1.RuntimeUnhealthyReason ||
		status.Reason(bot, spawnv1.ConfigAppliedCondition) == spawnv1.ConfigRejectedReason
}

// isInRollout tells whether a bot that is unavailable is so because of a new version.
func isInRollout(bot *spawnv1.Bot, named, why string) bool {
	return why == spawnv1.ApplyingConfigReason || hasFailed(bot, named, why)
}

// hasFailed tells whether a bot was given the version and is not well: it could not run it and went back, or runs it
// and has fallen ill.
func hasFailed(bot *spawnv1.Bot, named, why string) bool {
	return hasVersion(bot, named) && why != spawnv1.ApplyingConfigReason
}

// hasVersion tells whether a bot was given the version.
func hasVersion(bot *spawnv1.Bot, version string) bool {
	return bot.Status.Config.DesiredOpenClawVersion == version
}

// called is how a bot is named to the owner of another.
func called(by, bot *spawnv1.Bot) string {
	if bot.Namespace == by.Namespace {
		return bot.Name
	}
	return bot.Namespace + "/" + bot.Name
}

func list(names []string) string {
	slices.Sort(names)
	if more := len(names) - mostNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}

// waitingForTurn are the Bots of a Bot's Account that wait for their turn.
func waitingForTurn(reader client.Reader) handler.MapFunc {
	return func(ctx context.Context, obj client.Object) []reconcile.Request {
		woken, ok := obj.(*spawnv1.Bot)
		if !ok {
			return nil
		}
		var bots spawnv1.BotList
		account := client.MatchingFields{index.BotAccount: woken.Spec.AccountRef.Name}
		if err := reader.List(ctx, &bots, account); err != nil {
			log.FromContext(ctx).Error(err, "listing the bots of an account", "account", woken.Spec.AccountRef.Name)
			return nil
		}
		var requests []reconcile.Request
		for i := range bots.Items {
			key := client.ObjectKeyFromObject(&bots.Items[i])
			waits := status.Reason(&bots.Items[i], spawnv1.ConfigAppliedCondition) == spawnv1.RolloutWaitingReason
			if waits && key != client.ObjectKeyFromObject(woken) {
				requests = append(requests, reconcile.Request{NamespacedName: key})
			}
		}
		return requests
	}
}

// paceChanged passes a Bot on when those that wait for their turn may have to know: it has become well or ill, runs
// another version, is to do something else, or is gone.
func paceChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, wasBot := e.ObjectOld.(*spawnv1.Bot)
			after, isBot := e.ObjectNew.(*spawnv1.Bot)
			return wasBot && isBot && paceOf(before) != paceOf(after)
		},
		DeleteFunc:  func(event.DeleteEvent) bool { return true },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// pace is all of a Bot on which it depends whether others wait for it.
type pace struct {
	toRun, live           bool
	named, given, disturb string
}

func paceOf(bot *spawnv1.Bot) pace {
	return pace{
		toRun: isToRun(bot), live: isLive(bot), named: namedOpenClaw(bot),
		given: bot.Status.Config.DesiredOpenClawVersion, disturb: disturbance(bot),
	}
}
