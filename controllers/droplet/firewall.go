// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/status"
)

// firewallPause is when it is asked again whether the firewall is in place, which costs no call.
const firewallPause = 10 * time.Second

// Firewall is what the controller needs of the fleet's firewall.
type Firewall interface {
	// Ready is nil once the firewall is in place, else why it is not.
	Ready() error
	// OnChange calls hear whenever it comes to be in place, or not any more.
	OnChange(hear func()) (stop func())
}

// unprotected tells why no instance may be created, nil when the firewall is in place.
func (e *existence) unprotected(s *scope) *reconcile.Result {
	err := e.firewall.Ready()
	if err == nil {
		return nil
	}
	s.exists(status.Unknown, spawnv1.WaitingForFirewallReason,
		"no instance is created before the fleet's firewall is in place: %s", err)
	return &reconcile.Result{RequeueAfter: firewallPause}
}

// isListed tells whether the last pass over the fleet shows an instance of the Droplet's name: one to adopt.
func (e *existence) isListed(s *scope) bool {
	pass, ok := e.inventory.Latest()
	return ok && len(pass.ByName(s.droplet.Name)) > 0
}
