// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/inventory"
)

// passAgain is how often it is looked whether there is a pass that was asked for.
const passAgain = 5 * time.Second

// Fleet is what the controller needs of the inventory.
type Fleet interface {
	// Latest is the last complete pass over the fleet, false before the first.
	Latest() (inventory.Pass, bool)
	// RequestPassAfter asks for a pass that begins after an instant, soon.
	RequestPassAfter(instant time.Time)
}

// passAfter is the last pass if it began after an instant; otherwise another is asked for.
func passAfter(fleet Fleet, instant time.Time) (inventory.Pass, bool) {
	pass, ok := fleet.Latest()
	if !ok || !pass.StartedAt.After(instant) {
		fleet.RequestPassAfter(instant)
		return inventory.Pass{}, false
	}
	return pass, true
}

// hasInstance tells whether a pass shows a machine of the Bot.
func hasInstance(pass inventory.Pass, fleet string, bot types.NamespacedName) bool {
	return len(pass.Matching(identity.Prefix(fleet, bot.Namespace, bot.Name), identity.SuffixLength)) > 0
}
