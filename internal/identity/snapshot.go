// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"strings"
	"time"
)

// snapshotTime is the 14 digits of a UTC instant, which sort as it does.
const snapshotTime = "20060102150405"

// SnapshotName is the name of a snapshot that is taken of a machine: the machine name and the instant. Names of
// snapshots are not unique at the cloud, and it is by the name that one is known to be ours and whose it is.
func SnapshotName(machine string, at time.Time) string {
	return machine + "-" + at.UTC().Format(snapshotTime)
}

// IsSnapshotOf tells whether a snapshot of that name was taken of some machine of the bot that has this Prefix, in
// whatever life of its.
func IsSnapshotOf(prefix, name string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || len(rest) != randomLength+len("-")+len(snapshotTime) || rest[randomLength] != '-' {
		return false
	}
	return consistsOf(rest[:randomLength], "abcdefghijklmnopqrstuvwxyz0123456789") &&
		consistsOf(rest[randomLength+1:], "0123456789")
}

func consistsOf(s, set string) bool { return strings.Trim(s, set) == "" }
