// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// TradingMode says whether a bot trades with real money.
// +kubebuilder:validation:Enum=Paper;Live
type TradingMode string

// The trading modes.
const (
	// TradingPaper trades with pretend money.
	TradingPaper TradingMode = "Paper"
	// TradingLive trades with real money; the Account must allow it and every risk limit must be set.
	TradingLive TradingMode = "Live"
)

// AssetFocus is the group of assets a bot looks at.
// +kubebuilder:validation:Enum=Majors;Memes;Custom
type AssetFocus string

// The asset groups.
const (
	// AssetsMajors are the large, liquid assets.
	AssetsMajors AssetFocus = "Majors"
	// AssetsMemes are assets that move by attention.
	AssetsMemes AssetFocus = "Memes"
	// AssetsCustom are those listed in customAssets.
	AssetsCustom AssetFocus = "Custom"
)

// Algorithm is the family of strategy a bot follows.
// +kubebuilder:validation:Enum=Trend;MeanReversion;Breakout
type Algorithm string

// The algorithms.
const (
	// AlgorithmTrend follows a direction.
	AlgorithmTrend Algorithm = "Trend"
	// AlgorithmMeanReversion expects prices to come back.
	AlgorithmMeanReversion Algorithm = "MeanReversion"
	// AlgorithmBreakout waits for a price to leave its range.
	AlgorithmBreakout Algorithm = "Breakout"
)

// Level is low, medium or high.
// +kubebuilder:validation:Enum=Low;Medium;High
type Level string

// The levels.
const (
	// LevelLow is the loosest.
	LevelLow Level = "Low"
	// LevelMedium is between.
	LevelMedium Level = "Medium"
	// LevelHigh is the strictest.
	LevelHigh Level = "High"
)

// Trading is what a bot trades and how. What is unset is left to the persona.
// +kubebuilder:validation:XValidation:rule="(has(self.assetFocus) && self.assetFocus == 'Custom') == has(self.customAssets)",message="customAssets goes with assetFocus Custom: list at least one asset there, and leave it out with any other assetFocus",fieldPath=".customAssets"
type Trading struct {
	// mode Live trades with real money. Defaults to Paper.
	// +optional
	// +kubebuilder:default=Paper
	Mode TradingMode `json:"mode,omitempty"`

	// assetFocus is the group of assets to look at. Unset leaves it to the persona.
	// +optional
	AssetFocus AssetFocus `json:"assetFocus,omitempty"`

	// customAssets are 1 to 50 symbols such as BTC-USD. Required with assetFocus Custom, forbidden otherwise.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[A-Z0-9][A-Z0-9./_-]*$')",message="an asset is a symbol such as BTC-USD: A-Z, 0-9, dot, slash, dash and underscore"
	CustomAssets []string `json:"customAssets,omitempty"`

	// algorithm is the family of strategy. Unset leaves it to the persona.
	// +optional
	Algorithm Algorithm `json:"algorithm,omitempty"`

	// strictness is how clear a signal must be before the bot acts. Unset leaves it to the persona.
	// +optional
	Strictness Level `json:"strictness,omitempty"`

	// signals are the checks a signal must pass.
	// +optional
	Signals Signals `json:"signals,omitempty,omitzero"`
}

// Signals are the checks that a trading signal must pass. What is unset is left to the persona.
type Signals struct {
	// volumeConfirmation asks for trading volume to agree with a price move.
	// +optional
	VolumeConfirmation Switch `json:"volumeConfirmation,omitempty"`

	// volatilityBrake holds back while prices jump.
	// +optional
	VolatilityBrake Switch `json:"volatilityBrake,omitempty"`

	// correlationBrake holds back from assets that move with those already held.
	// +optional
	CorrelationBrake Switch `json:"correlationBrake,omitempty"`

	// liquidityFilter is how liquid an asset must be.
	// +optional
	LiquidityFilter Level `json:"liquidityFilter,omitempty"`
}

// Risk are limits in basis points, hundredths of a percent: 250 is 2.5 %.
// +kubebuilder:validation:XValidation:rule="!has(self.maxDailyLossBps) || !has(self.maxDrawdownBps) || self.maxDailyLossBps <= self.maxDrawdownBps",message="maxDailyLossBps cannot be above maxDrawdownBps: a day's loss is part of the drawdown",fieldPath=".maxDailyLossBps"
type Risk struct {
	// maxPositionSizeBps is the largest share of the portfolio in one position, 0 to 10000 basis points.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	MaxPositionSizeBps *int32 `json:"maxPositionSizeBps,omitempty"`

	// maxDailyLossBps is the largest loss in one day, 0 to 10000 basis points, at most maxDrawdownBps.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	MaxDailyLossBps *int32 `json:"maxDailyLossBps,omitempty"`

	// maxDrawdownBps is the largest fall from the highest value, 0 to 10000 basis points.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	MaxDrawdownBps *int32 `json:"maxDrawdownBps,omitempty"`

	// maxTradesPerDay is the largest number of trades in one day, 0 to 10000.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	MaxTradesPerDay *int32 `json:"maxTradesPerDay,omitempty"`
}
