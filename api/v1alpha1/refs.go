// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// AccountReference names the Account that a Bot belongs to. Accounts are cluster-scoped, so a name is enough.
type AccountReference struct {
	// name of the Account. It need not exist yet: the Bot waits for it. It cannot be changed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a bot cannot move to another account; create a new Bot there and delete this one"
	Name string `json:"name"`
}

// BotReference names the Bot that a Droplet is the machine of, in the Droplet's own namespace.
type BotReference struct {
	// name of the Bot.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	Name string `json:"name"`
}

// SecretKeyReference names one key of a Secret in the namespace of the object that refers to it.
type SecretKeyReference struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Name string `json:"name"`

	// key in the Secret's data.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Key string `json:"key"`
}

// ConfigMapReference names a ConfigMap in the namespace of the object that refers to it.
type ConfigMapReference struct {
	// name of the ConfigMap.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Name string `json:"name"`
}

// Switch turns a feature on or off.
// +kubebuilder:validation:Enum=Enabled;Disabled
type Switch string

// The positions of a Switch.
const (
	// SwitchEnabled turns the feature on.
	SwitchEnabled Switch = "Enabled"
	// SwitchDisabled turns the feature off.
	SwitchDisabled Switch = "Disabled"
)

// DeletionPolicy says what is kept of a machine when its Bot is deleted.
// +kubebuilder:validation:Enum=Delete;Snapshot
type DeletionPolicy string

// The deletion policies.
const (
	// DeletionPolicyDelete keeps nothing.
	DeletionPolicyDelete DeletionPolicy = "Delete"
	// DeletionPolicySnapshot keeps a snapshot of the disk.
	DeletionPolicySnapshot DeletionPolicy = "Snapshot"
)
