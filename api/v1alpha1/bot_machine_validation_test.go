// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"strings"
	"testing"
)

func TestBotMachineSlugs(t *testing.T) {
	t.Parallel()
	const region, size, image = "spec.machine.region", "spec.machine.size", "spec.machine.image"
	judge(t, minimalBot, map[string]row{
		"another region":             {change: text(region, "fra1")},
		"a region has 32 characters": {change: text(region, strings.Repeat("r", 32))},
		"a region has no 33rd":       {text(region, strings.Repeat("r", 33)), region, "may not be more than 32 bytes"},
		"a region is not empty":      {text(region, ""), region, "should be at least 1 chars long"},
		"a region is a slug":         {text(region, "New York"), region, "should match"},

		"another size":             {change: text(size, "c-4-8gib_x.y")},
		"a size has 64 characters": {change: text(size, strings.Repeat("s", 64))},
		"a size has no 65th":       {text(size, strings.Repeat("s", 65)), size, "may not be more than 64 bytes"},
		"a size is not empty":      {text(size, ""), size, "should be at least 1 chars long"},
		"a size is a slug":         {text(size, "2 GB"), size, "should match"},

		"another image":               {change: text(image, "debian-13-x64")},
		"an image has 128 characters": {change: text(image, strings.Repeat("i", 128))},
		"an image has no 129th":       {text(image, strings.Repeat("i", 129)), image, "may not be more than 128 bytes"},
		"an image is not empty":       {text(image, ""), image, "should be at least 1 chars long"},
		"an image is a slug":          {text(image, "Ubuntu 24"), image, "should match"},
		"an image is not a snapshot": {
			text(image, "130000001"), image,
			"image is the slug of a public image such as ubuntu-24-04-x64, not a number",
		},
		"an image is not a number": {set(image, "130000001"), image, "must be of type string"},
	})
}

func TestBotMachineSwitches(t *testing.T) {
	t.Parallel()
	rows := map[string]row{}
	addEnums(rows, map[string][]string{
		"spec.machine.backups":    {"Enabled", "Disabled"},
		"spec.machine.monitoring": {"Enabled", "Disabled"},
		"spec.machine.ipv6":       {"Enabled", "Disabled"},
	})
	judge(t, minimalBot, rows)
}

func TestBotMachineNetwork(t *testing.T) {
	t.Parallel()
	const field, uuid = "spec.machine.vpcUUID", "5a4981aa-9653-4bd1-bef5-d6bff52042e4"
	const wantUUID = "vpcUUID must be a UUID in lower case, such as 5a4981aa-9653-4bd1-bef5-d6bff52042e4"
	judge(t, minimalBot, map[string]row{
		"a VPC is a UUID":              {change: text(field, uuid)},
		"a VPC is not a name":          {text(field, "default-nyc3"), field, wantUUID},
		"a VPC is in lower case":       {text(field, strings.ToUpper(uuid)), field, wantUUID},
		"a VPC is not empty":           {text(field, ""), field, wantUUID},
		"a VPC has no more characters": {text(field, uuid+"0"), field, "may not be more than 36 bytes"},
	})
}

func TestBotMachineLists(t *testing.T) {
	t.Parallel()
	const keys, tags, packages = "spec.machine.sshKeys", "spec.machine.tags", "spec.machine.packages"
	const fingerprint = "3b:16:bf:e4:8b:00:8b:b8:59:8c:a9:d3:f0:19:45:fa"
	const wantKey = "an SSH key is named by its id at DigitalOcean, such as 512190, or by its MD5 fingerprint, " +
		"16 pairs of lower-case hex digits with colons between; the key itself does not go here"
	const wantTag = "a tag consists of letters, digits, colons, dashes and underscores"
	const wantPackage = "a package is given by its Debian name alone, such as jq, without version or options"
	rows := map[string]row{
		"an SSH key is an id or a fingerprint": {change: list(keys, "512190", fingerprint)},
		"an SSH key is not itself": {
			list(keys, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me"), keys + "[0]", wantKey,
		},
		"an SSH key is not a SHA256": {
			list(keys, "SHA256:uNiVztksCsDhcc0u9e8BrWGnE9g"), keys + "[0]", wantKey,
		},

		"a tag may have a colon":      {change: list(tags, "desk:7", "Team_A-1")},
		"a tag has no space":          {list(tags, "desk 7"), tags + "[0]", wantTag},
		"a tag has no comma":          {list(tags, "a,b"), tags + "[0]", wantTag},
		"a package has a Debian name": {change: list(packages, "jq", "g++", "python3.13-venv")},
		"a package has no options":    {list(packages, "--allow-unauthenticated"), packages + "[0]", wantPackage},
		"a package has no version":    {list(packages, "jq=1.7"), packages + "[0]", wantPackage},
		"a package has no shell":      {list(packages, "jq; reboot"), packages + "[0]", wantPackage},
		"a package has two letters":   {list(packages, "j"), packages + "[0]", "should be at least 2 chars long"},
	}
	addListBounds(rows, keys, "%d", 20, 64)
	addListBounds(rows, tags, "desk-%d", 20, 200)
	addListBounds(rows, packages, "lib%d", 50, 128)
	judge(t, minimalBot, rows)
}

func TestBotHeartbeat(t *testing.T) {
	t.Parallel()
	const interval, grace = "spec.heartbeat.intervalSeconds", "spec.heartbeat.graceSeconds"
	const wantThree = "graceSeconds (150 when unset) must be at least 3 times intervalSeconds, " +
		"so that one lost heartbeat marks nobody"
	judge(t, minimalBot, map[string]row{
		"10 s is the shortest interval": {change: set(interval, "10")},
		"9 s is too short": {
			set(interval, "9"), interval, "should be greater than or equal to 10",
		},
		"300 s is the longest interval": {change: both(set(interval, "300"), set(grace, "900"))},
		"301 s is too long": {
			both(set(interval, "301"), set(grace, "3600")), interval, "should be less than or equal to 300",
		},
		"30 s is the shortest grace": {change: both(set(interval, "10"), set(grace, "30"))},
		"29 s is too short a grace": {
			both(set(interval, "10"), set(grace, "29")), grace, "should be greater than or equal to 30",
		},
		"3600 s is the longest grace":             {change: set(grace, "3600")},
		"3601 s is too long a grace":              {set(grace, "3601"), grace, "should be less than or equal to 3600"},
		"50 s is the longest interval by default": {change: set(interval, "50")},
		"51 s needs a longer grace":               {set(interval, "51"), grace, wantThree},
		"90 s is the shortest grace by default":   {change: set(grace, "90")},
		"89 s needs a shorter interval":           {set(grace, "89"), grace, wantThree},
		"3 intervals are a grace":                 {change: both(set(interval, "20"), set(grace, "60"))},
		"less than 3 intervals are not":           {both(set(interval, "20"), set(grace, "59")), grace, wantThree},
	})
}
