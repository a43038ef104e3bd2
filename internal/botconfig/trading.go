// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package botconfig

import (
	"slices"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

func tradingOf(t *spawnv1.Trading) protocol.Trading {
	return protocol.Trading{
		Mode: string(t.Mode), AssetFocus: string(t.AssetFocus), CustomAssets: slices.Sorted(slices.Values(t.CustomAssets)),
		Algorithm: string(t.Algorithm), Strictness: string(t.Strictness),
		Signals: protocol.Signals{
			VolumeConfirmation: string(t.Signals.VolumeConfirmation), VolatilityBrake: string(t.Signals.VolatilityBrake),
			CorrelationBrake: string(t.Signals.CorrelationBrake), LiquidityFilter: string(t.Signals.LiquidityFilter),
		},
	}
}

func riskOf(r *spawnv1.Risk) *protocol.Risk {
	if r == nil {
		return nil
	}
	return &protocol.Risk{
		MaxPositionSizeBps: r.MaxPositionSizeBps, MaxDailyLossBps: r.MaxDailyLossBps, MaxDrawdownBps: r.MaxDrawdownBps,
		MaxTradesPerDay: r.MaxTradesPerDay,
	}
}
