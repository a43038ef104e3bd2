// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Persona is the character and skill level a bot starts from.
// +kubebuilder:validation:Enum=Beginner;Tweaker;QuantLite
type Persona string

// The personas.
const (
	// PersonaBeginner explains itself and keeps to safe defaults.
	PersonaBeginner Persona = "Beginner"
	// PersonaTweaker expects its owner to adjust the settings.
	PersonaTweaker Persona = "Tweaker"
	// PersonaQuantLite speaks in numbers and leaves every setting to its owner.
	PersonaQuantLite Persona = "QuantLite"
)

// BotDesiredState is what a bot should be doing.
// +kubebuilder:validation:Enum=Running;Paused;Hibernated
type BotDesiredState string

// The desired states of a bot. Condition Ready tells what is so.
const (
	// BotRunning means that the bot should trade.
	BotRunning BotDesiredState = "Running"
	// BotPaused means that the bot stops at once and its machine is powered off, which is still billed.
	BotPaused BotDesiredState = "Paused"
	// BotHibernated means that the machine is snapshotted and destroyed, and restored when the bot runs again.
	BotHibernated BotDesiredState = "Hibernated"
)

// LostContactAction is what the agent does when no gateway answers it.
// +kubebuilder:validation:Enum=KeepRunning;Stop
type LostContactAction string

// The actions on lost contact.
const (
	// LostContactKeepRunning lets the bot trade on without us.
	LostContactKeepRunning LostContactAction = "KeepRunning"
	// LostContactStop stops the bot after heartbeat.graceSeconds without an answer.
	LostContactStop LostContactAction = "Stop"
)

// BotSpec is what should run, on what machine, with which configuration.
// +kubebuilder:validation:XValidation:rule="!has(self.trading) || self.trading.mode != 'Live' || (has(self.risk) && has(self.risk.maxPositionSizeBps) && has(self.risk.maxDailyLossBps) && has(self.risk.maxDrawdownBps) && has(self.risk.maxTradesPerDay))",message="trading.mode Live needs all four risk limits: maxPositionSizeBps, maxDailyLossBps, maxDrawdownBps and maxTradesPerDay",fieldPath=".risk",reason=FieldValueRequired
type BotSpec struct {
	// accountRef names the Account that pays for the bot. It cannot be changed.
	// +required
	AccountRef AccountReference `json:"accountRef"`

	// displayName is what people call the bot, at most 64 characters, no control characters, no < or >. Unset means the
	// object's name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches(r'^[^<>\\p{Cc}]*$')",message="displayName cannot contain < or >, nor control characters such as a line break"
	DisplayName string `json:"displayName,omitempty"`

	// persona is the character the bot starts from. It may be changed.
	// +required
	Persona Persona `json:"persona"`

	// desiredState is what the bot should be doing. Defaults to Running.
	// +optional
	// +kubebuilder:default=Running
	DesiredState BotDesiredState `json:"desiredState,omitempty"`

	// onLostContact is what the agent does when no gateway answers it for the grace period. Defaults to KeepRunning.
	// +optional
	// +kubebuilder:default=KeepRunning
	OnLostContact LostContactAction `json:"onLostContact,omitempty"`

	// redeployAt replaces a machine created before this instant, once the instant has come: the machine is destroyed with
	// its disk, whatever deletionPolicy says, and the next one begins from the image. The machine is kept while the next
	// one is known to be refused. A hibernated bot whose last machine was created before it begins from the image when it
	// runs again, and its snapshot is destroyed. It is safe to leave in place. Unset replaces nothing.
	// +optional
	RedeployAt *metav1.Time `json:"redeployAt,omitempty"`

	// deletionPolicy says what is kept when the bot is deleted: with Snapshot, a snapshot of its machine, or the one that
	// it hibernates in; with Delete, nothing. It speaks of the bot's deletion only: a redeploy takes no snapshot. To bring
	// a deleted bot back from the snapshot that was kept, create it with desiredState Hibernated under the same name in
	// the same namespace, and set Running once it is Ready. Defaults to Delete.
	// +optional
	// +kubebuilder:default=Delete
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// trading is what the bot trades and how.
	// +optional
	// +kubebuilder:default={}
	Trading Trading `json:"trading,omitempty,omitzero"`

	// risk are the limits the bot and its tools are told. open-spawn does not stand between a bot and an exchange.
	// Required when trading.mode is Live.
	// +optional
	Risk *Risk `json:"risk,omitempty"`

	// llm is the model the bot thinks with.
	// +required
	LLM LLM `json:"llm"`

	// credentials are keys for the bot's tools, each an environment variable, at most 32.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Credentials []Credential `json:"credentials,omitempty"`

	// skills are those that the bot is to have, each pinned to one version, at most 32. None is installed yet: the
	// ConfigApplied condition says so of each, and workspaceConfigMapRef brings files of yours.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Skills []Skill `json:"skills,omitempty"`

	// openclaw is the runtime's version, configuration and workspace.
	// +optional
	OpenClaw OpenClaw `json:"openclaw,omitempty,omitzero"`

	// channels are where people talk to the bot, at most one of each type.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=3
	Channels []Channel `json:"channels,omitempty"`

	// machine is the shape of the machine.
	// +optional
	// +kubebuilder:default={}
	Machine Machine `json:"machine,omitempty,omitzero"`

	// heartbeat is how often the bot is heard and how long it may be silent.
	// +optional
	// +kubebuilder:default={}
	Heartbeat Heartbeat `json:"heartbeat,omitempty,omitzero"`
}

