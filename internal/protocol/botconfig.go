// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import "encoding/json"

// BotConfig is the Content of a Config: what a bot is, whom it talks to, and what it may do. It holds no secret. Where
// one is needed it holds a name, under which the value is found among the sealed ones. Words are those of the Bot's
// spec, and what is absent there is absent here.
type BotConfig struct {
	// Name and Namespace are the Bot's, and DisplayName is what people call it.
	Name        string `json:"name"`
	Namespace   string `json:"namespace"`
	DisplayName string `json:"displayName"`
	// Persona is Beginner, Tweaker or QuantLite.
	Persona string `json:"persona"`
	// OnLostContact is KeepRunning, or Stop after GraceSeconds without a gateway.
	OnLostContact string `json:"onLostContact"`
	GraceSeconds  int32  `json:"graceSeconds"`
	// Trading and Risk are as in the Bot's spec.
	Trading Trading `json:"trading"`
	Risk    *Risk   `json:"risk,omitempty"`
	// LLM is the model.
	LLM LLM `json:"llm"`
	// Credentials are environment variables for tools, by their names.
	Credentials []Credential `json:"credentials,omitempty"`
	// Skills are those that the bot is to have, each at one version. Agents install none yet, and say so.
	Skills []Skill `json:"skills,omitempty"`
	// Channels are where people talk to the bot.
	Channels []Channel `json:"channels,omitempty"`
	// OpenClaw is the runtime.
	OpenClaw Runtime `json:"openclaw"`
	// Workspace are files for the workspace, by path.
	Workspace map[string][]byte `json:"workspace,omitempty"`
}

// Trading is what the bot trades and how.
type Trading struct {
	Mode         string   `json:"mode"`
	AssetFocus   string   `json:"assetFocus,omitempty"`
	CustomAssets []string `json:"customAssets,omitempty"`
	Algorithm    string   `json:"algorithm,omitempty"`
	Strictness   string   `json:"strictness,omitempty"`
	Signals      Signals  `json:"signals"`
}

// Signals are Enabled or Disabled, and a level.
type Signals struct {
	VolumeConfirmation string `json:"volumeConfirmation,omitempty"`
	VolatilityBrake    string `json:"volatilityBrake,omitempty"`
	CorrelationBrake   string `json:"correlationBrake,omitempty"`
	LiquidityFilter    string `json:"liquidityFilter,omitempty"`
}

// Risk is in basis points, and trades a day.
type Risk struct {
	MaxPositionSizeBps *int32 `json:"maxPositionSizeBps,omitempty"`
	MaxDailyLossBps    *int32 `json:"maxDailyLossBps,omitempty"`
	MaxDrawdownBps     *int32 `json:"maxDrawdownBps,omitempty"`
	MaxTradesPerDay    *int32 `json:"maxTradesPerDay,omitempty"`
}

// LLM is a model; APIKey names the secret.
type LLM struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	BaseURL  string `json:"baseURL,omitempty"`
	APIKey   string `json:"apiKey"`
}

// Credential is an environment variable; Secret names its value.
type Credential struct {
	Name   string `json:"name"`
	Secret string `json:"secret"`
}

// Skill is pinned to one version.
type Skill struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Channel is a messaging service; Token and AppToken name secrets.
type Channel struct {
	Type      string   `json:"type"`
	Token     string   `json:"token"`
	AppToken  string   `json:"appToken,omitempty"`
	AllowFrom []string `json:"allowFrom"`
}

// Runtime is OpenClaw's exact version, and sections of openclaw.json that the user has written.
type Runtime struct {
	Version string                     `json:"version"`
	Config  map[string]json.RawMessage `json:"config,omitempty"`
}
