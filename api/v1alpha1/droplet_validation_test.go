// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// minimalDroplet has the required fields only, and an image.
const minimalDroplet = `
apiVersion: spawn.cedros.io/v1alpha1
kind: Droplet
metadata: {name: scout-1a2b3c4d, namespace: default}
spec:
  botRef: {name: scout}
  region: nyc3
  size: s-1vcpu-2gb
  image: ubuntu-24-04-x64
  backups: Disabled
  monitoring: Enabled
  ipv6: Disabled
  powerState: "On"
  deletionPolicy: Delete
`

const vpc = "5a4981aa-9653-4bd1-bef5-d6bff52042e4"

func TestDropletName(t *testing.T) {
	t.Parallel()
	const wantName = "the name of a Droplet is the host name of its instance: at most 63 of a-z, 0-9 and -, " +
		"beginning and ending with a letter or digit"
	judge(t, minimalDroplet, map[string]row{
		"63 characters are a host name": {change: text("metadata.name", strings.Repeat("a", 63))},
		"64 characters are too many":    {text("metadata.name", strings.Repeat("a", 64)), "metadata", wantName},
		"a dot is not in a host name":   {text("metadata.name", "scout.1a2b"), "metadata", wantName},
	})
}

func TestDropletSpec(t *testing.T) {
	t.Parallel()
	const oneSource = "set exactly one of image and snapshotID"
	rows := map[string]row{
		"the required fields are enough": {change: both()},
		"a snapshot may be its image":    {change: both(unset("spec.image"), set("spec.snapshotID", "1"))},
		"an image or a snapshot":         {unset("spec.image"), "spec.image", oneSource},
		"not both":                       {set("spec.snapshotID", "1"), "spec.image", oneSource},
		"a snapshot has a number from 1": {
			both(unset("spec.image"), set("spec.snapshotID", "0")), "spec.snapshotID",
			"should be greater than or equal to 1",
		},
		"a snapshot has no name": {
			both(unset("spec.image"), set("spec.snapshotID", "last")), "spec.snapshotID", "must be of type integer",
		},
		"spec is required":           {unset("spec"), "spec", "Required value"},
		"the bot's name is required": {set("spec.botRef", "{}"), "spec.botRef.name", "Required value"},
		"a VPC is a UUID":            {change: text("spec.vpcUUID", vpc)},
		"a VPC has 36 characters": {
			text("spec.vpcUUID", "default"), "spec.vpcUUID", "should be at least 36 chars long",
		},
		"a VPC has no 37th": {
			text("spec.vpcUUID", vpc+"0"), "spec.vpcUUID", "may not be more than 36 bytes",
		},
	}
	for _, field := range []string{
		"botRef", "region", "size", "backups", "monitoring", "ipv6", "powerState", "deletionPolicy",
	} {
		rows[field+" is required"] = row{unset("spec." + field), "spec." + field, "Required value"}
	}
	for field, maxLength := range map[string]int{
		"botRef.name": 40, "region": 32, "size": 64, "image": 128, "userDataSecretName": 253,
	} {
		path := "spec." + field
		rows[field+" is not empty"] = row{text(path, ""), path, "should be at least 1 chars long"}
		rows[fmt.Sprintf("%s has %d characters", field, maxLength)] = row{
			change: text(path, strings.Repeat("a", maxLength)),
		}
		rows[field+" has no more characters"] = row{
			text(path, strings.Repeat("a", maxLength+1)), path, fmt.Sprintf("may not be more than %d bytes", maxLength),
		}
	}
	addEnums(rows, map[string][]string{
		"spec.backups":        {"Enabled", "Disabled"},
		"spec.monitoring":     {"Enabled", "Disabled"},
		"spec.ipv6":           {"Enabled", "Disabled"},
		"spec.powerState":     {"On", "Off"},
		"spec.deletionPolicy": {"Delete", "Snapshot"},
	})
	judge(t, minimalDroplet, rows)
}

