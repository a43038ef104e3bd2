// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// ExistsCondition is True when the Droplet's instance is known by its id and was seen, False when it provably does not
// exist, and Unknown while that is in doubt.
const ExistsCondition = "Exists"

// Reasons of Exists.
const (
	// InstanceFoundReason: the instance was created or adopted, and seen.
	InstanceFoundReason = "InstanceFound"
	// CreatingReason: the intent to create the instance is stored and the request is on its way. (Reconciling)
	CreatingReason = "Creating"
	// CreateUnresolvedReason: the reply to the create request was lost; the instance is looked for by name, and nothing
	// is asked again before the doubt is resolved. (Reconciling)
	CreateUnresolvedReason = "CreateUnresolved"
	// CreateExpiredReason: the lost request has created nothing; the next attempt follows. (Reconciling)
	CreateExpiredReason = "CreateExpired"
	// CreateNotSentReason: the request never left; it is tried again. (Reconciling)
	CreateNotSentReason = "CreateNotSent"
	// CreateRefusedReason: DigitalOcean refused the request, in the message's words; the spec must change. (Stalled)
	CreateRefusedReason = "CreateRefused"
	// QuotaExceededReason: DigitalOcean has no quota or capacity for it; it is tried again every 15 min. (Reconciling)
	QuotaExceededReason = "QuotaExceeded"
	// UnclaimedReason: the Bot does not exist or does not name this Droplet as its machine, so nothing is created.
	// (Reconciling)
	UnclaimedReason = "Unclaimed"
	// InstanceNotVisibleReason: the instance was not found once; it may be newborn, or gone. (Reconciling)
	InstanceNotVisibleReason = "InstanceNotVisible"
	// InstanceLostReason: the instance is gone behind our back: not found twice, at least 30 s apart. (Reconciling)
	InstanceLostReason = "InstanceLost"
	// MassLossReason: so many instances went missing at once that it is taken for our own blindness; nothing is
	// replaced. (Stalled)
	MassLossReason = "MassLoss"
	// DestroyingReason: the destruction of the instance was asked for and is not confirmed yet. (Reconciling)
	DestroyingReason = "Destroying"
	// InstanceNotOursReason: the instance does not carry the Droplet's name and the fleet's tag, so it is not
	// destroyed; put its name and tag back, or destroy it by hand. (Stalled)
	InstanceNotOursReason = "InstanceNotOurs"
)

// RunningCondition is True when the instance's power matches spec.powerState.
const RunningCondition = "Running"

// Reasons of Running.
const (
	// PoweredOnReason: the instance is active and should be.
	PoweredOnReason = "PoweredOn"
	// PoweredOffReason: the instance is off and should be.
	PoweredOffReason = "PoweredOff"
	// BootingReason: the instance is new and not active yet. (Reconciling)
	BootingReason = "Booting"
	// PowerDiffersReason: the instance's power is not what spec.powerState asks for. (Stalled)
	PowerDiffersReason = "PowerDiffers"
)

// AsSpecifiedCondition is True when what exists is what was asked for. Droplet: the instance against the Droplet's
// spec. Bot: the Droplet against the Bot's spec.
const AsSpecifiedCondition = "AsSpecified"

// Reasons of a Droplet's AsSpecified.
const (
	// AsSpecifiedReason: nothing differs.
	AsSpecifiedReason = "AsSpecified"
	// InstanceDiffersReason: the message says in what the instance differs. (Stalled)
	InstanceDiffersReason = "InstanceDiffers"
)
