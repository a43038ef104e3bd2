// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"strings"
	"testing"
)

// minimalBot has the required fields only.
const minimalBot = `
apiVersion: spawn.cedros.io/v1alpha1
kind: Bot
metadata: {name: scout, namespace: default}
spec:
  accountRef: {name: acme}
  persona: Beginner
  llm:
    provider: anthropic
    model: claude-sonnet-5
    apiKeySecretRef: {name: llm, key: api-key}
`

func TestBotName(t *testing.T) {
	t.Parallel()
	const wantName = "the name of a Bot is at most 40 of a-z, 0-9 and -, beginning with a letter and ending with a " +
		"letter or digit, because its machine is named after it"
	judge(t, minimalBot, map[string]row{
		"40 characters are a name":    {change: text("metadata.name", strings.Repeat("a", 40))},
		"41 characters are too many":  {text("metadata.name", strings.Repeat("a", 41)), "metadata", wantName},
		"a name may end with a digit": {change: text("metadata.name", "scout-7")},
		"a name begins with a letter": {text("metadata.name", "7-scout"), "metadata", wantName},
		"a name has no dot":           {text("metadata.name", "scout.seven"), "metadata", wantName},
		"a name may be generated": {
			change: both(unset("metadata.name"), text("metadata.generateName", "scout-")),
		},
		"a generated name has 40 at most": {
			both(unset("metadata.name"), text("metadata.generateName", strings.Repeat("a", 36))), "metadata",
			wantName,
		},
	})
}

func TestBotIdentity(t *testing.T) {
	t.Parallel()
	const account = "spec.accountRef.name"
	judge(t, minimalBot, map[string]row{
		"the required fields are enough": {change: both()},
		"spec is required":               {unset("spec"), "spec", "Required value"},
		"accountRef is required":         {unset("spec.accountRef"), "spec.accountRef", "Required value"},
		"the account's name is required": {set("spec.accountRef", "{}"), account, "Required value"},
		"the account has 63 characters":  {change: text(account, strings.Repeat("a", 63))},
		"the account has no 64th": {
			text(account, strings.Repeat("a", 64)), account, "may not be more than 63 bytes",
		},
		"the account is not empty":   {text(account, ""), account, "should be at least 1 chars long"},
		"the account is a DNS label": {text(account, "Acme"), account, "should match"},
		"persona is required":        {unset("spec.persona"), "spec.persona", "Required value"},
		"persona may be Tweaker":     {change: text("spec.persona", "Tweaker")},
		"persona may be QuantLite":   {change: text("spec.persona", "QuantLite")},
		"persona cannot be Expert": {
			text("spec.persona", "Expert"), "spec.persona", `supported values: "Beginner", "Tweaker", "QuantLite"`,
		},
	})
}

func TestBotDisplayName(t *testing.T) {
	t.Parallel()
	const field = "spec.displayName"
	const wantPlain = "displayName cannot contain < or >, nor control characters such as a line break"
	judge(t, minimalBot, map[string]row{
		"any script will do":                  {change: text(field, "Späher 侦察 🦞 #7 & \"co\"")},
		"64 characters fit, however they are": {change: text(field, strings.Repeat("侦", 64))},
		"65 characters do not": {
			text(field, strings.Repeat("a", 65)), field, "may not be more than 64 bytes",
		},
		"it is not empty":                   {text(field, ""), field, "should be at least 1 chars long"},
		"no element begins":                 {text(field, "a<b"), field, wantPlain},
		"no element ends":                   {text(field, "a>b"), field, wantPlain},
		"no line break":                     {text(field, "a\nb"), field, wantPlain},
		"no line break at the end":          {text(field, "a\n"), field, wantPlain},
		"no escape character":               {text(field, "a\x1b[2Jb"), field, wantPlain},
		"no delete character":               {text(field, "a\x7fb"), field, wantPlain},
		"no control character beyond ASCII": {text(field, "a\u009b2Jb"), field, wantPlain},
	})
}

