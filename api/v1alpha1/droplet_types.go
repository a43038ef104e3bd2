// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PowerState is on or off.
// +kubebuilder:validation:Enum=On;Off
type PowerState string

// The power states.
const (
	// PowerOn means that the instance should be running.
	PowerOn PowerState = "On"
	// PowerOff means that the instance should be powered off; it is still billed.
	PowerOff PowerState = "Off"
)

// DropletSpec is all that is needed to create and destroy one instance. Only powerState, size, snapshot and
// deletionPolicy may be changed; any other difference needs another Droplet.
// +kubebuilder:validation:XValidation:rule="has(self.image) != has(self.snapshotID)",message="set exactly one of image and snapshotID",fieldPath=".image"
// +kubebuilder:validation:XValidation:rule="has(self.image) == has(oldSelf.image) && (!has(self.image) || self.image == oldSelf.image)",message="a Droplet is one machine: image cannot be changed",fieldPath=".image"
// +kubebuilder:validation:XValidation:rule="has(self.snapshotID) == has(oldSelf.snapshotID) && (!has(self.snapshotID) || self.snapshotID == oldSelf.snapshotID)",message="a Droplet is one machine: snapshotID cannot be changed",fieldPath=".snapshotID"
// +kubebuilder:validation:XValidation:rule="has(self.userDataSecretName) == has(oldSelf.userDataSecretName) && (!has(self.userDataSecretName) || self.userDataSecretName == oldSelf.userDataSecretName)",message="a Droplet is one machine: userDataSecretName cannot be changed",fieldPath=".userDataSecretName"
// +kubebuilder:validation:XValidation:rule="has(self.sshKeys) == has(oldSelf.sshKeys) && (!has(self.sshKeys) || self.sshKeys == oldSelf.sshKeys)",message="a Droplet is one machine: sshKeys cannot be changed",fieldPath=".sshKeys"
// +kubebuilder:validation:XValidation:rule="has(self.vpcUUID) == has(oldSelf.vpcUUID) && (!has(self.vpcUUID) || self.vpcUUID == oldSelf.vpcUUID)",message="a Droplet is one machine: vpcUUID cannot be changed",fieldPath=".vpcUUID"
// +kubebuilder:validation:XValidation:rule="has(self.tags) == has(oldSelf.tags) && (!has(self.tags) || self.tags == oldSelf.tags)",message="a Droplet is one machine: tags cannot be changed",fieldPath=".tags"
// +kubebuilder:validation:XValidation:rule="has(self.packages) == has(oldSelf.packages) && (!has(self.packages) || self.packages == oldSelf.packages)",message="a Droplet is one machine: packages cannot be changed",fieldPath=".packages"
type DropletSpec struct {
	// botRef names the Bot whose machine this is, in the same namespace.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a Droplet is one machine: botRef cannot be changed"
	BotRef BotReference `json:"botRef"`

	// region is a slug such as nyc3.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a Droplet is one machine: region cannot be changed"
	Region string `json:"region"`

	// size is a slug such as s-1vcpu-2gb. It may be changed.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Size string `json:"size"`

	// image is the slug of a public image. Exactly one of image and snapshotID is set.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Image string `json:"image,omitempty"`

	// snapshotID is the number of the snapshot to restore. Exactly one of image and snapshotID is set.
	// +optional
	// +kubebuilder:validation:Minimum=1
	SnapshotID int64 `json:"snapshotID,omitempty"`

	// userDataSecretName names the Secret, in open-spawn's own namespace, with the instance's user data. Unset means
	// no user data.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	UserDataSecretName string `json:"userDataSecretName,omitempty"`

	// sshKeys are fingerprints or ids of keys that the DigitalOcean account holds.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=40
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	SSHKeys []string `json:"sshKeys,omitempty"`

	// vpcUUID is the network to join. Unset means the region's default network.
	// +optional
	// +kubebuilder:validation:MinLength=36
	// +kubebuilder:validation:MaxLength=36
	VPCUUID string `json:"vpcUUID,omitempty"`

	// backups switches DigitalOcean's weekly backups.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a Droplet is one machine: backups cannot be changed"
	Backups Switch `json:"backups"`

	// monitoring switches DigitalOcean's metrics agent.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a Droplet is one machine: monitoring cannot be changed"
	Monitoring Switch `json:"monitoring"`

	// ipv6 gives the machine an IPv6 address.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a Droplet is one machine: ipv6 cannot be changed"
	IPv6 Switch `json:"ipv6"`

	// tags are the Bot's own tags, put on the instance as "u:<tag>".
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=200
	Tags []string `json:"tags,omitempty"`

	// packages are the Debian packages that the first boot installs.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=2
	// +kubebuilder:validation:items:MaxLength=128
	Packages []string `json:"packages,omitempty"`

	// powerState is whether the machine should be powered on. It may be changed.
	// +required
	PowerState PowerState `json:"powerState"`

	// snapshot says whether a snapshot is taken of the machine, which is powered off for it: its Bot is to hibernate.
	// It may be changed; switched off again, the next time takes another snapshot. Unset means Disabled.
	// +optional
	Snapshot Switch `json:"snapshot,omitempty"`

	// deletionPolicy says what is kept when the Droplet is deleted. It may be changed.
	// +required
	DeletionPolicy DeletionPolicy `json:"deletionPolicy"`
}