func TestDropletLists(t *testing.T) {
	t.Parallel()
	rows := map[string]row{}
	for _, bounded := range []struct {
		path                string
		maxItems, maxLength int
	}{{"spec.sshKeys", 40, 64}, {"spec.tags", 20, 200}} {
		path, maxItems, maxLength := bounded.path, bounded.maxItems, bounded.maxLength
		rows[path+" may be full"] = row{change: list(path, many(maxItems, "%d")...)}
		rows[path+" cannot be fuller"] = row{
			list(path, many(maxItems+1, "%d")...), path, fmt.Sprintf("must have at most %d items", maxItems),
		}
		rows[path+" has no empty item"] = row{list(path, ""), path + "[0]", "should be at least 1 chars long"}
		rows[path+" has long items"] = row{change: list(path, strings.Repeat("0", maxLength))}
		rows[path+" has no longer items"] = row{
			list(path, strings.Repeat("0", maxLength+1)), path + "[0]",
			fmt.Sprintf("may not be more than %d bytes", maxLength),
		}
	}
	judge(t, minimalDroplet, rows)
}

func TestDropletIsOneMachine(t *testing.T) {
	t.Parallel()
	rows := map[string]transition{
		"powerState, size and deletionPolicy may change": {after: both(
			text("spec.powerState", "Off"), text("spec.size", "s-2vcpu-4gb"), text("spec.deletionPolicy", "Snapshot"),
		)},
		"nothing need change": {before: everyOptional, after: both()},
	}
	for field, value := range map[string]string{
		"botRef": "{name: hawk}", "region": "fra1", "backups": "Enabled", "monitoring": "Disabled", "ipv6": "Enabled",
		"image": "debian-13-x64",
	} {
		rows[field+" cannot be changed"] = transition{after: set("spec."+field, value), row: oneMachine(field)}
	}
	for field, value := range map[string]string{
		"userDataSecretName": "another", "sshKeys": "['2']", "vpcUUID": strings.Replace(vpc, "5", "6", 1),
		"tags": "[b]",
	} {
		path := "spec." + field
		rows[field+" cannot be changed"] = transition{
			before: everyOptional, after: set(path, value), row: oneMachine(field),
		}
		rows[field+" cannot be removed"] = transition{before: everyOptional, after: unset(path), row: oneMachine(field)}
		rows[field+" cannot be added"] = transition{after: set(path, value), row: oneMachine(field)}
	}
	snapshot := both(unset("spec.image"), set("spec.snapshotID", "1"))
	rows["snapshotID cannot be changed"] = transition{
		before: snapshot, after: set("spec.snapshotID", "2"), row: oneMachine("snapshotID"),
	}
	judgeUpdates(t, minimalDroplet, rows)
}

func TestDropletImageAndSnapshotCannotBeExchanged(t *testing.T) {
	t.Parallel()
	droplet := stored(t, minimalDroplet)
	both(unset("spec.image"), set("spec.snapshotID", "1"))(droplet)

	err := api.Update(t.Context(), droplet, client.DryRunAll)

	var refused []string
	for _, cause := range causesOf(t, err) {
		refused = append(refused, cause.Field)
	}
	if want := []string{"spec.image", "spec.snapshotID"}; !slices.Equal(refused, want) {
		t.Errorf("refused %v, want %v: %v", refused, want, err)
	}
}

// everyOptional sets every optional field of a Droplet that its image allows.
func everyOptional(o *object) {
	text("spec.userDataSecretName", "scout-1a2b3c4d")(o)
	list("spec.sshKeys", "1")(o)
	text("spec.vpcUUID", vpc)(o)
	list("spec.tags", "a")(o)
}

func oneMachine(field string) row {
	return row{wantField: "spec." + field, wantMessage: "a Droplet is one machine: " + field + " cannot be changed"}
}

const attempt = "{number: 1, state: Pending, startedAt: '2026-08-20T12:00:00.000000Z', leader: m, generation: 1}"

