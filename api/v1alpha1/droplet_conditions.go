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
	// UnclaimedReason: the Bot does not exist, does not name this Droplet as its machine, or has no slot of its Account,
	// so nothing is created. (Reconciling)
	UnclaimedReason = "Unclaimed"
	// UserDataMissingReason: the Secret that spec.userDataSecretName names is not there, and no instance is created
	// without what it is to be told. (Reconciling)
	UserDataMissingReason = "UserDataMissing"
	// InstanceNotVisibleReason: the instance was not found once; it may be newborn, or gone. (Reconciling)
	InstanceNotVisibleReason = "InstanceNotVisible"
	// InstanceLostReason: the instance is gone behind our back: not found twice, at least 30 s apart. (Reconciling)
	InstanceLostReason = "InstanceLost"
	// WaitingForFirewallReason: the fleet's firewall is not in place, and no instance is created without it.
	// (Reconciling)
	WaitingForFirewallReason = "WaitingForFirewall"
	// MassDestructionReason: so many machines were about to be destroyed at once without their Bots being deleted that
	// it waits for a person; the message says what to do. (Stalled)
	MassDestructionReason = "MassDestruction"
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
	// PoweringOnReason: the instance is off and is being powered on. (Reconciling)
	PoweringOnReason = "PoweringOn"
	// PoweringOffReason: the instance is on and is being shut down, or its power cut. (Reconciling)
	PoweringOffReason = "PoweringOff"
	// PowerFailedReason: DigitalOcean could not power it on or off; the message has its words and the time of the next
	// try. (Reconciling)
	PowerFailedReason = "PowerFailed"
	// PowerDiffersReason: the instance is in a state that no power action mends, such as archive. (Stalled)
	PowerDiffersReason = "PowerDiffers"
)

// AsSpecifiedCondition is True when what exists is what was asked for. Droplet: the instance against the Droplet's
// spec. Bot: the Droplet against the Bot's spec.
const AsSpecifiedCondition = "AsSpecified"

// Reasons of a Droplet's AsSpecified.
const (
	// AsSpecifiedReason: nothing differs.
	AsSpecifiedReason = "AsSpecified"
	// ResizingReason: the instance is off, or on its way there, to be given spec.size. (Reconciling)
	ResizingReason = "Resizing"
	// SizeRefusedReason: the machine cannot have spec.size, in the message's words; it stays as it was. (Stalled)
	SizeRefusedReason = "SizeRefused"
	// SnapshottingReason: a snapshot of the instance is being taken. (Reconciling)
	SnapshottingReason = "Snapshotting"
	// SnapshotFailedReason: the snapshot could not be taken; it is tried again, and nothing is destroyed before there is
	// one. (Stalled)
	SnapshotFailedReason = "SnapshotFailed"
	// RepairingReason: somebody has changed the instance's name or tags, and they are being put back. (Reconciling)
	RepairingReason = "Repairing"
	// InstanceDiffersReason: the message says in what the instance differs. (Stalled)
	InstanceDiffersReason = "InstanceDiffers"
)
