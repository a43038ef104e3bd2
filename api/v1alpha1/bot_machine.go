// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Machine is the shape of a bot's machine. region, image, vpcUUID, sshKeys, backups, monitoring, ipv6, tags and
// packages of an existing machine change only when it is replaced; see redeployAt.
type Machine struct {
	// region is a slug such as nyc3. Defaults to nyc3.
	// +optional
	// +kubebuilder:default=nyc3
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9-]*$`
	Region string `json:"region,omitempty"`

	// size is a slug such as s-1vcpu-2gb. Defaults to s-1vcpu-2gb, the smallest that OpenClaw runs well on.
	// +optional
	// +kubebuilder:default="s-1vcpu-2gb"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9._-]*$`
	Size string `json:"size,omitempty"`

	// image is the slug of a public image; a numeric id is refused. Defaults to ubuntu-24-04-x64.
	// +optional
	// +kubebuilder:default="ubuntu-24-04-x64"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[a-z0-9][a-z0-9._-]*$`
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[0-9]+$')",message="image is the slug of a public image such as ubuntu-24-04-x64, not a number"
	Image string `json:"image,omitempty"`

	// sshKeys are fingerprints or ids of keys that the DigitalOcean account holds, at most 20. Unset means none of
	// the bot's own; password login is off either way.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^([0-9]+|[0-9a-f]{2}(:[0-9a-f]{2}){15})$')",message="an SSH key is named by its id at DigitalOcean, such as 512190, or by its MD5 fingerprint, 16 pairs of lower-case hex digits with colons between; the key itself does not go here"
	SSHKeys []string `json:"sshKeys,omitempty"`

	// vpcUUID is the network to join. Unset means the region's default network.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')",message="vpcUUID must be a UUID in lower case, such as 5a4981aa-9653-4bd1-bef5-d6bff52042e4"
	VPCUUID string `json:"vpcUUID,omitempty"`

	// backups switches DigitalOcean's weekly backups, which cost extra. Defaults to Disabled.
	// +optional
	// +kubebuilder:default=Disabled
	Backups Switch `json:"backups,omitempty"`

	// monitoring switches DigitalOcean's metrics agent. Defaults to Enabled.
	// +optional
	// +kubebuilder:default=Enabled
	Monitoring Switch `json:"monitoring,omitempty"`

	// ipv6 gives the machine an IPv6 address. Defaults to Disabled.
	// +optional
	// +kubebuilder:default=Disabled
	IPv6 Switch `json:"ipv6,omitempty"`

	// tags are put on the instance as "u:<tag>", at most 20.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=200
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[a-zA-Z0-9_:-]+$')",message="a tag consists of letters, digits, colons, dashes and underscores"
	Tags []string `json:"tags,omitempty"`

	// packages are Debian packages to install at first boot, at most 50.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=2
	// +kubebuilder:validation:items:MaxLength=128
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[a-z0-9][a-z0-9+.-]+$')",message="a package is given by its Debian name alone, such as jq, without version or options"
	Packages []string `json:"packages,omitempty"`
}

// Heartbeat is how often a bot is heard and how long it may be silent.
// +kubebuilder:validation:XValidation:rule="!has(self.graceSeconds) || !has(self.intervalSeconds) || self.graceSeconds >= 3 * self.intervalSeconds",message="graceSeconds (150 when unset) must be at least 3 times intervalSeconds, so that one lost heartbeat marks nobody",fieldPath=".graceSeconds"
type Heartbeat struct {
	// intervalSeconds is the time between heartbeats, 10 to 300 seconds. Defaults to 30.
	// +optional
	// +kubebuilder:default=30
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=300
	IntervalSeconds int32 `json:"intervalSeconds,omitempty"`

	// graceSeconds is how long the bot may be silent before it is marked, at least 3 intervals, at most 3600 seconds.
	// Defaults to 150.
	// +optional
	// +kubebuilder:default=150
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=3600
	GraceSeconds int32 `json:"graceSeconds,omitempty"`
}