func TestDropletStatusBounds(t *testing.T) {
	t.Parallel()
	const number, state, leader = "status.attempt.number", "status.attempt.state", "status.attempt.leader"
	made := set("status.attempt", attempt)
	rows := map[string]row{
		"an attempt":            {change: made},
		"attempts count from 1": {both(made, set(number, "0")), number, "should be greater than or equal to 1"},
		"an attempt is known": {
			both(made, set(state, "Maybe")), state, `supported values: "Pending", "Refused", "Expired", "Done"`,
		},
		"a leader has 256": {change: both(made, text(leader, strings.Repeat("l", 256)))},
		"a leader has no 257": {
			both(made, text(leader, strings.Repeat("l", 257))), leader, "may not be more than 256 bytes",
		},
		"an action": {
			change: set("status.action", "{type: shutdown, startedAt: '2026-08-20T12:00:00Z'}"),
		},
		"an action has a type": {
			set("status.action", "{startedAt: '2026-08-20T12:00:00Z'}"), "status.action.type", "Required value",
		},
		"an action has a time": {
			set("status.action", "{type: shutdown}"), "status.action.startedAt", "Required value",
		},
		"a long action": {
			set("status.action", "{startedAt: '2026-08-20T12:00:00Z', type: "+strings.Repeat("a", 33)+"}"),
			"status.action.type", "may not be more than 32 bytes",
		},
		"16 conditions fit":         {change: conditions(16)},
		"17 conditions do not":      {conditions(17), "status.conditions", "must have at most 16 items"},
		"a condition is there once": {sameCondition(), "status.conditions[1]", `Duplicate value: {"type":"Ready"}`},
	}
	for _, field := range []string{"number", "state", "startedAt", "leader", "generation"} {
		path := "status.attempt." + field
		rows["an attempt has its "+field] = row{both(made, unset(path)), path, "Required value"}
	}
	addLengths(rows, map[string]int{
		"status.state": 32, "status.publicIPv4": 15, "status.privateIPv4": 15, "status.publicIPv6": 45,
	})
	judgeStatus(t, minimalDroplet, rows)
}

func TestDropletInstanceIsNeverExchanged(t *testing.T) {
	t.Parallel()
	const wantSame = "a Droplet is one machine: its instance cannot be exchanged for another"
	refused := row{wantField: "status.instanceID", wantMessage: wantSame}
	for name, r := range map[string]row{
		"it stays":                    {change: set("status.state", "active")},
		"it cannot change":            {set("status.instanceID", "2"), refused.wantField, refused.wantMessage},
		"a lost status is not locked": {change: unset("status.instanceID")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			droplet := stored(t, minimalDroplet)
			writeStatus(t, droplet, set("status.instanceID", "1"))
			r.change(droplet)
			r.expect(t, api.Status().Update(t.Context(), droplet))
		})
	}
}

func TestBotStatusBounds(t *testing.T) {
	t.Parallel()
	rows := map[string]row{
		"16 conditions fit":         {change: conditions(16)},
		"17 conditions do not":      {conditions(17), "status.conditions", "must have at most 16 items"},
		"a condition is there once": {sameCondition(), "status.conditions[1]", `Duplicate value: {"type":"Ready"}`},
	}
	addLengths(rows, map[string]int{
		"status.dropletName": 63, "status.publicIPv4": 15, "status.agentVersion": 64, "status.openclawVersion": 64,
		"status.config.summary": 48, "status.config.message": 1024,
	})
	judgeStatus(t, minimalBot, rows)
}

// addLengths adds a row for the longest string that fits each field, and one for the next.
func addLengths(rows map[string]row, fields map[string]int) {
	for path, maxLength := range fields {
		rows[path+" may be long"] = row{change: text(path, strings.Repeat("1", maxLength))}
		rows[path+" cannot be longer"] = row{
			text(path, strings.Repeat("1", maxLength+1)), path, fmt.Sprintf("may not be more than %d bytes", maxLength),
		}
	}
}
