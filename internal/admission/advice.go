// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/catalogue"
	"github.com/cedros-io/open-spawn/internal/policy"
)

// What is loose for a bot that trades with real money: above it, one mistake is expensive.
const (
	loosePositionBps  = 2500
	looseDailyLossBps = 1000
	looseDrawdownBps  = 3000
	looseTradesPerDay = 1000
)

// advise warns of what is allowed, and probably not meant.
func (j *judgement) advise(ctx context.Context, bot *spawnv1.Bot) {
	j.adviseRisk(&bot.Spec)
	j.adviseSecrets(ctx, bot)
	j.adviseMachine(ctx, &bot.Spec.Machine)
}

func (j *judgement) adviseRisk(spec *spawnv1.BotSpec) {
	if spec.Trading.Mode != spawnv1.TradingLive || spec.Risk == nil {
		return
	}
	for _, limit := range []struct {
		field string
		value *int32
		loose int32
	}{
		{"maxPositionSizeBps", spec.Risk.MaxPositionSizeBps, loosePositionBps},
		{"maxDailyLossBps", spec.Risk.MaxDailyLossBps, looseDailyLossBps},
		{"maxDrawdownBps", spec.Risk.MaxDrawdownBps, looseDrawdownBps},
		{"maxTradesPerDay", spec.Risk.MaxTradesPerDay, looseTradesPerDay},
	} {
		switch {
		case limit.value == nil:
			j.warn("spec.risk.%s is not set, and the bot trades with real money: it is told no such limit", limit.field)
		case *limit.value > limit.loose:
			j.warn("spec.risk.%s is %d, and the bot trades with real money: above %d is loose",
				limit.field, *limit.value, limit.loose)
		}
	}
}

// adviseSecrets tells of Secrets and keys that are not there, and never of what is in one.
func (j *judgement) adviseSecrets(ctx context.Context, bot *spawnv1.Bot) {
	for _, use := range j.secretsOf(bot) {
		secret, err := j.secret(ctx, client.ObjectKey{Namespace: bot.Namespace, Name: use.Ref.Name})
		switch {
		case err != nil: // it was read before
		case secret == nil:
			j.warn("%s: there is no Secret %q in namespace %q yet; the bot waits for it", use.Field, use.Ref.Name,
				bot.Namespace)
		case len(policy.CheckSecret(secret, use)) == 0: // of one that is not open to bots nothing is told
			if _, has := secret.Data[use.Ref.Key]; !has {
				j.warn("%s: Secret %q has no key %q; the bot waits for it", use.Field, use.Ref.Name, use.Ref.Key)
			}
		}
	}
}

// adviseMachine says what the catalogue, when it answers, has against the machine. It is not asked about the image, of
// which somebody could name any number.
func (j *judgement) adviseMachine(ctx context.Context, machine *spawnv1.Machine) {
	if j.Prices == nil {
		return
	}
	if j.price(ctx, machine.Size).err != nil {
		j.warn("spec.machine: DigitalOcean's prices are not known now; size %q is judged again before there is a machine",
			machine.Size)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pricesTimeout)
	defer cancel()
	var refusal *catalogue.Refusal
	err := j.Prices.Check(ctx, catalogue.Shape{Region: machine.Region, Size: machine.Size})
	if errors.As(err, &refusal) {
		j.warn("spec.machine: %s", refusal)
	}
}
