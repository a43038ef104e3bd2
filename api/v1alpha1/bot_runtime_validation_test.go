// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestBotLLM(t *testing.T) {
	t.Parallel()
	const provider, model, ref = "spec.llm.provider", "spec.llm.model", "spec.llm.apiKeySecretRef"
	rows := map[string]row{
		"llm is required":            {unset("spec.llm"), "spec.llm", "Required value"},
		"provider is required":       {unset(provider), provider, "Required value"},
		"provider may be any name":   {change: text(provider, "open-router2")},
		"provider has 63 characters": {change: text(provider, strings.Repeat("p", 63))},
		"provider has no 64th": {
			text(provider, strings.Repeat("p", 64)), provider, "may not be more than 63 bytes",
		},
		"provider is not empty":       {text(provider, ""), provider, "should be at least 1 chars long"},
		"provider is in lower case":   {text(provider, "Anthropic"), provider, "should match"},
		"model is required":           {unset(model), model, "Required value"},
		"model may be a path":         {change: text(model, "meta-llama/Llama-4:free@2026")},
		"model has 128 characters":    {change: text(model, strings.Repeat("m", 128))},
		"model has no 129th":          {text(model, strings.Repeat("m", 129)), model, "may not be more than 128 bytes"},
		"model is not empty":          {text(model, ""), model, "should be at least 1 chars long"},
		"model is not a sentence":     {text(model, "the best one"), model, "should match"},
		"apiKeySecretRef is required": {unset(ref), ref, "Required value"},
		"a key is never inline":       {text(ref, "sk-ant-1"), ref, "must be of type object"},
	}
	addSecretKeyBounds(rows, ref, ref, ref)
	judge(t, minimalBot, rows)
}

func TestBotLLMBaseURL(t *testing.T) {
	t.Parallel()
	const url = "spec.llm.baseURL"
	const wantURL = "baseURL must be https:// and a lower-case host, then at most a port and a path; " +
		"no user name, query or fragment"
	const goesWithCustom = "baseURL goes with provider custom: set it there, and leave it out with any other provider"
	custom := text("spec.llm.provider", "custom")
	base := "https://llm.example.com/"
	judge(t, minimalBot, map[string]row{
		"custom has a baseURL":       {change: both(custom, text(url, "https://llm.example.com"))},
		"custom needs a baseURL":     {custom, url, goesWithCustom},
		"another provider has none":  {text(url, "https://llm.example.com"), url, goesWithCustom},
		"port and path are possible": {change: both(custom, text(url, "https://llm.example.com:8443/v1/~me"))},
		"512 characters fit":         {change: both(custom, text(url, base+strings.Repeat("v", 512-len(base))))},
		"513 characters do not": {
			both(custom, text(url, base+strings.Repeat("v", 513-len(base)))), url, "may not be more than 512 bytes",
		},
		"it is not empty":      {both(custom, text(url, "")), url, "should be at least 1 chars long"},
		"http is refused":      {both(custom, text(url, "http://llm.example.com")), url, wantURL},
		"a name without https": {both(custom, text(url, "llm.example.com")), url, wantURL},
		"a user name is refused": {
			both(custom, text(url, "https://llm.example.com@evil.example")), url, wantURL,
		},
		"a query is refused":            {both(custom, text(url, "https://llm.example.com/?key=1")), url, wantURL},
		"a fragment is refused":         {both(custom, text(url, "https://llm.example.com/#a")), url, wantURL},
		"an IPv6 literal is refused":    {both(custom, text(url, "https://[::1]/")), url, wantURL},
		"a line break is refused":       {both(custom, text(url, "https://llm.example.com\n")), url, wantURL},
		"a port of 6 digits is refused": {both(custom, text(url, "https://llm.example.com:123456")), url, wantURL},
	})
}

func TestBotCredentials(t *testing.T) {
	t.Parallel()
	const field = "spec.credentials"
	const wantName = "the name of a credential is that of its environment variable: A-Z, 0-9 and _, " +
		"beginning with a letter"
	credential := func(name string) string { return fmt.Sprintf("{name: %q, secretRef: {name: s, key: k}}", name) }
	rows := map[string]row{
		"a credential has a name and a key": {change: set(field, "["+credential("EXCHANGE_KEY_2")+"]")},
		"a credential cannot take a variable of the runtime": {
			set(field, "["+credential("NODE_OPTIONS")+"]"), field + "[0].name", "this variable belongs to the runtime",
		},
		"32 credentials fit": {change: set(field, items(32, credential("KEY_%d")))},
		"33 credentials do not": {
			set(field, items(33, credential("KEY_%d"))), field, "must have at most 32 items",
		},
		"a name is used once": {
			set(field, "["+credential("A")+","+credential("A")+"]"), field + "[1]", `Duplicate value: {"name":"A"}`,
		},
		"a name is required": {
			set(field, "[{secretRef: {name: s, key: k}}]"), field + "[0].name", "Required value",
		},
		"a name is not empty": {
			set(field, "["+credential("")+"]"), field + "[0].name", "should be at least 1 chars long",
		},
		"a name has 128 characters": {change: set(field, "["+credential(strings.Repeat("N", 128))+"]")},
		"a name has no 129th": {
			set(field, "["+credential(strings.Repeat("N", 129))+"]"), field + "[0].name",
			"may not be more than 128 bytes",
		},
		"a name is in upper case": {
			set(field, "["+credential("exchange_key")+"]"), field + "[0].name", wantName,
		},
		"a name begins with a letter": {set(field, "["+credential("2ND_KEY")+"]"), field + "[0].name", wantName},
		"a name has no equals sign":   {set(field, "["+credential("A=B")+"]"), field + "[0].name", wantName},
		"a secretRef is required":     {set(field, "[{name: A}]"), field + "[0].secretRef", "Required value"},
	}
	addListSecretKeyBounds(rows, field, "secretRef", "{name: A, secretRef: %s}")
	judge(t, minimalBot, rows)
}