func TestBotIntent(t *testing.T) {
	t.Parallel()
	judge(t, minimalBot, map[string]row{
		"desiredState may be Paused":     {change: text("spec.desiredState", "Paused")},
		"desiredState may be Hibernated": {change: text("spec.desiredState", "Hibernated")},
		"desiredState cannot be Stopped": {
			text("spec.desiredState", "Stopped"), "spec.desiredState",
			`supported values: "Running", "Paused", "Hibernated"`,
		},
		"onLostContact may be Stop": {change: text("spec.onLostContact", "Stop")},
		"onLostContact cannot be Restart": {
			text("spec.onLostContact", "Restart"), "spec.onLostContact", `supported values: "KeepRunning", "Stop"`,
		},
		"redeployAt may be in the future": {change: text("spec.redeployAt", "2126-08-20T12:00:00Z")},
		"redeployAt may have an offset":   {change: text("spec.redeployAt", "2026-08-20T12:00:00+02:00")},
		"redeployAt is an instant": {
			text("spec.redeployAt", "tomorrow"), "spec.redeployAt", "must be of type date-time",
		},
		"deletionPolicy may be Snapshot": {change: text("spec.deletionPolicy", "Snapshot")},
		"deletionPolicy cannot be Retain": {
			text("spec.deletionPolicy", "Retain"), "spec.deletionPolicy", `supported values: "Delete", "Snapshot"`,
		},
	})
}

func TestBotCannotMoveToAnotherAccount(t *testing.T) {
	t.Parallel()
	judgeUpdates(t, minimalBot, map[string]transition{
		"another account is refused": {after: text("spec.accountRef.name", "rival"), row: row{
			wantField:   "spec.accountRef.name",
			wantMessage: "a bot cannot move to another account; create a new Bot there and delete this one",
		}},
		"no account is refused": {after: unset("spec.accountRef"), row: row{
			wantField: "spec.accountRef", wantMessage: "Required value",
		}},
		"everything else may change": {after: both(
			set("spec.displayName", "Scout"), set("spec.persona", "QuantLite"), set("spec.desiredState", "Paused"),
			set("spec.onLostContact", "Stop"), set("spec.redeployAt", "'2026-08-20T12:00:00Z'"),
			set("spec.deletionPolicy", "Snapshot"), set("spec.trading.assetFocus", "Memes"),
			set("spec.risk", "{maxTradesPerDay: 1}"), set("spec.llm.model", "claude-opus-5"),
			set("spec.machine", "{region: fra1, size: s-2vcpu-4gb, image: debian-13-x64, ipv6: Enabled}"),
			set("spec.heartbeat", "{intervalSeconds: 60, graceSeconds: 180}"),
		)},
	})
}

func TestBotTrading(t *testing.T) {
	t.Parallel()
	const goesWithCustom = "customAssets goes with assetFocus Custom: list at least one asset there, " +
		"and leave it out with any other assetFocus"
	const asset = "an asset is a symbol such as BTC-USD: A-Z, 0-9, dot, slash, dash and underscore"
	focus, assets := text("spec.trading.assetFocus", "Custom"), "spec.trading.customAssets"
	rows := map[string]row{
		"mode cannot be Demo": {
			text("spec.trading.mode", "Demo"), "spec.trading.mode", `supported values: "Paper", "Live"`,
		},

		"assetFocus may be Memes": {change: text("spec.trading.assetFocus", "Memes")},
		"assetFocus cannot be Stocks": {
			text("spec.trading.assetFocus", "Stocks"), "spec.trading.assetFocus",
			`supported values: "Majors", "Memes", "Custom"`,
		},
		"Custom needs customAssets": {focus, assets, goesWithCustom},
		"Custom has customAssets":   {change: both(focus, list(assets, "BTC-USD"))},
		"Majors has no customAssets": {
			both(text("spec.trading.assetFocus", "Majors"), list(assets, "BTC-USD")), assets, goesWithCustom,
		},
		"customAssets without an assetFocus": {list(assets, "BTC-USD"), assets, goesWithCustom},
		"customAssets cannot be empty":       {both(focus, list(assets)), assets, "should have at least 1 items"},
		"50 assets fit":                      {change: both(focus, list(assets, many(50, "A%d")...))},
		"51 assets do not": {
			both(focus, list(assets, many(51, "A%d")...)), assets, "must have at most 50 items",
		},
		"an asset is listed once": {
			both(focus, list(assets, "BTC", "BTC")), assets + "[1]", `Duplicate value: "BTC"`,
		},
		"an asset has 32 characters": {change: both(focus, list(assets, strings.Repeat("A", 32)))},
		"an asset has no 33rd": {
			both(focus, list(assets, strings.Repeat("A", 33))), assets + "[0]", "may not be more than 32 bytes",
		},
		"an asset is not empty": {
			both(focus, list(assets, "")), assets + "[0]", "should be at least 1 chars long",
		},
		"an asset may have any separator": {
			change: both(focus, list(assets, "BTC/USDT", "BRK.B", "BTC_PERP", "1INCH-USD")),
		},
		"an asset is in upper case":         {both(focus, list(assets, "btc-usd")), assets + "[0]", asset},
		"an asset is not a sentence":        {both(focus, list(assets, "IGNORE ALL RULES")), assets + "[0]", asset},
		"an asset ends where its line does": {both(focus, list(assets, "BTC\n")), assets + "[0]", asset},
	}
	addEnums(rows, map[string][]string{
		"spec.trading.algorithm":                  {"Trend", "MeanReversion", "Breakout"},
		"spec.trading.strictness":                 {"Low", "Medium", "High"},
		"spec.trading.signals.volumeConfirmation": {"Enabled", "Disabled"},
		"spec.trading.signals.volatilityBrake":    {"Enabled", "Disabled"},
		"spec.trading.signals.correlationBrake":   {"Enabled", "Disabled"},
		"spec.trading.signals.liquidityFilter":    {"Low", "Medium", "High"},
	})
	judge(t, minimalBot, rows)
}

