// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// FleetTag is the tag that every instance of a fleet carries, and by which it is listed.
func FleetTag(fleet string) string { return spawnv1.FleetTagPrefix + fleet }

// Tags are all the tags of an instance: ours, and the bot's own under their prefix.
func Tags(fleet string, own []string) []string {
	tags := []string{spawnv1.ProductTag, FleetTag(fleet)}
	for _, tag := range own {
		tags = append(tags, spawnv1.UserTagPrefix+tag)
	}
	return tags
}
