// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Reasons of an Account's Ready condition.
const (
	// BotsRemainReason: the Account is being deleted and Bots still refer to it; the message names some. (Stalled)
	BotsRemainReason = "BotsRemain"
)

// WithinLimitCondition is True when no more slots are bound to Bots than the Account allows, and False after a
// downgrade. Nothing is destroyed for it, so it does not feed Ready.
const WithinLimitCondition = "WithinLimit"

// Reasons of WithinLimit.
const (
	// WithinLimitReason: the admitted Bots are at most the limit.
	WithinLimitReason = "WithinLimit"
	// OverLimitReason: more Bots are admitted than the limit allows; the message has both numbers and names the newest,
	// which are those beyond it. No new slot is given before there is room.
	OverLimitReason = "OverLimit"
)
