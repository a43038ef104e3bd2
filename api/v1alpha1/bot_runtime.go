// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "k8s.io/apimachinery/pkg/runtime"

// LLM is the model a bot thinks with.
// +kubebuilder:validation:XValidation:rule="(self.provider == 'custom') == has(self.baseURL)",message="baseURL goes with provider custom: set it there, and leave it out with any other provider",fieldPath=".baseURL"
type LLM struct {
	// provider is a name such as anthropic, openai or openrouter, or custom with baseURL.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Provider string `json:"provider"`

	// model is the provider's name of the model.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`
	Model string `json:"model"`

	// apiKeySecretRef is the key of a Secret in the bot's namespace that holds the provider's API key.
	// +required
	APIKeySecretRef SecretKeyReference `json:"apiKeySecretRef"`

	// baseURL is the https endpoint of provider custom; the Account must allow its host. It must be reached over the
	// internet: private networks, such as that of the machine's VPC, are out of a bot's reach.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('^https://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$')",message="baseURL must be https:// and a lower-case host, then at most a port and a path; no user name, query or fragment"
	BaseURL string `json:"baseURL,omitempty"`
}

// Credential is a key for a bot's tools.
type Credential struct {
	// name of the environment variable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Z][A-Z0-9_]*$')",message="the name of a credential is that of its environment variable: A-Z, 0-9 and _, beginning with a letter"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^(OPENCLAW_.*|NODE_.*|NPM_.*|LD_.*|PATH|HOME|TMPDIR|SHELL|USER|CI|DO_NOT_TRACK)$')",message="this variable belongs to the runtime, which it could change; give the credential another name"
	Name string `json:"name"`

	// secretRef is the key of a Secret in the bot's namespace that holds the value.
	// +required
	SecretRef SecretKeyReference `json:"secretRef"`
}

// Skill is something a bot is taught, pinned to one version.
type Skill struct {
	// name of the skill.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^(@[a-z0-9][a-z0-9-]*/)?[a-z0-9][a-z0-9._-]*$`
	Name string `json:"name"`

	// version is one exact version such as 1.4.2; ranges and tags are refused.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]+[.][0-9]+[.][0-9]+(-[0-9A-Za-z.-]+)?$')",message="version must be one exact version such as 1.4.2, not a range or a tag"
	Version string `json:"version"`
}

// OpenClaw is the runtime's version, configuration and workspace.
// +kubebuilder:validation:XValidation:rule="!has(self.config) || self.config.all(k, k in ['agents', 'commands', 'logging', 'memory', 'messages', 'models', 'session', 'skills', 'tools'])",message="only agents, commands, logging, memory, messages, models, session, skills and tools may be set here; open-spawn writes the rest of openclaw.json",fieldPath=".config"
type OpenClaw struct {
	// version is one exact version such as 2026.9.6. A bot that runs is given another one when it is its turn, see the
	// Account's maxUnavailable; one below that which has run on the machine is refused. Unset is chosen once, and
	// recorded in status.config.openclawVersion.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]{4}[.][0-9]{1,2}[.][0-9]{1,3}(-[0-9A-Za-z.]+)?$')",message="version must be one exact OpenClaw version such as 2026.9.6, not a range or a tag"
	Version string `json:"version,omitempty"`

	// config is free JSON for some sections of openclaw.json, merged under what open-spawn writes.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	Config map[string]ConfigSection `json:"config,omitempty"` //nolint:kubeapilinter // the shape of openclaw.json

	// workspaceConfigMapRef names a ConfigMap in the bot's namespace whose files are put into the workspace.
	// +optional
	WorkspaceConfigMapRef *ConfigMapReference `json:"workspaceConfigMapRef,omitempty"`
}

// ConfigSection is one section of openclaw.json, any JSON object.
// +kubebuilder:validation:Type=object
// +kubebuilder:pruning:PreserveUnknownFields
type ConfigSection struct {
	runtime.RawExtension `json:",inline"`
}

// ChannelType is a messaging service.
// +kubebuilder:validation:Enum=Telegram;Discord;Slack
type ChannelType string

// The messaging services.
const (
	// ChannelTelegram is Telegram, by a bot token.
	ChannelTelegram ChannelType = "Telegram"
	// ChannelDiscord is Discord, by a bot token.
	ChannelDiscord ChannelType = "Discord"
	// ChannelSlack is Slack in socket mode, by a bot token and an app token.
	ChannelSlack ChannelType = "Slack"
)

// Channel is a place where people talk to a bot.
// +kubebuilder:validation:XValidation:rule="(self.type == 'Slack') == has(self.appTokenSecretRef)",message="appTokenSecretRef goes with type Slack: set it there, and leave it out with any other type",fieldPath=".appTokenSecretRef"
type Channel struct {
	// type of the messaging service.
	// +required
	Type ChannelType `json:"type"`

	// tokenSecretRef is the key of a Secret in the bot's namespace that holds the bot token.
	// +required
	TokenSecretRef SecretKeyReference `json:"tokenSecretRef"`

	// appTokenSecretRef is the key of a Secret that holds the app token. Required with type Slack, forbidden otherwise.
	// +optional
	AppTokenSecretRef *SecretKeyReference `json:"appTokenSecretRef,omitempty"`

	// allowFrom are the 1 to 100 ids of those the bot answers; it answers nobody else. There is no wildcard.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[A-Za-z0-9_@.+:-]+$')",message="allowFrom lists the ids of those the bot answers, one by one; there is no wildcard"
	AllowFrom []string `json:"allowFrom"`
}
