// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package slots_test

import (
	"strings"
	"testing"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
)

func TestTheNewestBotsAreBeyondTheLimit(t *testing.T) {
	slot := func(uid string) spawnv1.Slot { return spawnv1.Slot{UID: uid} }
	bots := []spawnv1.Bot{bot("young", 9), bot("old", 0), bot("twin-b", 5), bot("twin-a", 5), bot("without", 99)}
	all := map[string]spawnv1.Slot{
		"desk/young": slot("young"), "desk/old": slot("old"), "desk/twin-a": slot("twin-a"), "desk/twin-b": slot("twin-b"),
		"desk/reserved": slot(""),
	}
	withGhosts := map[string]spawnv1.Slot{
		"desk/gone": slot("gone"), "desk/old": slot("one before"), "desk/young": slot("young"), "desk/twin-a": slot("twin-a"),
	}
	for name, test := range map[string]struct {
		limit int32
		slots map[string]spawnv1.Slot
		want  string
	}{
		"none":                    {5, all, ""},
		"one without its Bot":     {4, all, "desk/reserved"},
		"the newest":              {3, all, "desk/young desk/reserved"},
		"one of two as old":       {2, all, "desk/twin-b desk/young desk/reserved"},
		"all":                     {0, all, "desk/old desk/twin-a desk/twin-b desk/young desk/reserved"},
		"slots without their Bot": {2, withGhosts, "desk/gone desk/old"},
		"and besides":             {1, withGhosts, "desk/young desk/gone desk/old"},
	} {
		t.Run(name, func(t *testing.T) {
			account := &spawnv1.Account{Spec: spawnv1.AccountSpec{MaxBots: &test.limit}}
			account.Status.Slots = test.slots
			if got := strings.Join(slots.Beyond(account, bots), " "); got != test.want {
				t.Errorf("beyond are %q, want %q", got, test.want)
			}
		})
	}
}
