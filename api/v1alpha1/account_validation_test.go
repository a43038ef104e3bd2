// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"strings"
	"testing"
)

// minimalAccount has the required fields only.
const minimalAccount = `
apiVersion: spawn.cedros.io/v1alpha1
kind: Account
metadata: {name: acme}
spec: {externalID: cus_1, tier: Basic}
`

func TestAccountName(t *testing.T) {
	t.Parallel()
	const wantName = "the name of an Account is a DNS label: at most 63 of a-z, 0-9 and -, " +
		"beginning and ending with a letter or digit"
	judge(t, minimalAccount, map[string]row{
		"63 characters are a name":           {change: text("metadata.name", strings.Repeat("a", 63))},
		"64 characters are too many":         {text("metadata.name", strings.Repeat("a", 64)), "metadata", wantName},
		"digits and dashes may be in a name": {change: text("metadata.name", "0-a-9")},
		"a dot is not part of a label":       {text("metadata.name", "acme.corp"), "metadata", wantName},
	})
}

func TestAccountIdentityAndPlan(t *testing.T) {
	t.Parallel()
	judge(t, minimalAccount, map[string]row{
		"externalID and tier are all that is needed": {change: both()},

		"externalID may have 253 characters": {change: text("spec.externalID", strings.Repeat("x", 253))},
		"externalID of 254 characters is too long": {
			text("spec.externalID", strings.Repeat("x", 254)), "spec.externalID", "may not be more than 253 bytes",
		},
		"externalID cannot be empty": {
			text("spec.externalID", ""), "spec.externalID", "should be at least 1 chars long",
		},
		"externalID is required": {unset("spec.externalID"), "spec.externalID", "Required value"},

		"tier Free is known":  {change: text("spec.tier", "Free")},
		"tier Pro is known":   {change: text("spec.tier", "Pro")},
		"tier is required":    {unset("spec.tier"), "spec.tier", "Required value"},
		"tier Gold is not":    {text("spec.tier", "Gold"), "spec.tier", `supported values: "Free", "Basic", "Pro"`},
		"spec is required":    {unset("spec"), "spec", "Required value"},
		"tier cannot be free": {text("spec.tier", "free"), "spec.tier", `supported values: "Free", "Basic", "Pro"`},

		"maxBots may be 0":       {change: set("spec.maxBots", "0")},
		"maxBots may be 100":     {change: set("spec.maxBots", "100")},
		"maxBots cannot be -1":   {set("spec.maxBots", "-1"), "spec.maxBots", "greater than or equal to 0"},
		"maxBots cannot be 101":  {set("spec.maxBots", "101"), "spec.maxBots", "less than or equal to 100"},
		"maxBots is a number":    {text("spec.maxBots", "3"), "spec.maxBots", "must be of type integer"},
		"maxBots is not a float": {set("spec.maxBots", "2.5"), "spec.maxBots", "must be of type int32"},

		"desiredState may be Suspended": {change: text("spec.desiredState", "Suspended")},
		"desiredState cannot be Closed": {
			text("spec.desiredState", "Closed"), "spec.desiredState", `supported values: "Active", "Suspended"`,
		},
		"liveTrading may be Allowed": {change: text("spec.liveTrading", "Allowed")},
		"liveTrading cannot be true": {
			text("spec.liveTrading", "true"), "spec.liveTrading", `supported values: "Forbidden", "Allowed"`,
		},

		"maxUnavailable may be 100": {change: set("spec.maxUnavailable", "100")},
		"maxUnavailable cannot be 0": {
			set("spec.maxUnavailable", "0"), "spec.maxUnavailable", "greater than or equal to 1",
		},
		"maxUnavailable cannot be 101": {
			set("spec.maxUnavailable", "101"), "spec.maxUnavailable", "less than or equal to 100",
		},
	})
}

func TestAccountNamespaces(t *testing.T) {
	t.Parallel()
	judge(t, minimalAccount, map[string]row{
		"no namespace may be listed":   {change: list("spec.namespaces")},
		"100 namespaces may be listed": {change: list("spec.namespaces", many(100, "desk-%d")...)},
		"101 namespaces are too many": {
			list("spec.namespaces", many(101, "desk-%d")...), "spec.namespaces", "must have at most 100 items",
		},
		"a namespace is listed once": {
			list("spec.namespaces", "desk", "desk"), "spec.namespaces[1]", `Duplicate value: "desk"`,
		},
		"a namespace has a name": {
			list("spec.namespaces", ""), "spec.namespaces[0]", "should be at least 1 chars long",
		},
		"a namespace is a DNS label":    {list("spec.namespaces", "desk.7"), "spec.namespaces[0]", "should match"},
		"a namespace has 63 characters": {change: list("spec.namespaces", strings.Repeat("n", 63))},
		"a namespace has no 64th": {
			list("spec.namespaces", strings.Repeat("n", 64)), "spec.namespaces[0]", "may not be more than 63 bytes",
		},
		"every namespace is not a value": {list("spec.namespaces", "*"), "spec.namespaces[0]", "should match"},
	})
}