func TestBotSkills(t *testing.T) {
	t.Parallel()
	const field = "spec.skills"
	const wantVersion = "version must be one exact version such as 1.4.2, not a range or a tag"
	skill := func(name, version string) string { return fmt.Sprintf("{name: %q, version: %q}", name, version) }
	one := func(name, version string) change { return set(field, "["+skill(name, version)+"]") }
	rows := map[string]row{
		"a skill is pinned":         {change: one("chart-reader", "1.4.2")},
		"a skill may have an owner": {change: one("@acme/chart_reader.v2", "1.4.2-rc.1")},
		"32 skills fit":             {change: set(field, items(32, skill("s%d", "1.0.0")))},
		"33 skills do not": {
			set(field, items(33, skill("s%d", "1.0.0"))), field, "must have at most 32 items",
		},
		"a skill is listed once": {
			set(field, "["+skill("a", "1.0.0")+","+skill("a", "2.0.0")+"]"), field + "[1]",
			`Duplicate value: {"name":"a"}`,
		},
		"a name is required":        {set(field, "[{version: 1.0.0}]"), field + "[0].name", "Required value"},
		"a name is not empty":       {one("", "1.0.0"), field + "[0].name", "should be at least 1 chars long"},
		"a name has 128 characters": {change: one(strings.Repeat("n", 128), "1.0.0")},
		"a name has no 129th": {
			one(strings.Repeat("n", 129), "1.0.0"), field + "[0].name", "may not be more than 128 bytes",
		},
		"a name is not a path":    {one("../chart", "1.0.0"), field + "[0].name", "should match"},
		"a version is required":   {set(field, "[{name: a}]"), field + "[0].version", "Required value"},
		"a version is not empty":  {one("a", ""), field + "[0].version", "should be at least 1 chars long"},
		"a version has 64 in all": {change: one("a", "1.0.0-"+strings.Repeat("a", 58))},
		"a version has no 65th": {
			one("a", "1.0.0-"+strings.Repeat("a", 59)), field + "[0].version", "may not be more than 64 bytes",
		},
		"a version is not a range":   {one("a", "^1.4.2"), field + "[0].version", wantVersion},
		"a version is not latest":    {one("a", "latest"), field + "[0].version", wantVersion},
		"a version is not partial":   {one("a", "1.4"), field + "[0].version", wantVersion},
		"a version is not a v-thing": {one("a", "v1.4.2"), field + "[0].version", wantVersion},
	}
	judge(t, minimalBot, rows)
}

func TestBotOpenClaw(t *testing.T) {
	t.Parallel()
	const version, config = "spec.openclaw.version", "spec.openclaw.config"
	const configMap = "spec.openclaw.workspaceConfigMapRef.name"
	const wantVersion = "version must be one exact OpenClaw version such as 2026.9.6, not a range or a tag"
	const wantKeys = "only agents, commands, logging, memory, messages, models, session, skills and tools may be set " +
		"here; open-spawn writes the rest of openclaw.json"
	judge(t, minimalBot, map[string]row{
		"a version is pinned":      {change: text(version, "2026.9.6")},
		"a version may be a beta":  {change: text(version, "2026.12.24-beta.1")},
		"a version is not latest":  {text(version, "latest"), version, wantVersion},
		"a version is not a range": {text(version, "2026.9.x"), version, wantVersion},
		"a version is not empty":   {text(version, ""), version, "should be at least 1 chars long"},
		"a version has 64 in all":  {change: text(version, "2026.9.6-"+strings.Repeat("a", 55))},
		"a version has no 65th": {
			text(version, "2026.9.6-"+strings.Repeat("a", 56)), version, "may not be more than 64 bytes",
		},
		"every allowed section": {
			change: set(config, "{agents: {}, commands: {}, logging: {}, memory: {}, messages: {}, "+
				"models: {}, session: {}, skills: {}, tools: {}}"),
		},
		"a section is free JSON": {
			change: set(config, "{tools: {web: {search: {enabled: true, ratio: 0.5, any: [1, {a: null}]}}}}"),
		},
		"the gateway is ours":      {set(config, "{gateway: {bind: lan}}"), config, wantKeys},
		"channels are ours":        {set(config, "{agents: {}, channels: {telegram: {}}}"), config, wantKeys},
		"secrets are ours":         {set(config, "{secrets: {}}"), config, wantKeys},
		"env is ours":              {set(config, "{env: {}}"), config, wantKeys},
		"a section is an object":   {set(config, "{tools: all}"), config + ".tools", "must be of type object"},
		"17 sections are too many": {set(config, sections(17)), config, "must have at most 16 items"},
		"a workspace has a source": {change: text(configMap, "scout-workspace")},
		"a source has a name":      {set("spec.openclaw.workspaceConfigMapRef", "{}"), configMap, "Required value"},
		"a source's name is given": {text(configMap, ""), configMap, "should be at least 1 chars long"},
		"a source's name has 253":  {change: text(configMap, strings.Repeat("c", 253))},
		"a source's name has no 254": {
			text(configMap, strings.Repeat("c", 254)), configMap, "may not be more than 253 bytes",
		},
		"a source's name is a name": {text(configMap, "other/scout"), configMap, "should match"},
	})
}

// sections are n sections of openclaw.json.
func sections(n int) string { return "{" + strings.Join(many(n, "s%d: {}"), ", ") + "}" }

// items is a list of n items from a format with one %d.
func items(n int, format string) string { return "[" + strings.Join(many(n, format), ", ") + "]" }
