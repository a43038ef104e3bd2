// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Reasons of the events about the fleet's firewall. They are recorded on the fleet record.
const (
	// FirewallCreatedReason: the fleet had no firewall, and has one now.
	FirewallCreatedReason = "FirewallCreated"
	// FirewallRepairedReason: the firewall was gone, or other than the manager's flags say, and is right again; the
	// message says what differed.
	FirewallRepairedReason = "FirewallRepaired"
	// FirewallDuplicatedReason: several firewalls have the name of the fleet's, and so more may pass than the flags say;
	// the message names them. None is deleted.
	FirewallDuplicatedReason = "FirewallDuplicated"
)