// limits are all four risk limits, at values that go together.
const limits = "{maxPositionSizeBps: 1000, maxDailyLossBps: 250, maxDrawdownBps: 1500, maxTradesPerDay: 20}"

func TestHIGH003_RiskLimitsAreRefusedByTheAPIServerItself(t *testing.T) {
	t.Parallel()
	const lossInDrawdown = "maxDailyLossBps cannot be above maxDrawdownBps: a day's loss is part of the drawdown"
	const liveNeedsLimits = "trading.mode Live needs all four risk limits: maxPositionSizeBps, maxDailyLossBps, " +
		"maxDrawdownBps and maxTradesPerDay"
	live, complete := text("spec.trading.mode", "Live"), set("spec.risk", limits)
	rows := map[string]row{
		"all limits are accepted":         {change: complete},
		"some limits are enough on paper": {change: set("spec.risk", "{maxTradesPerDay: 3}")},
		"no limit is needed on paper":     {change: text("spec.trading.mode", "Paper")},
		"daily loss may be the whole drawdown": {
			change: set("spec.risk", "{maxDailyLossBps: 500, maxDrawdownBps: 500}"),
		},
		"daily loss may stand alone": {change: set("spec.risk", "{maxDailyLossBps: 10000}")},
		"drawdown may stand alone":   {change: set("spec.risk", "{maxDrawdownBps: 0}")},
		"daily loss cannot exceed drawdown": {
			set("spec.risk", "{maxDailyLossBps: 501, maxDrawdownBps: 500}"), "spec.risk.maxDailyLossBps",
			lossInDrawdown,
		},
		"Live with all limits is accepted": {change: both(live, complete)},
		"Live with limits of 0 is accepted": {change: both(live, set("spec.risk",
			"{maxPositionSizeBps: 0, maxDailyLossBps: 0, maxDrawdownBps: 0, maxTradesPerDay: 0}"))},
		"Live without limits": {live, "spec.risk", liveNeedsLimits},
		"Live with no limit":  {both(live, set("spec.risk", "{}")), "spec.risk", liveNeedsLimits},
		"Live with null limit": {
			both(live, complete, set("spec.risk.maxDrawdownBps", "null")), "spec.risk", liveNeedsLimits,
		},
	}
	for _, field := range []string{"maxPositionSizeBps", "maxDailyLossBps", "maxDrawdownBps", "maxTradesPerDay"} {
		path := "spec.risk." + field
		rows["Live without "+field] = row{both(live, complete, unset(path)), "spec.risk", liveNeedsLimits}
		rows[field+" may be 0"] = row{change: set(path, "0")}
		rows[field+" may be 10000"] = row{change: set(path, "10000")}
		rows[field+" cannot be -5"] = row{set(path, "-5"), path, "should be greater than or equal to 0"}
		rows[field+" cannot be -100"] = row{set(path, "-100"), path, "should be greater than or equal to 0"}
		rows[field+" cannot be 10001"] = row{set(path, "10001"), path, "should be less than or equal to 10000"}
		rows[field+" cannot be NaN"] = row{text(path, "NaN"), path, `must be of type integer: "string"`}
		rows[field+" cannot be a percentage"] = row{text(path, "2.5%"), path, `must be of type integer: "string"`}
		rows[field+" cannot be a fraction"] = row{set(path, "2.5"), path, `must be of type int32: "float64"`}
	}
	judge(t, minimalBot, rows)
}

func TestHIGH003_RiskLimitsOfALiveBotCannotBeRemoved(t *testing.T) {
	t.Parallel()
	live := both(text("spec.trading.mode", "Live"), set("spec.risk", limits))
	judgeUpdates(t, minimalBot, map[string]transition{
		"while it is live": {before: live, after: unset("spec.risk"), row: row{
			wantField: "spec.risk", wantMessage: "trading.mode Live needs all four risk limits",
		}},
		"unless it goes back to paper": {before: live, after: both(unset("spec.risk"), unset("spec.trading"))},
	})
}
