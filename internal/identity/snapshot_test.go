// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/identity"
)

func TestASnapshotIsNamedAfterItsMachineAndItsTime(t *testing.T) {
	at := time.Date(2026, 3, 1, 23, 4, 5, 999, time.FixedZone("east", 2*60*60))
	name := identity.SnapshotName("scout-abcdefgh12345", at)
	if want := "scout-abcdefgh12345-20260301210405"; name != want {
		t.Errorf("got %q, want %q", name, want)
	}
	prefix := identity.Prefix("f", "ns", "scout")
	machine := identity.NewName("f", "ns", "scout")
	if !identity.IsSnapshotOf(prefix, identity.SnapshotName(machine, at)) {
		t.Errorf("a snapshot of %s is not known by the prefix %s", machine, prefix)
	}
	if earlier := identity.SnapshotName(machine, at.Add(-time.Second)); earlier >= identity.SnapshotName(machine, at) {
		t.Errorf("%s does not sort before the snapshot taken a second later", earlier)
	}
}

func TestASnapshotOfAnotherIsNotOurs(t *testing.T) {
	const prefix = "scout-abcdefgh"
	for name, want := range map[string]bool{
		"scout-abcdefgh12345-20260301210405":  true,
		"scout-abcdefghz9z9z-20260301210405":  true,
		"":                                    false,
		"scout-abcdefgh":                      false,
		"scout-abcdefgh12345":                 false,
		"scout-abcdefgh12345-2026030121040":   false,
		"scout-abcdefgh12345-202603012104055": false,
		"scout-abcdefgh1234-202603012104055":  false,
		"scout-abcdefgh12345_20260301210405":  false,
		"scout-abcdefgh12-45-20260301210405":  false,
		"scout-abcdefgh1A345-20260301210405":  false,
		"scout-abcdefgh12345-2026030121040x":  false,
		"scout-abcdefgi12345-20260301210405":  false,
		"xscout-abcdefgh12345-20260301210405": false,
	} {
		if got := identity.IsSnapshotOf(prefix, name); got != want {
			t.Errorf("%q is a snapshot of %s: %v, want %v", name, prefix, got, want)
		}
	}
}
