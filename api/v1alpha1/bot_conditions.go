// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// AdmittedCondition is True when the Bot's Account lets it own a machine. While it is not True no machine is created;
// one that exists is kept.
const AdmittedCondition = "Admitted"

// Reasons of Admitted.
const (
	// AdmittedReason: the Account exists, is Active and stays, allows the Bot, and keeps a slot for it.
	AdmittedReason = "Admitted"
	// AccountNotFoundReason: there is no Account of that name yet. (Reconciling)
	AccountNotFoundReason = "AccountNotFound"
	// AccountSuspendedReason: the Account's desiredState is Suspended. (neither Reconciling nor Stalled)
	AccountSuspendedReason = "AccountSuspended"
	// AccountDeletingReason: the Account is being deleted. (Stalled)
	AccountDeletingReason = "AccountDeleting"
	// AccountLimitReachedReason: the Account has no slot left for this Bot; it takes the next one that is free, the oldest
	// Bot first. (Stalled)
	AccountLimitReachedReason = "AccountLimitReached"
	// AccountNotReadyReason: there is a slot, and Bots that have a machine, or are older, get theirs first. (Reconciling)
	AccountNotReadyReason = "AccountNotReady"
	// NamespaceNotAllowedReason: the Account does not list the Bot's namespace. (Stalled)
	NamespaceNotAllowedReason = "NamespaceNotAllowed"
	// MachineNotAllowedReason: the Account's machinePolicy does not allow the region, size, image, network or price that
	// spec.machine asks for; the message says what it allows. (Stalled)
	MachineNotAllowedReason = "MachineNotAllowed"
	// LiveTradingForbiddenReason: the Bot is to trade with real money, and the Account does not allow it. (Stalled)
	LiveTradingForbiddenReason = "LiveTradingForbidden"
	// EndpointNotAllowedReason: the Account's llmPolicy does not allow the host of spec.llm.baseURL. (Stalled)
	EndpointNotAllowedReason = "EndpointNotAllowed"
	// SecretNotAllowedReason: the Bot names a Secret that is not open to bots; the message has the command that opens it.
	// (Stalled)
	SecretNotAllowedReason = "SecretNotAllowed"
)

// DropletReadyCondition is True when the Bot's machine is Ready. Besides the reasons below it has those of the
// Droplet's own Ready condition.
const DropletReadyCondition = "DropletReady"

// Reasons of DropletReady.
const (
	// DropletReadyReason: the machine exists and is as declared.
	DropletReadyReason = "DropletReady"
	// WaitingForAdmissionReason: no machine is created before the Bot is admitted. (Reconciling)
	WaitingForAdmissionReason = "WaitingForAdmission"
	// WaitingForInventoryReason: the fleet is being listed, to see that the Bot has no instance already. (Reconciling)
	WaitingForInventoryReason = "WaitingForInventory"
	// WaitingForInstanceReason: the machine's Droplet exists and its instance is on its way. (Reconciling)
	WaitingForInstanceReason = "WaitingForInstance"
	// BootstrappingReason: the machine runs, and is being set up; the message names the step. (Reconciling)
	BootstrappingReason = "Bootstrapping"
	// BootstrapFailedReason: a step of setting the machine up has failed, and is tried again; the message names it and
	// has its last words. (Reconciling)
	BootstrapFailedReason = "BootstrapFailed"
	// ReplacingMachineReason: the earlier machine is being destroyed before the next one is created. (Reconciling)
	ReplacingMachineReason = "ReplacingMachine"
	// HibernatingReason: a snapshot of the machine is taken, and the machine destroyed once there is one. (Reconciling)
	HibernatingReason = "Hibernating"
	// HibernatedReason: there is no machine, as declared; the message names the snapshot to restore it from. (Ready)
	HibernatedReason = "Hibernated"
	// PausedReason: the machine is off because the Bot is Paused. (Ready)
	PausedReason = "Paused"
	// SnapshotLostReason: the Bot is to be restored and its snapshot does not exist any more; a redeployAt later than
	// its last machine begins from the image. (Stalled)
	SnapshotLostReason = "SnapshotLost"
	// SnapshotKeptReason: that of the event which names the snapshot that a deleted Bot leaves behind.
	SnapshotKeptReason = "SnapshotKept"
	// BotAbsentReason: that of the event which says that a Droplet is deleted because its Bot does not exist.
	BotAbsentReason = "BotAbsent"
	// MassAbsenceReason: that of the event which says that so many Droplets have no Bot that none of them is deleted.
	MassAbsenceReason = "MassAbsence"
	// NameTakenReason: the Bot's machine name belongs to another Bot's Droplet. (Stalled)
	NameTakenReason = "NameTaken"
)

// Reasons of a Bot's AsSpecified condition, which is True when the machine is the one that spec.machine asks for.
const (
	// ReplaceRequiredReason: the machine differs in something that only another machine can have; set redeployAt.
	// (Stalled)
	ReplaceRequiredReason = "ReplaceRequired"
	// RedeployBlockedReason: spec.redeployAt has come, and the machine is kept, because the one that spec.machine asks for
	// could not be had; the message says why. (Stalled)
	RedeployBlockedReason = "RedeployBlocked"
	// WaitingForMachineReason: there is no machine to compare yet. (Reconciling)
	WaitingForMachineReason = "WaitingForMachine"
)

// RegisteredCondition is True when the machine has traded its registration token for a credential of its own.
const RegisteredCondition = "Registered"

