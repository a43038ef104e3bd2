// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package protocol is what a machine's agent and the gateway say to each other, version 1: JSON over HTTPS. Fields are
// only ever added, and each side ignores those it does not know, so that an agent works with the gateway of the minor
// version before and after its own. docs/protocol.yaml says the same in OpenAPI.
package protocol

import (
	"encoding/json"
	"time"
)

// The calls.
const (
	// RegisterPath is POST with a registration token: Registration, Registered.
	RegisterPath = "/v1/register"
	// HeartbeatPath is POST with a credential: Heartbeat, Orders.
	HeartbeatPath = "/v1/heartbeat"
	// ConfigPath is GET with a credential: Config, or 304 when the ETag of If-None-Match is still that of the newest.
	ConfigPath = "/v1/config"
	// CredentialPath is POST with a credential: Rotation, 204.
	CredentialPath = "/v1/credential" //nolint:gosec // a path, and no secret
	// AgentPath comes before the SHA-256 of a build of the agent in hexadecimal: GET, without credential.
	AgentPath = "/agent/sha256/"
)

const (
	// MaxBodyBytes bounds what an agent may send.
	MaxBodyBytes = 16 << 10
	// WaitParameter is how long a ConfigPath request may be held while there is nothing new, as a Go duration.
	WaitParameter = "wait"
	// MaxWait is the longest that it is.
	MaxWait = 55 * time.Second
)

// Registration asks for a registration token to be traded for a credential. Asked again with the same credential it is
// answered the same.
type Registration struct {
	// InstanceID is the cloud's id of the machine.
	InstanceID int64 `json:"instanceID"`
	// CredentialSHA256 is that of the credential that the agent has invented, 64 hexadecimal digits.
	CredentialSHA256 string `json:"credentialSHA256"`
	// SealKey is the X25519 key that secrets are to be sealed to, in base64.
	SealKey string `json:"sealKey"`
	// AgentVersion is the agent's own, such as v1.4.2.
	AgentVersion string `json:"agentVersion"`
}

// Registered is the answer: it holds nothing secret, so that a lost one costs nothing.
type Registered struct {
	// Machine is the name of the machine.
	Machine string `json:"machine"`
	// HeartbeatSeconds is the time between heartbeats. The first follows at once: nothing runs before it.
	HeartbeatSeconds int32 `json:"heartbeatSeconds"`
}

// Heartbeat says that a machine lives, and how. Bytes are of the whole disk or memory, and of what is free of it.
type Heartbeat struct {
	// InstanceID is the cloud's id of the machine.
	InstanceID int64 `json:"instanceID"`
	// BootID is the kernel's id of this boot.
	BootID string `json:"bootID"`
	// AgentVersion is the agent's own.
	AgentVersion string `json:"agentVersion"`
	// Bootstrap is how far the machine is set up; absent when it is.
	Bootstrap *BootstrapStep `json:"bootstrap,omitempty"`
	// AppliedConfig is the version of the config that runs, 0 when none does.
	AppliedConfig int64 `json:"appliedConfig"`
	// Result is how the last config that was tried went; absent before the first.
	Result *ConfigResult `json:"result,omitempty"`
	// OpenClaw is how the runtime is.
	OpenClaw OpenClaw `json:"openclaw"`
	// Channels are how the messaging services are that the bot is reached by; absent while the runtime does not say.
	Channels []ChannelState `json:"channels,omitempty"`
	// Disk and Memory are what there is of them.
	Disk   Space `json:"disk"`
	Memory Space `json:"memory"`
}

// BootstrapStep is one step of setting a machine up.
type BootstrapStep struct {
	// Name is the step's, such as install-node.
	Name string `json:"name"`
	// Failed tells whether it failed, and is tried again.
	Failed bool `json:"failed,omitempty"`
	// Message is what it said last, 1,024 characters at most.
	Message string `json:"message,omitempty"`
}

// ConfigResult is what became of one version of a config.
type ConfigResult struct {
	// Version of the config.
	Version int64 `json:"version"`
	// Applied tells whether it runs. Otherwise the one before does.
	Applied bool `json:"applied"`
	// Message is why it does not, or what of it counts for nothing though it runs, 1,024 characters at most.
	Message string `json:"message,omitempty"`
}

// OpenClaw is how the runtime is.
type OpenClaw struct {
	// Running tells whether its process runs, and Healthy whether it says that it works.
	Running bool `json:"running"`
	Healthy bool `json:"healthy"`
	// Version is its own.
	Version string `json:"version,omitempty"`
	// Restarts is how often it was started again since the machine was booted.
	Restarts int32 `json:"restarts,omitempty"`
	// Message is why it is not healthy, 1,024 characters at most.
	Message string `json:"message,omitempty"`
}

// ChannelState is how one messaging service is.
type ChannelState struct {
	// Type is as in the Bot's spec, such as Telegram.
	Type string `json:"type"`
	// Connected tells whether the bot is reached by it.
	Connected bool `json:"connected"`
	// Message is why it is not, 256 characters at most.
	Message string `json:"message,omitempty"`
}

// Space is how much of something there is, in bytes.
type Space struct {
	TotalBytes int64 `json:"totalBytes"`
	FreeBytes  int64 `json:"freeBytes"`
}

// Orders are the answer to a Heartbeat.
type Orders struct {
	// Run tells whether the runtime is to run. It is stopped within 2 s of reading false.
	Run bool `json:"run"`
	// ConfigVersion is the newest.
	ConfigVersion int64 `json:"configVersion"`
	// AgentSHA256 is the build of the agent that is to run, by architecture such as amd64; absent when any may.
	AgentSHA256 map[string]string `json:"agentSHA256,omitempty"`
	// OpenClawSHA256 are the archives of OpenClaw's versions, by version and by architecture, which are had like a build
	// of the agent; absent when the machine's image has all that it is to run.
	OpenClawSHA256 map[string]map[string]string `json:"openclawSHA256,omitempty"`
	// Gateways are the URLs to call from now on, the best first; absent when they stay.
	Gateways []string `json:"gateways,omitempty"`
	// GatewayCA are the certificates in PEM that prove a gateway; absent when they stay.
	GatewayCA string `json:"gatewayCA,omitempty"`
	// NextHeartbeatSeconds is when to beat again.
	NextHeartbeatSeconds int32 `json:"nextHeartbeatSeconds"`
}

// Config is what a bot is to run. Its ETag stands for its version and for whether to run, and is sent back as it is; a
// version alone, in quotes, is understood too.
type Config struct {
	// Run is as in Orders.
	Run bool `json:"run"`
	// Version numbers the content.
	Version int64 `json:"version"`
	// Content is the bot's config in canonical JSON, without any secret.
	Content json.RawMessage `json:"content"`
	// Sealed are the secrets that the content names, as one JSON object of strings by name, sealed to the SealKey in
	// SealContext.
	Sealed []byte `json:"sealed"`
}

// Rotation asks for another credential. The old one is good until the new one is first used.
type Rotation struct {
	// CredentialSHA256 is as in Registration.
	CredentialSHA256 string `json:"credentialSHA256"`
}