func TestAccountMachinePolicy(t *testing.T) {
	t.Parallel()
	rows := map[string]row{
		"a machine may cost nothing":      {change: set("spec.machinePolicy.maxHourlyMicroUSD", "0")},
		"a machine may cost 1000 an hour": {change: set("spec.machinePolicy.maxHourlyMicroUSD", "1000000000")},
		"a machine cannot cost less than nothing": {
			set("spec.machinePolicy.maxHourlyMicroUSD", "-1"), "spec.machinePolicy.maxHourlyMicroUSD",
			"greater than or equal to 0",
		},
		"a machine cannot cost more than 1000 an hour": {
			set("spec.machinePolicy.maxHourlyMicroUSD", "1000000001"), "spec.machinePolicy.maxHourlyMicroUSD",
			"less than or equal to 1000000000",
		},
	}
	for _, bounded := range []struct {
		field, format       string
		maxItems, maxLength int
	}{
		{"allowedRegions", "region-%d", 50, 32},
		{"allowedSizes", "size-%d", 100, 64},
		{"allowedImages", "image-%d", 50, 128},
		{"allowedVPCs", "5a4981aa-9653-4bd1-bef5-d6bff520%04d", 50, 36},
	} {
		addListBounds(rows, "spec.machinePolicy."+bounded.field, bounded.format, bounded.maxItems, bounded.maxLength)
	}
	rows["a VPC is a UUID of 36 characters"] = row{
		list("spec.machinePolicy.allowedVPCs", "my-vpc"), "spec.machinePolicy.allowedVPCs[0]",
		"should be at least 36 chars long",
	}
	judge(t, minimalAccount, rows)
}

func TestAccountLLMPolicy(t *testing.T) {
	t.Parallel()
	const hosts = "spec.llmPolicy.allowedHosts"
	rows := map[string]row{
		"a host is a name":         {change: list(hosts, "llm.example.com")},
		"a host is not a wildcard": {list(hosts, "*.example.com"), hosts + "[0]", "should match"},
		"a host is not a URL":      {list(hosts, "https://llm.example.com"), hosts + "[0]", "should match"},
	}
	addListBounds(rows, hosts, "host-%d.example.com", 50, 253)
	judge(t, minimalAccount, rows)
}

func TestAccountExternalIDCannotBeChanged(t *testing.T) {
	t.Parallel()
	judgeUpdates(t, minimalAccount, map[string]transition{
		"another id is refused": {after: text("spec.externalID", "cus_2"), row: row{
			wantField:   "spec.externalID",
			wantMessage: "externalID cannot be changed; create a new Account for another customer",
		}},
		"removing it is refused": {after: unset("spec.externalID"), row: row{
			wantField: "spec.externalID", wantMessage: "Required value",
		}},
		"everything else may change": {after: both(
			set("spec.tier", "Free"), set("spec.maxBots", "7"), set("spec.desiredState", "Suspended"),
			list("spec.namespaces", "desk"), set("spec.liveTrading", "Allowed"),
		)},
	})
}

func TestAccountStatusBounds(t *testing.T) {
	t.Parallel()
	judgeStatus(t, minimalAccount, map[string]row{
		"a slot has a time": {
			set("status.slots", "{desk/scout: {uid: a}}"), "status.slots.desk/scout.reservedAt", "Required value",
		},
		"a slot's time is a time": {
			set("status.slots", "{desk/scout: {reservedAt: soon}}"), "status.slots.desk/scout.reservedAt",
			"must be of type date-time",
		},
		"initializedFor may have 64 characters": {change: text("status.initializedFor", strings.Repeat("u", 64))},
		"a slot's uid may have 64 characters": {
			change: both(slots("desk/scout"), text("status.slots.desk/scout.uid", strings.Repeat("u", 64))),
		},
		"initializedFor of 65 characters is too long": {
			text("status.initializedFor", strings.Repeat("u", 65)), "status.initializedFor",
			"may not be more than 64 bytes",
		},
		"a slot's uid of 65 characters is too long": {
			both(slots("desk/scout"), text("status.slots.desk/scout.uid", strings.Repeat("u", 65))),
			"status.slots.desk/scout.uid", "may not be more than 64 bytes",
		},
		"16 conditions are possible": {change: conditions(16)},
		"17 conditions are too many": {conditions(17), "status.conditions", "must have at most 16 items"},
		"a condition type is unique": {sameCondition(), "status.conditions[1]", `Duplicate value: {"type":"Ready"}`},
	})
}
