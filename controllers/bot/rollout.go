// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/index"
	"github.com/cedros-io/open-spawn/internal/status"
)

// turnAgain is how often a Bot that waits for its turn looks by itself. It is woken when another Bot of its Account
// gets well or falls ill, so this is for what was missed.
const turnAgain = 2 * time.Minute

// turn is which version of OpenClaw a bot is given now.
type turn struct {
	// version is what its config names, and from what it named until now; empty when there was no config.
	version, from string
	// paced is set when taking the version up counts against the Account's maxUnavailable.
	paced bool
	// waits says why version is not the one that the Bot names, and is to be in time; nil when it is.
	waits *condition
	// refused says why nothing new is delivered at all.
	refused *condition
}

// rollout paces how the bots of an Account are given another version of OpenClaw. What it must know is stored: a bot
// that is given one says that it is not Ready before it is, so another manager, or this one after a restart, counts it.
type rollout struct {
	client client.Client

	// taking is held from looking at the bots of an Account until it is stored that one more of them is given another
	// version: two that look at once would both find room for one.
	taking sync.Mutex

	mu sync.Mutex // guards what follows
	// given are the versions that bots were given, until they have said what came of it: a cache may not show yet what
	// was stored of that.
	given map[types.NamespacedName]string
}

func newRollout(c client.Client) *rollout {
	return &rollout{client: c, given: map[types.NamespacedName]string{}}
}

// judge tells which version a bot is given now. A bot that runs, and is to run another version, waits for its turn.
func (r *rollout) judge(ctx context.Context, s *scope) (turn, error) {
	named, delivered := namedOpenClaw(s.bot), deliveredOpenClaw(s.letter.content)
	if named == delivered {
		r.settle(s)
		return turn{version: named, from: delivered}, nil
	}
	if wrong := cannotRun(s, named, delivered); wrong != nil {
		return turn{version: delivered, from: delivered, refused: wrong}, nil
	}
	if delivered == "" || !isAtWork(s) {
		r.forget(client.ObjectKeyFromObject(s.bot))
		return turn{version: named, from: delivered}, nil
	}
	waits, err := r.hold(ctx, s, named, delivered)
	if err != nil {
		return turn{}, err
	}
	if waits != nil {
		return turn{version: delivered, from: delivered, waits: waits}, nil
	}
	return turn{version: named, from: delivered, paced: true}, nil
}

// take gives a bot its turn, if it is still free: that is stored before the version is delivered.
func (r *rollout) take(ctx context.Context, s *scope) error {
	r.taking.Lock()
	defer r.taking.Unlock()
	named, from := s.turn.version, s.turn.from
	waits, err := r.hold(ctx, s, named, from)
	if err != nil {
		return err
	}
	if waits != nil {
		s.turn = turn{version: from, from: from, waits: waits}
		return nil
	}
	r.note(client.ObjectKeyFromObject(s.bot), named)
	s.set(status.Unknown(spawnv1.ConfigAppliedCondition, spawnv1.ApplyingConfigReason,
		"OpenClaw %s is on its way, and %s runs", named, from))
	log.FromContext(ctx).Info("another version of OpenClaw", "version", named, "from", from)
	return s.save(ctx)
}

// isAtWork tells whether the bot runs, or is about to run again: another version takes it down. A machine that is off
// is given it at once.
func isAtWork(s *scope) bool {
	return isRegistered(s) && expects(s) && s.letter.presence.Facts.AppliedConfig > 0
}

// hold says why a bot has to wait; nil when it has its turn. One that has it keeps it.
func (r *rollout) hold(ctx context.Context, s *scope, named, from string) (*condition, error) {
	if r.has(client.ObjectKeyFromObject(s.bot), named) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	name := s.bot.Spec.AccountRef.Name
	var account spawnv1.Account
	if err := r.client.Get(ctx, client.ObjectKey{Name: name}, &account); client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading account %q: %w", name, err)
	} else if apierrors.IsNotFound(err) {
		account.Name = name
	}
	var bots spawnv1.BotList
	if err := r.client.List(ctx, &bots, client.MatchingFields{index.BotAccount: name}); err != nil {
		return nil, fmt.Errorf("listing the bots of account %q: %w", name, err)
	}
	why := r.hindrance(s.bot, &account, bots.Items, named)
	if why == "" {
		return nil, nil //nolint:nilnil // none is an answer
	}
	c := status.Unknown(spawnv1.ConfigAppliedCondition, spawnv1.RolloutWaitingReason,
		"OpenClaw %s waits for its turn, and %s runs on: %s", named, from, why)
	return &c, nil
}

// settle forgets that a bot was given a version once it has said what came of it.
func (r *rollout) settle(s *scope) {
	if content := s.letter.content; !isRegistered(s) || !expects(s) || content == nil || !isApplying(s) {
		r.forget(client.ObjectKeyFromObject(s.bot))
	}
}

func (r *rollout) has(bot types.NamespacedName, version string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return version != "" && r.given[bot] == version
}

func (r *rollout) isGiven(bot *spawnv1.Bot) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.given[client.ObjectKeyFromObject(bot)] != ""
}

func (r *rollout) note(bot types.NamespacedName, version string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.given[bot] = version
}

func (r *rollout) forget(bot types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.given, bot)
}
