// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/outcome"
	"github.com/cedros-io/open-spawn/internal/slots"
)

const (
	// sweptAfter is how long a slot is seen without a Bot before it is taken away. A create may commit up to 34 s after
	// its webhook has answered.
	sweptAfter = 120 * time.Second
	// confirmedAfter is when the API server itself is first asked: nearly every Bot is there by then, and costs no call.
	confirmedAfter = sweptAfter / 2
	// leftAgain is how often it is looked whether what is left of a Bot is gone.
	leftAgain = time.Minute
)

// sweeper takes away slots that no Bot will ever give back: the reservation for one that never came to be, and the slot
// of one whose finalizer was taken off by hand.
type sweeper struct {
	live      live
	book      slots.Book
	inventory Fleet
	fleet     string
	clock     clock.PassiveClock
	sightings sightings
	swept     prometheus.Counter
}

func newSweeper(o Options) *sweeper {
	return &sweeper{
		live: live{o.Live, o.Namespaces}, book: slots.Book{Client: o.Client, Clock: o.Clock}, inventory: o.Inventory,
		fleet: o.Fleet, clock: o.Clock, swept: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "openspawn_account_slots_swept_total",
			Help: "Slots taken away because their Bot does not exist.",
		}),
	}
}

// sweep looks at every slot without a Bot, and says when to look again. A slot whose Bot exists is left to the bot
// controller, whoever it is bound to.
func (s *sweeper) sweep(
	ctx context.Context, account *spawnv1.Account, bots []spawnv1.Bot,
) (reconcile.Result, error) {
	var out outcome.Outcome
	for key, seen := range s.sight(account, bots) {
		wait, err := s.look(ctx, account, key, seen)
		if apierrors.IsForbidden(err) {
			log.FromContext(ctx).Info("what a slot is of cannot be read, so it is kept", "slot", key, "why", err.Error())
			wait, err = leftAgain, nil
		}
		out.Add(reconcile.Result{RequeueAfter: wait}, err)
	}
	return out.Of()
}

// sight remembers which slots are without a Bot, and forgets those that are not any more.
func (s *sweeper) sight(account *spawnv1.Account, bots []spawnv1.Bot) map[string]*sighting {
	without := make(map[string]spawnv1.Slot, len(account.Status.Slots))
	for key, slot := range account.Status.Slots {
		if s.mayJudge(slots.BotOf(key)) {
			without[key] = slot
		}
	}
	for i := range bots {
		delete(without, slots.KeyOf(&bots[i]))
	}
	sighted := s.sightings.of(account)
	for key, seen := range sighted {
		if slot, is := without[key]; !is || !same(slot, seen.slot) {
			delete(sighted, key)
		}
	}
	for key, slot := range without {
		if sighted[key] == nil {
			sighted[key] = &sighting{slot: slot, since: s.clock.Now()}
		}
	}
	return sighted
}

// mayJudge is false for a Bot in a namespace that is not ours to read, and for what is no name of a Bot.
func (s *sweeper) mayJudge(bot types.NamespacedName) bool {
	return bot.Namespace != "" && bot.Name != "" && !strings.Contains(bot.Name, "/") &&
		s.live.namespaces.Has(bot.Namespace)
}

func same(a, b spawnv1.Slot) bool { return a.UID == b.UID && a.ReservedAt.Equal(&b.ReservedAt) }

// look takes one slot away, or says when to look again. The API server itself is asked twice, with a pass over the
// fleet in between.
func (s *sweeper) look(
	ctx context.Context, account *spawnv1.Account, key string, seen *sighting,
) (wait time.Duration, err error) {
	now := s.clock.Now()
	if wait := seen.early(now); wait > 0 {
		return wait, nil
	}
	bot, err := s.live.bot(ctx, slots.BotOf(key))
	switch {
	case err != nil:
		return 0, err
	case bot != nil && bot.Spec.AccountRef.Name == account.Name: // the cache lags
		*seen = sighting{slot: seen.slot, since: now}
		return confirmedAfter, nil
	case seen.confirmed.IsZero():
		seen.confirmed = now
		return max(seen.early(now), passAgain), nil
	case bot == nil:
		if wait, err := s.machineLeft(ctx, slots.BotOf(key), seen.confirmed); wait > 0 || err != nil {
			return wait, err
		}
	} // else what is left of this Bot's machine is that of the Bot which has its name now, in another Account
	return 0, s.remove(ctx, account, key)
}

// machineLeft is when to look again whether a machine of an absent Bot is left: 0 when neither a Droplet nor a pass
// that began after an instant shows any.
func (s *sweeper) machineLeft(
	ctx context.Context, bot types.NamespacedName, after time.Time,
) (wait time.Duration, err error) {
	pass, ok := passAfter(s.inventory, after)
	switch {
	case !ok:
		return passAgain, nil
	case hasInstance(pass, s.fleet, bot):
		return leftAgain, nil
	}
	droplets, err := s.live.droplets(ctx, bot.Namespace, client.MatchingFields{index.DropletBot: bot.Name})
	if err != nil || len(droplets) > 0 {
		return leftAgain, err
	}
	return 0, nil
}

// remove takes the slot away if it is still what it was seen to be. Otherwise the change of the Account wakes us.
func (s *sweeper) remove(ctx context.Context, account *spawnv1.Account, key string) error {
	err := s.book.Remove(ctx, account, key)
	if errors.Is(err, slots.ErrChanged) {
		return nil
	}
	if err == nil {
		s.swept.Inc()
		log.FromContext(ctx).Info("took away a slot whose bot does not exist", "slot", key)
	}
	return err
}