// BotStatus is what the bot controller observed.
type BotStatus struct {
	// observedGeneration is the generation of the spec that the rest of the status speaks of, -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// incarnation counts the machine names the bot has been given.
	// +optional
	Incarnation int64 `json:"incarnation,omitempty"`

	// dropletName is the machine name: the name of the bot's Droplet object, of its instance, and of all that
	// belongs to this one life of its machine. It is stored before a Droplet of that name is created.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	DropletName string `json:"dropletName,omitempty"`

	// instanceID is DigitalOcean's number of the bot's instance.
	// +optional
	InstanceID int64 `json:"instanceID,omitempty"`

	// publicIPv4 is the instance's public address.
	// +optional
	// +kubebuilder:validation:MaxLength=15
	PublicIPv4 string `json:"publicIPv4,omitempty"`

	// sealKey is the public key that the machine named when it registered first: the keys that the bot gets are sealed
	// to it, and to no other before somebody opens the registration again.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	SealKey string `json:"sealKey,omitempty"`

	// config is which configuration the bot should run and which it runs.
	// +optional
	Config BotConfigStatus `json:"config,omitempty,omitzero"`

	// lastHeartbeatTime is when the bot was last heard, written when condition HeartbeatFresh changes.
	// +optional
	LastHeartbeatTime *metav1.Time `json:"lastHeartbeatTime,omitempty"`

	// agentVersion is the version of the agent on the machine.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	AgentVersion string `json:"agentVersion,omitempty"`

	// openclawVersion is the version of OpenClaw on the machine.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	OpenClawVersion string `json:"openclawVersion,omitempty"`

	// machineCreatedAt is when the Droplet of the bot's present or last machine was created: a hibernated bot begins
	// from the image when spec.redeployAt is later.
	// +optional
	MachineCreatedAt *metav1.Time `json:"machineCreatedAt,omitempty"`

	// snapshotID is DigitalOcean's number of the snapshot that a hibernated bot is restored from. It stays until the
	// restored machine runs and the snapshot is destroyed.
	// +optional
	SnapshotID int64 `json:"snapshotID,omitempty"`

	// conditions are Ready, Admitted, DropletReady, AsSpecified, Registered, ConfigApplied, HeartbeatFresh and
	// RuntimeHealthy always, Reconciling or Stalled while they are so.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Bot is one OpenClaw trading bot: what it trades, with which limits and model, and on what machine.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=bot,categories=open-spawn
// +kubebuilder:selectablefield:JSONPath=`.spec.accountRef.name`
// +kubebuilder:printcolumn:name="Account",type=string,JSONPath=`.spec.accountRef.name`
// +kubebuilder:printcolumn:name="Desired",type=string,JSONPath=`.spec.desiredState`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Config",type=string,JSONPath=`.status.config.summary`
// +kubebuilder:printcolumn:name="Instance",type=integer,JSONPath=`.status.instanceID`
// +kubebuilder:printcolumn:name="IP",type=string,JSONPath=`.status.publicIPv4`
// +kubebuilder:printcolumn:name="Fresh",type=string,JSONPath=`.status.conditions[?(@.type=="HeartbeatFresh")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Region",type=string,priority=1,JSONPath=`.spec.machine.region`
// +kubebuilder:printcolumn:name="Size",type=string,priority=1,JSONPath=`.spec.machine.size`
// +kubebuilder:printcolumn:name="Mode",type=string,priority=1,JSONPath=`.spec.trading.mode`
// +kubebuilder:printcolumn:name="Incarnation",type=integer,priority=1,JSONPath=`.status.incarnation`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="the name of a Bot is at most 40 of a-z, 0-9 and -, beginning with a letter and ending with a letter or digit, because its machine is named after it",fieldPath=".metadata"
type Bot struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the object's name, labels and the like, as of every Kubernetes object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the owner's intent.
	// +required
	Spec BotSpec `json:"spec"`

	// status is what open-spawn observed.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status BotStatus `json:"status,omitempty"`
}

// BotList is a list of Bots.
// +kubebuilder:object:root=true
type BotList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Bot `json:"items"`
}

// GetConditions returns the bot's conditions.
func (b *Bot) GetConditions() []metav1.Condition { return b.Status.Conditions }

// SetConditions replaces the bot's conditions.
func (b *Bot) SetConditions(conditions []metav1.Condition) { b.Status.Conditions = conditions }

// SetObservedGeneration records which generation of the spec the status speaks of.
func (b *Bot) SetObservedGeneration(generation int64) { b.Status.ObservedGeneration = generation }
