// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// telegram is a valid channel without its closing brace, so that more may follow.
const telegram = "{type: Telegram, tokenSecretRef: {name: s, key: k}, allowFrom: ['42']"

func TestBotChannels(t *testing.T) {
	t.Parallel()
	const field = "spec.channels"
	const wantSlack = "appTokenSecretRef goes with type Slack: set it there, and leave it out with any other type"
	const appToken = ", appTokenSecretRef: {name: s, key: app}"
	discord := strings.Replace(telegram, "Telegram", "Discord", 1)
	slack := strings.Replace(telegram, "Telegram", "Slack", 1) + appToken
	one := func(channel string) change { return set(field, "["+channel+"}]") }
	without := func(part string) change { return one(strings.Replace(telegram, part, "", 1)) }
	rows := map[string]row{
		"no channel is needed":          {change: set(field, "[]")},
		"one channel of each type fits": {change: set(field, fmt.Sprintf("[%s}, %s}, %s}]", telegram, discord, slack))},
		"a type is used once": {
			set(field, fmt.Sprintf("[%s}, %s}]", telegram, telegram)), field + "[1]",
			`Duplicate value: {"type":"Telegram"}`,
		},
		"a type is required": {without("type: Telegram, "), field + "[0].type", "Required value"},
		"WhatsApp is not supported": {
			one(strings.Replace(telegram, "Telegram", "WhatsApp", 1)), field + "[0].type",
			`supported values: "Telegram", "Discord", "Slack"`,
		},
		"a token is required": {
			without("tokenSecretRef: {name: s, key: k}, "), field + "[0].tokenSecretRef", "Required value",
		},
		"Slack has an app token": {change: one(slack)},
		"Slack needs an app token": {
			one(strings.TrimSuffix(slack, appToken)), field + "[0].appTokenSecretRef", wantSlack,
		},
		"Telegram has no app token": {one(telegram + appToken), field + "[0].appTokenSecretRef", wantSlack},
		"allowFrom is required":     {without(", allowFrom: ['42']"), field + "[0].allowFrom", "Required value"},
		"an app token names a key": {
			one(strings.Replace(slack, "key: app", "key: ''", 1)), field + "[0].appTokenSecretRef.key",
			"should be at least 1 chars long",
		},
		"an app token names a Secret": {
			one(strings.Replace(slack, "{name: s, key: app}", "{key: app}", 1)),
			field + "[0].appTokenSecretRef.name", "Required value",
		},
	}
	addListSecretKeyBounds(rows, field, "tokenSecretRef", "{type: Telegram, tokenSecretRef: %s, allowFrom: ['42']}")
	judge(t, minimalBot, rows)
}

func TestBotHasThreeChannelsAtMost(t *testing.T) {
	t.Parallel()
	bot := manifest(t, minimalBot)
	set("spec.channels", items(4, strings.Replace(telegram, "42", "%d", 1)+"}"))(bot)

	err := api.Create(t.Context(), bot, client.DryRunAll)

	// There are only three types, so that the fourth also repeats one; that it does is judged elsewhere.
	isTooMany := func(cause metav1.StatusCause) bool {
		return cause.Field == "spec.channels" && strings.Contains(cause.Message, "must have at most 3 items")
	}
	if !slices.ContainsFunc(causesOf(t, err), isTooMany) {
		t.Errorf("refused: %v", err)
	}
}

func TestBotAnswersOnlyWhomItKnows(t *testing.T) {
	t.Parallel()
	const field = "spec.channels[0].allowFrom"
	const wantIDs = "allowFrom lists the ids of those the bot answers, one by one; there is no wildcard"
	from := func(ids ...string) change {
		quoted := make([]string, 0, len(ids))
		for _, id := range ids {
			quoted = append(quoted, fmt.Sprintf("%q", id))
		}
		return set("spec.channels", "["+strings.Replace(telegram, "'42'", strings.Join(quoted, ", "), 1)+"}]")
	}
	judge(t, minimalBot, map[string]row{
		"ids of every service": {
			change: from("123456789", "U024BE7LH", "@trader", "a.b+c@example.com", "team:7-x"),
		},
		"nobody is not an answer":   {from(), field, "should have at least 1 items"},
		"100 ids fit":               {change: from(many(100, "%d")...)},
		"101 ids do not":            {from(many(101, "%d")...), field, "must have at most 100 items"},
		"an id is listed once":      {from("42", "42"), field + "[1]", `Duplicate value: "42"`},
		"an id is not empty":        {from(""), field + "[0]", "should be at least 1 chars long"},
		"an id has 128 characters":  {change: from(strings.Repeat("7", 128))},
		"an id has no 129th":        {from(strings.Repeat("7", 129)), field + "[0]", "may not be more than 128 bytes"},
		"everybody is not an id":    {from("*"), field + "[0]", wantIDs},
		"a name with a space is no": {from("the boss"), field + "[0]", wantIDs},
	})
}

// addSecretKeyBounds adds the rows of a reference at a settable path.
func addSecretKeyBounds(rows map[string]row, path, wantPath, label string) {
	at := func(reference string) change { return set(path, reference) }
	addReferenceRows(rows, at, wantPath, label)
}

// addListSecretKeyBounds adds the rows of a reference in the first item of a list; format makes the item from it.
func addListSecretKeyBounds(rows map[string]row, path, field, format string) {
	at := func(reference string) change { return set(path, "["+fmt.Sprintf(format, reference)+"]") }
	wantPath := path + "[0]." + field
	addReferenceRows(rows, at, wantPath, wantPath)
}

func addReferenceRows(rows map[string]row, at func(string) change, wantPath, label string) {
	reference := func(name, key string) change { return at(fmt.Sprintf("{name: %q, key: %q}", name, key)) }
	name, key := wantPath+".name", wantPath+".key"
	for sentence, r := range map[string]row{
		"names a Secret and a key":     {change: reference("llm.keys-2", "API_KEY.v1-x")},
		"needs a name":                 {at("{key: k}"), name, "Required value"},
		"needs a key":                  {at("{name: s}"), key, "Required value"},
		"has a name that is not empty": {reference("", "k"), name, "should be at least 1 chars long"},
		"has a key that is not empty":  {reference("s", ""), key, "should be at least 1 chars long"},
		"has a name of 253 characters": {change: reference(strings.Repeat("s", 253), "k")},
		"has no name of 254 characters": {
			reference(strings.Repeat("s", 254), "k"), name, "may not be more than 253 bytes",
		},
		"has a key of 253 characters": {change: reference("s", strings.Repeat("k", 253))},
		"has no key of 254 characters": {
			reference("s", strings.Repeat("k", 254)), key, "may not be more than 253 bytes",
		},
		"stays in its namespace":    {reference("other/s", "k"), name, "should match"},
		"has a key without a slash": {reference("s", "a/b"), key, "should match"},
	} {
		rows[label+" "+sentence] = r
	}
}
