// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/firewall"
	"github.com/cedros-io/open-spawn/internal/options"
)

// newFirewall is the keeper of the fleet's firewall, as the flags want it.
func newFirewall(mgr ctrl.Manager, o Options, do connection) (*firewall.Keeper, error) {
	keeper := firewall.New(firewall.Options{
		Cloud: do.cloud.For("", ""), Freeze: do.guard, Fleet: do.fleet, SSHFrom: o.Settings.SSHCIDRs,
		Egress: egressRules(o.Settings.ExtraEgress), Recorder: mgr.GetEventRecorder("firewall"),
		About: do.guard.Record(), Clock: o.Clock,
	})
	if !o.Embedded {
		if err := metrics.Registry.Register(keeper); err != nil {
			return nil, fmt.Errorf("registering firewall metrics: %w", err)
		}
	}
	return keeper, nil
}

func egressRules(flags []options.Egress) []cloud.FirewallRule {
	var rules []cloud.FirewallRule
	for _, flag := range flags {
		rule := cloud.FirewallRule{Protocol: flag.Protocol, Ports: flag.Ports}
		if flag.Network.IsValid() {
			rule.Addresses = []string{flag.Network.String()}
		}
		rules = append(rules, rule)
	}
	return rules
}
