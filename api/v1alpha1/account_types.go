// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AccountTier is a subscription tier and with it a number of bots.
// +kubebuilder:validation:Enum=Free;Basic;Pro
type AccountTier string

// The tiers.
const (
	// AccountTierFree allows no bot.
	AccountTierFree AccountTier = "Free"
	// AccountTierBasic allows 2 bots.
	AccountTierBasic AccountTier = "Basic"
	// AccountTierPro allows 4 bots.
	AccountTierPro AccountTier = "Pro"
)

// AccountDesiredState is what the bots of an account may do.
// +kubebuilder:validation:Enum=Active;Suspended
type AccountDesiredState string

// The desired states of an account. Condition Ready of each Bot tells what is so.
const (
	// AccountActive lets bots run as their own spec says.
	AccountActive AccountDesiredState = "Active"
	// AccountSuspended stops every bot of the account, powers its machines off, and deletes nothing.
	AccountSuspended AccountDesiredState = "Suspended"
)

// Permission forbids or allows.
// +kubebuilder:validation:Enum=Forbidden;Allowed
type Permission string

// The permissions.
const (
	// PermissionForbidden refuses it.
	PermissionForbidden Permission = "Forbidden"
	// PermissionAllowed permits it.
	PermissionAllowed Permission = "Allowed"
)

// AccountSpec is who pays, how much may be spent, and where and how the account's bots may live.
type AccountSpec struct {
	// externalID is the account's identity in the platform's own books, 1 to 253 characters. It cannot be changed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="externalID cannot be changed; create a new Account for another customer"
	ExternalID string `json:"externalID"`

	// namespaces lists where the account's bots may live, at most 100. Unset or empty means nowhere: a Bot in a
	// namespace that is not listed is not admitted. Removing a namespace destroys nothing.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespaces []string `json:"namespaces,omitempty"`

	// tier sets how many bots the account may have: Free 0, Basic 2, Pro 4. It may be changed at any time; a
	// downgrade destroys nothing and gives no new permission until the account is under its limit.
	// +required
	Tier AccountTier `json:"tier"`

	// maxBots replaces the tier's number of bots, 0 to 100. Unset means the tier decides.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MaxBots *int32 `json:"maxBots,omitempty"`

	// desiredState Suspended stops every bot of the account and powers its machines off; nothing is deleted.
	// Defaults to Active.
	// +optional
	// +kubebuilder:default=Active
	DesiredState AccountDesiredState `json:"desiredState,omitempty"`

	// liveTrading says whether bots of the account may trade with real money. Defaults to Forbidden.
	// +optional
	// +kubebuilder:default=Forbidden
	LiveTrading Permission `json:"liveTrading,omitempty"`

	// machinePolicy bounds the machines that bots of the account may ask for.
	// +optional
	// +kubebuilder:default={}
	MachinePolicy MachinePolicy `json:"machinePolicy,omitempty,omitzero"`

	// llmPolicy bounds the model endpoints that bots of the account may use.
	// +optional
	LLMPolicy LLMPolicy `json:"llmPolicy,omitempty,omitzero"`

	// maxUnavailable is how many bots of the account may be unavailable for a rollout to go on, 1 to 100: another version
	// of OpenClaw is given to so many at once, and to no more while one of them is not well. Defaults to 1.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MaxUnavailable int32 `json:"maxUnavailable,omitempty"`
}

// MachinePolicy bounds the machines of an account's bots. An empty list allows everything of its kind.
type MachinePolicy struct {
	// allowedRegions are region slugs, at most 50. Unset allows every region.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=32
	AllowedRegions []string `json:"allowedRegions,omitempty"`

	// allowedSizes are size slugs, at most 100. Unset allows every size within maxHourlyMicroUSD.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	AllowedSizes []string `json:"allowedSizes,omitempty"`

	// allowedImages are slugs of public images, at most 50. Unset allows every public image.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	AllowedImages []string `json:"allowedImages,omitempty"`

	// allowedVPCs are UUIDs of networks, at most 50. Unset allows the region's default network only.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=36
	// +kubebuilder:validation:items:MaxLength=36
	AllowedVPCs []string `json:"allowedVPCs,omitempty"`

	// maxHourlyMicroUSD is the highest price of one machine in millionths of a US dollar an hour. Defaults to 100000,
	// which is 0.10 dollars an hour.
	// +optional
	// +kubebuilder:default=100000
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000
	MaxHourlyMicroUSD *int64 `json:"maxHourlyMicroUSD,omitempty"`
}

