// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
)

// accountOf is who pays for the calls made for a Droplet. The label is the bot controller's; a Droplet that has lost it
// shares the fleet's part of the budget until it has it back.
func accountOf(droplet *spawnv1.Droplet) string { return droplet.Labels[spawnv1.AccountLabel] }

// botOf is the bot in whose name the calls are made. The names of bots are unique in a namespace only.
func botOf(droplet *spawnv1.Droplet) string { return droplet.Namespace + "/" + droplet.Spec.BotRef.Name }

// urgent is the cloud for calls that end costs or doubts, which the budget lets through first.
func (e *existence) urgent(droplet *spawnv1.Droplet) cloud.Instances {
	return e.cloud.ForDestroy(accountOf(droplet), botOf(droplet))
}