// Reasons of Registered. While there is no machine it is Unknown with WaitingForMachine.
const (
	// RegisteredReason: the machine has a credential, and the bot's keys are sealed to its key.
	RegisteredReason = "Registered"
	// WaitingForRegistrationReason: the machine has been asked for and has not registered yet; HeartbeatFresh and
	// ConfigApplied wait for that too. (Reconciling)
	WaitingForRegistrationReason = "WaitingForRegistration"
	// RegistrationTimeoutReason: the machine has been on for 15 minutes and has not registered. (Stalled)
	RegistrationTimeoutReason = "RegistrationTimeout"
	// CredentialLostReason: the machine had registered, and what said so is gone; somebody must open its registration
	// again, or replace the machine. (Stalled)
	CredentialLostReason = "CredentialLost" //nolint:gosec // a reason, and no credential
	// SealKeyChangedReason: a machine registered under the name of ours with another key; it gets no keys of the bot
	// before somebody opens the registration again, or replaces the machine. (Stalled)
	SealKeyChangedReason = "SealKeyChanged"
	// RegistrationConflictReason: that of the event which says that somebody else uses the machine's registration token.
	RegistrationConflictReason = "RegistrationConflict"
)

// HeartbeatFreshCondition is True while the bot is heard.
const HeartbeatFreshCondition = "HeartbeatFresh"

// Reasons of HeartbeatFresh. It is Unknown with WaitingForRegistration before the machine has registered.
const (
	// HeartbeatReceivedReason: a heartbeat has come within the grace period.
	HeartbeatReceivedReason = "HeartbeatReceived"
	// NotExpectedReason: there is no machine, it is off, or it is on its way there; the same is said by ConfigApplied and
	// RuntimeHealthy. (Reconciling)
	NotExpectedReason = "NotExpected"
	// HeartbeatMissedReason: nothing was heard for the grace period, although gateways receive. (Reconciling)
	HeartbeatMissedReason = "HeartbeatMissed"
	// IngestUnavailableReason: it cannot be told, because no gateway receives, or most of the fleet has fallen silent at
	// once. (Reconciling)
	IngestUnavailableReason = "IngestUnavailable"
)

// ConfigAppliedCondition is True when the bot runs the newest version of its config. It is Unknown with
// WaitingForRegistration before the machine has registered.
const ConfigAppliedCondition = "ConfigApplied"

// Reasons of ConfigApplied.
const (
	// ConfigAppliedReason: the bot says that it runs the newest version.
	ConfigAppliedReason = "ConfigApplied"
	// ApplyingConfigReason: the newest version is on its way, or being applied. (Reconciling)
	ApplyingConfigReason = "ApplyingConfig"
	// ConfigRejectedReason: the bot could not run the newest version and goes on with the one before; the message has its
	// words. (Stalled)
	ConfigRejectedReason = "ConfigRejected"
	// SecretNotFoundReason: the Bot names a Secret that does not exist; it is looked for again. (Stalled)
	SecretNotFoundReason = "SecretNotFound"
	// SecretKeyNotFoundReason: the Bot names a key that its Secret does not have; it is looked for again. (Stalled)
	SecretKeyNotFoundReason = "SecretKeyNotFound"
	// ConfigMapNotFoundReason: the Bot names a ConfigMap that does not exist; it is looked for again. (Stalled)
	ConfigMapNotFoundReason = "ConfigMapNotFound"
	// ConfigTooLargeReason: the config with its workspace and keys is larger than can be delivered. (Stalled)
	ConfigTooLargeReason = "ConfigTooLarge"
	// RolloutWaitingReason: the Bot is to run another version of OpenClaw, and goes on with its own until it is its turn,
	// by the Account's maxUnavailable; the message says for whom it waits. (Reconciling)
	RolloutWaitingReason = "RolloutWaiting"
	// OpenClawVersionUnsupportedReason: open-spawn cannot run the version of OpenClaw that the Bot names; the message has
	// those that it can. (Stalled)
	OpenClawVersionUnsupportedReason = "OpenClawVersionUnsupported"
	// OpenClawDowngradeReason: the Bot names a version of OpenClaw below the one that has run on its machine, whose state
	// it would refuse. (Stalled)
	OpenClawDowngradeReason = "OpenClawDowngrade"
)

// RuntimeHealthyCondition is True while OpenClaw runs on the machine and says that it works, its channels are
// connected, and it has room. It is Unknown with WaitingForRegistration before the machine has registered, and with the
// reason of HeartbeatFresh while the bot is not heard.
const RuntimeHealthyCondition = "RuntimeHealthy"

// Reasons of RuntimeHealthy.
const (
	// RuntimeHealthyReason: OpenClaw runs and works, as far as it says.
	RuntimeHealthyReason = "RuntimeHealthy"
	// RuntimeStartingReason: OpenClaw starts for the first time, or since the machine was switched on. (Reconciling)
	RuntimeStartingReason = "RuntimeStarting"
	// RuntimeUnhealthyReason: OpenClaw is to run and does not, or says that it does not work; it is started again. The
	// message has its words. (Reconciling)
	RuntimeUnhealthyReason = "RuntimeUnhealthy"
	// ChannelDegradedReason: people do not reach the bot by one of its channels; the message names it, what it says, and
	// its Secret. (Reconciling)
	ChannelDegradedReason = "ChannelDegraded"
	// DiskPressureReason: less than 5 % of the machine's disk was free, and 8 % are not yet. (Reconciling)
	DiskPressureReason = "DiskPressure"
)