// LLMPolicy bounds the model endpoints of an account's bots.
type LLMPolicy struct {
	// allowedHosts are the host names that a custom base URL may name, at most 50. Unset allows none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	AllowedHosts []string `json:"allowedHosts,omitempty"`
}

// Slot is an account's permission for one bot to own a machine.
type Slot struct {
	// uid of the Bot that the slot is bound to; absent while it is only reserved.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`

	// reservedAt is when the slot was taken.
	// +required
	ReservedAt metav1.Time `json:"reservedAt"`
}

// AccountBots counts the Bots that refer to an account.
type AccountBots struct {
	// admitted is how many slots are bound to a Bot, which may own a machine.
	// +optional
	Admitted int32 `json:"admitted"`

	// waiting Bots refer to the account, are not being deleted, and have no slot.
	// +optional
	Waiting int32 `json:"waiting"`
}

// AccountStatus is what the account controller observed, and the slots that admission took.
type AccountStatus struct {
	// observedGeneration is the generation of the spec that the rest of the status speaks of, -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// limit is how many bots the account may have, from tier or maxBots.
	// +optional
	Limit *int32 `json:"limit,omitempty"`

	// slots are the permissions given so far, by "<namespace>/<bot>". The API server lets them grow only up to the
	// limit, whoever writes.
	// +optional
	// +kubebuilder:validation:MaxProperties=1000
	Slots map[string]Slot `json:"slots,omitempty"` //nolint:kubeapilinter // one merge patch takes one slot

	// bots counts the Bots that refer to the account.
	// +optional
	Bots AccountBots `json:"bots,omitempty,omitzero"`

	// hourlyCostMicroUSD is what the account's machines cost, in millionths of a US dollar an hour.
	// +optional
	HourlyCostMicroUSD *int64 `json:"hourlyCostMicroUSD,omitempty"`

	// initializedFor is the uid of the Account whose existing bots have been given their slots, as far as there is room.
	// While it is another, no slot is reserved for a new bot.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	InitializedFor string `json:"initializedFor,omitempty"`

	// conditions are Ready and WithinLimit always, Reconciling or Stalled while they are so.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Account is who pays for bots: a subscription tier, its limit, and what its bots may do and cost. It is cluster-scoped
// because it belongs to whoever runs the platform, not to the tenant it limits.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=acct,categories=open-spawn
// +kubebuilder:printcolumn:name="Tier",type=string,JSONPath=`.spec.tier`
// +kubebuilder:printcolumn:name="Limit",type=integer,JSONPath=`.status.limit`
// +kubebuilder:printcolumn:name="Used",type=integer,JSONPath=`.status.bots.admitted`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="the name of an Account is a DNS label: at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",fieldPath=".metadata"
// +kubebuilder:validation:XValidation:rule="!has(self.status) || !has(self.status.slots) || size(self.status.slots) <= (has(self.spec.maxBots) ? self.spec.maxBots : (self.spec.tier == 'Pro' ? 4 : (self.spec.tier == 'Basic' ? 2 : 0))) || (has(oldSelf.status) && has(oldSelf.status.slots) && self.status.slots.all(k, k in oldSelf.status.slots))",message="every slot of the account is taken: another bot needs one to be deleted first, or a higher tier or maxBots",reason=FieldValueForbidden,fieldPath=".status.slots"
type Account struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the object's name, labels and the like, as of every Kubernetes object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the intent of whoever runs the platform.
	// +required
	Spec AccountSpec `json:"spec"`

	// status is what open-spawn observed.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status AccountStatus `json:"status,omitempty"`
}

// AccountList is a list of Accounts.
// +kubebuilder:object:root=true
type AccountList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Account `json:"items"`
}

// Limit is how many bots the account may have: maxBots when it is set, otherwise the tier's number.
func (a *Account) Limit() int32 {
	if a.Spec.MaxBots != nil {
		return *a.Spec.MaxBots
	}
	switch a.Spec.Tier {
	case AccountTierPro:
		return 4
	case AccountTierBasic:
		return 2
	case AccountTierFree:
		return 0
	}
	return 0
}

// GetConditions returns the account's conditions.
func (a *Account) GetConditions() []metav1.Condition { return a.Status.Conditions }

// SetConditions replaces the account's conditions.
func (a *Account) SetConditions(conditions []metav1.Condition) { a.Status.Conditions = conditions }

// SetObservedGeneration records which generation of the spec the status speaks of.
func (a *Account) SetObservedGeneration(generation int64) { a.Status.ObservedGeneration = generation }
