// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Reasons of the sweeper's events. They are about ConfigMap open-spawn-fleet, because an orphan has no object.
const (
	// OrphanFoundReason: an instance at DigitalOcean bears our fleet's tag, or only the shape of our names, and no
	// object claims it; it is destroyed when all safeguards hold, and never without our tag.
	OrphanFoundReason = "OrphanFound"
	// OrphanDestroyedReason: an orphan was destroyed, and DigitalOcean does not find it any more.
	OrphanDestroyedReason = "OrphanDestroyed"
	// OrphansFrozenReason: there are so many orphans, or so few objects, that it is rather the objects that are missing;
	// no orphan is destroyed until the numbers are normal again.
	OrphansFrozenReason = "OrphansFrozen"
)
