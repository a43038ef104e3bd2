// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Conditions that every kind has. Ready is always present and computed from the kind's other conditions. Reconciling
// and Stalled are abnormal: present only while True, never both, and with either of them Ready is False.
const (
	// ReadyCondition is True when the object is as declared, and otherwise False with the reason and message of the
	// first condition to blame.
	ReadyCondition = "Ready"
	// ReconcilingCondition is True while open-spawn is at work, or waits for something that comes by itself.
	ReconcilingCondition = "Reconciling"
	// StalledCondition is True when nothing gets better until a person acts or a spec changes.
	StalledCondition = "Stalled"
)

// Reasons that more than one kind uses.
const (
	// ReadyReason: everything that Ready is computed from is as it should be.
	ReadyReason = "Ready"
	// DeletingReason: the object is being deleted and waits for what it owns to be gone. (Reconciling)
	DeletingReason = "Deleting"
	// CredentialsInvalidReason: DigitalOcean refused the token (401), or it lacks a permission (403). (Stalled)
	CredentialsInvalidReason = "CredentialsInvalid"
	// ThrottledReason: DigitalOcean asked us to slow down; the message has the time of the next try. (Reconciling)
	ThrottledReason = "Throttled"
	// CloudUnavailableReason: DigitalOcean did not answer, or not sensibly; it is tried again. (Reconciling)
	CloudUnavailableReason = "CloudUnavailable"
)
