// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Reasons for which the whole fleet is frozen: nothing is created, destroyed or called lost. Every Droplet says them in
// Exists, and they are labels of the metric openspawn_fleet_frozen.
const (
	// AccountMismatchReason: the token belongs to another DigitalOcean team than the fleet does, so its answers are
	// about other instances; put a token of the fleet's team back. (Stalled)
	AccountMismatchReason = "AccountMismatch"
	// FleetUnacknowledgedReason: there is no fleet record, and the team has instances of another open-spawn fleet;
	// --new-fleet says that they are neighbours. (Stalled)
	FleetUnacknowledgedReason = "FleetUnacknowledged"
	// FleetOfAnotherClusterReason: the fleet belongs to another cluster, as far as can be told; --take-over says that
	// it is now this cluster's. (Stalled)
	FleetOfAnotherClusterReason = "FleetOfAnotherCluster"
	// FleetRecordInvalidReason: the fleet record is incomplete, or is that of another fleet than this manager runs as;
	// the message says what to do. (Stalled)
	FleetRecordInvalidReason = "FleetRecordInvalid"
)

// FleetFreeReason is that of the event which says that the fleet was frozen and is not any more.
const FleetFreeReason = "FleetFree"
