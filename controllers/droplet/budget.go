// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"errors"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
)

// worthTelling is the shortest wait for the budget that is written into the status.
const worthTelling = 10 * time.Second

// accountOf is who pays for the calls made for a Droplet. The label is the bot controller's; a Droplet that has lost it
// shares the fleet's part of the budget until it has it back.
func accountOf(droplet *spawnv1.Droplet) string { return droplet.Labels[spawnv1.AccountLabel] }

// botOf is the bot in whose name the calls are made. The names of bots are unique in a namespace only.
func botOf(droplet *spawnv1.Droplet) string {
	return droplet.Namespace + "/" + droplet.Spec.BotRef.Name
}

// isBudget tells whether it was our own budget that refused a call: it says why, and no answer has come.
func isBudget(err error) bool {
	var refusal *cloud.Error
	return errors.As(err, &refusal) && refusal.Kind == cloud.Throttled && refusal.Status == 0 && refusal.Message != ""
}

// urgent is the cloud for calls that end costs or doubts, which the budget lets through first.
func (e *existence) urgent(droplet *spawnv1.Droplet) cloud.API {
	return e.cloud.ForDestroy(accountOf(droplet), botOf(droplet))
}

// outOfBudget says in condition Exists when the next try is. It is no error, and no news about an instance that exists.
// A wait of a moment is not worth a write of status, of which a fleet that waits in line would make thousands.
func (e *existence) outOfBudget(s *scope, t trouble) (reconcile.Result, error) {
	known := status.Get(s.droplet, spawnv1.ExistsCondition) != nil
	exists := s.droplet.Status.InstanceID != 0 && status.IsTrue(s.droplet, spawnv1.ExistsCondition)
	if exists || known && t.wait < worthTelling {
		s.keep(spawnv1.ExistsCondition)
	} else {
		s.exists(status.Unknown, t.reason, "%s", t.message)
	}
	return reconcile.Result{RequeueAfter: max(t.wait, soon)}, nil
}