// DropletStatus is what the droplet controller observed and what it has begun.
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.instanceID) || !has(self.instanceID) || self.instanceID == oldSelf.instanceID",message="a Droplet is one machine: its instance cannot be exchanged for another",fieldPath=".instanceID"
type DropletStatus struct {
	// observedGeneration is the generation of the spec that the rest of the status speaks of, -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// attempt is the newest attempt to create the instance.
	// +optional
	Attempt *Attempt `json:"attempt,omitempty"`

	// instanceID is DigitalOcean's number of the instance. It is not exchanged for another; a status that was lost
	// gets it back by the machine name.
	// +optional
	InstanceID int64 `json:"instanceID,omitempty"`

	// state is what DigitalOcean says the instance is doing: new, active, off or archive.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	State string `json:"state,omitempty"`

	// publicIPv4 is the instance's public address.
	// +optional
	// +kubebuilder:validation:MaxLength=15
	PublicIPv4 string `json:"publicIPv4,omitempty"`

	// privateIPv4 is the instance's address in its network.
	// +optional
	// +kubebuilder:validation:MaxLength=15
	PrivateIPv4 string `json:"privateIPv4,omitempty"`

	// publicIPv6 is the instance's public IPv6 address.
	// +optional
	// +kubebuilder:validation:MaxLength=45
	PublicIPv6 string `json:"publicIPv6,omitempty"`

	// hourlyPriceMicros is the price of the instance in millionths of a US dollar an hour.
	// +optional
	HourlyPriceMicros int64 `json:"hourlyPriceMicros,omitempty"`

	// size is the slug of the size that the machine was given last. It differs from spec.size while a resize is due.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Size string `json:"size,omitempty"`

	// refusedSize is the size that was asked for last and that the machine cannot have. It stands until spec.size is
	// another one.
	// +optional
	RefusedSize *RefusedSize `json:"refusedSize,omitempty"`

	// snapshot is the snapshot that is taken, or was taken, for spec.snapshot or spec.deletionPolicy.
	// +optional
	Snapshot *InstanceSnapshot `json:"snapshot,omitempty"`

	// action is the operation on the instance that is under way, or is to be tried again.
	// +optional
	Action *InstanceAction `json:"action,omitempty"`

	// destroyRequestedAt is when the destruction of the instance was last asked for.
	// +optional
	DestroyRequestedAt *metav1.Time `json:"destroyRequestedAt,omitempty"`

	// conditions are Ready, Exists, Running and AsSpecified always, Reconciling or Stalled while they are so.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Droplet is one cloud machine of a Bot. open-spawn creates and deletes Droplets; people read them.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=drop,categories=open-spawn
// +kubebuilder:selectablefield:JSONPath=`.spec.botRef.name`
// +kubebuilder:printcolumn:name="Instance",type=integer,JSONPath=`.status.instanceID`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Power",type=string,JSONPath=`.spec.powerState`
// +kubebuilder:printcolumn:name="Region",type=string,JSONPath=`.spec.region`
// +kubebuilder:printcolumn:name="Size",type=string,JSONPath=`.spec.size`
// +kubebuilder:printcolumn:name="IP",type=string,JSONPath=`.status.publicIPv4`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="the name of a Droplet is the host name of its instance: at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",fieldPath=".metadata"
type Droplet struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the object's name, labels and the like, as of every Kubernetes object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the machine that the Bot asks for.
	// +required
	Spec DropletSpec `json:"spec"`

	// status is what open-spawn observed.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status DropletStatus `json:"status,omitempty"`
}

// DropletList is a list of Droplets.
// +kubebuilder:object:root=true
type DropletList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Droplet `json:"items"`
}

// CreatedAt is when the Droplet was created: by the clock that spec.redeployAt of its Bot is compared with, when the
// annotation says so, else by the API server's.
func (d *Droplet) CreatedAt() metav1.Time {
	if at, err := time.Parse(time.RFC3339, d.Annotations[CreatedAtAnnotation]); err == nil {
		return metav1.NewTime(at.Local()) // as a status is read
	}
	return d.CreationTimestamp
}

// GetConditions returns the droplet's conditions.
func (d *Droplet) GetConditions() []metav1.Condition { return d.Status.Conditions }

// SetConditions replaces the droplet's conditions.
func (d *Droplet) SetConditions(conditions []metav1.Condition) { d.Status.Conditions = conditions }

// SetObservedGeneration records which generation of the spec the status speaks of.
func (d *Droplet) SetObservedGeneration(generation int64) { d.Status.ObservedGeneration = generation }
