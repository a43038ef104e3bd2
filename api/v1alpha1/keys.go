// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Finalizers. Writer and reader: the controller of the kind that bears it. Type: finalizer.
const (
	// AccountFinalizer holds an Account while Bots refer to it.
	AccountFinalizer = GroupName + "/account"
	// BotFinalizer holds a Bot until its Droplet object is gone.
	BotFinalizer = GroupName + "/bot"
	// DropletFinalizer holds a Droplet until the cloud says, twice over, that its instance is gone. A Droplet is
	// created with it, so that no Droplet without it ever owned an instance.
	DropletFinalizer = GroupName + "/droplet"
)

// Labels that the bot controller puts on a Droplet.
const (
	// BotLabel is the name of the Bot. Type: label. Writer: bot controller. Reader: people. Example: scout.
	BotLabel = GroupName + "/bot"
	// AccountLabel is the name of the Account. Type: label. Writer: bot controller. Reader: people, account controller and
	// droplet controller. Example: acme.
	AccountLabel = GroupName + "/account"
)

// BotAccessLabel opens a Secret to the Bots of its namespace when it is "true": a Bot that names any other is not
// admitted. Type: label on a Secret. Writer: people who may write the Secret. Reader: webhook and bot controller.
// Example: "true".
const BotAccessLabel = GroupName + "/bot-access"

// Annotations by which people say what no spec can say.
const (
	// SkipSnapshotAnnotation lets a machine be destroyed without the snapshot that deletionPolicy or desiredState asks
	// for, and its disk be lost. Type: annotation on a Bot. Writer: people. Reader: bot controller. Example: "true".
	SkipSnapshotAnnotation = GroupName + "/skip-snapshot"
	// RefreshAnnotation has the Secrets and the ConfigMap that a Bot names read at once when its value changes, rather
	// than within five minutes. Type: annotation on a Bot. Writer: people. Reader: bot controller. Example:
	// 2026-03-01T21:04:05Z.
	RefreshAnnotation = GroupName + "/refresh"
	// ReopenRegistrationAnnotation lets the machine that its value names register once more, with whatever key it has
	// then; to open it another time, take the annotation off first. Type: annotation on a Bot. Writer: administrators.
	// Reader: bot controller. Example: scout-k3v9x2m1qab7c.
	ReopenRegistrationAnnotation = GroupName + "/reopen-registration"
	// AbandonInstanceAnnotation lets a Droplet go although nobody can tell whether its instance is gone, because its
	// DigitalOcean team is. Its value is the id of the instance, or the Droplet's name when there is no id. Type:
	// annotation on a Droplet. Writer: administrators. Reader: droplet controller. Example: "500000004".
	AbandonInstanceAnnotation = GroupName + "/abandon-instance"
	// ConfirmDestroyAnnotation lets a Droplet that waits because too many were deleted at once be destroyed after all.
	// Type: annotation on a Droplet. Writer: administrators. Reader: droplet controller. Example: "true".
	ConfirmDestroyAnnotation = GroupName + "/confirm-destroy"
)

// CreatedAtAnnotation is when the Droplet was created, by the clock that also says whether spec.redeployAt of its Bot
// has come, so that clocks that differ replace no machine twice; and it survives backup and restore. Type: annotation
// on a Droplet. Writer and reader: bot controller. Example: 2026-03-01T21:04:05Z.
const CreatedAtAnnotation = GroupName + "/created-at"

// AbandonedAnnotation is which machine of the Bot was given up without a proof that it is gone: the Bot's slot is then
// kept until a complete pass over the fleet shows none. Type: annotation on a Bot. Writer: droplet controller. Reader:
// bot controller. Example: scout-k3v9x2m1qab7c.
const AbandonedAnnotation = GroupName + "/abandoned"

// Tags at DigitalOcean.
const (
	// FleetTagPrefix comes before the fleet id in the tag by which a fleet lists and claims its instances. Type:
	// cloud tag. Writer: droplet controller, at creation. Reader: inventory, droplet controller. Example:
	// open-spawn-fleet:3f6e2f7c-0d3c-4c0e-8a55-6d3b1f0c9b12.
	FleetTagPrefix = "open-spawn-fleet:"
	// ProductTag marks every instance of every fleet, for people. Type: cloud tag. Writer: droplet controller.
	// Reader: people.
	ProductTag = "open-spawn"
	// UserTagPrefix comes before each of a Bot's own tags, so that none can pose as one of ours. Type: cloud tag.
	// Writer: droplet controller. Reader: people. Example: u:desk-7.
	UserTagPrefix = "u:"
)
