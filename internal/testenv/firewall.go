// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"github.com/cedros-io/open-spawn/internal/budget"
	"github.com/cedros-io/open-spawn/internal/firewall"
)

// newFirewall is the keeper of one incarnation. It is not started: Pass, or the test, has it look.
func (e *Env) newFirewall(i *Incarnation, spends *budget.Instances) *firewall.Keeper {
	return firewall.New(firewall.Options{
		Cloud: spends.For("", ""), Freeze: i.Guard, Fleet: Fleet, SSHFrom: e.SSHFrom, Egress: e.Egress,
		Recorder: i.Events, About: i.Guard.Record(), Clock: e.Clock,
	})
}

// gateway is the firewall as the droplet controller sees it: always in place where the world has none.
type gateway struct {
	env *Env
	*firewall.Keeper
}

// Ready implements droplet.Firewall.
func (g gateway) Ready() error {
	if !g.env.Walled {
		return nil
	}
	return g.Keeper.Ready()
}
