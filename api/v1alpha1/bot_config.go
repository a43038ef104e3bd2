// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BotConfigStatus is which configuration the bot should run and which it runs.
type BotConfigStatus struct {
	// desiredVersion is the number of the content that the bot should run.
	// +optional
	DesiredVersion int64 `json:"desiredVersion,omitempty"`

	// appliedVersion is the number of the content that the bot says it runs.
	// +optional
	AppliedVersion int64 `json:"appliedVersion,omitempty"`

	// summary is both numbers as "desired/applied", for tables.
	// +optional
	// +kubebuilder:validation:MaxLength=48
	Summary string `json:"summary,omitempty"`

	// appliedAt is when appliedVersion was reported.
	// +optional
	AppliedAt *metav1.Time `json:"appliedAt,omitempty"`

	// message is why the newest version was not applied; empty when it was.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// hash tells the content of desiredVersion, keys included, from others. It is keyed: nobody can try keys on it.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Hash string `json:"hash,omitempty"`

	// openclawVersion is the version of OpenClaw that was chosen when spec.openclaw.version was unset. It stays, so that
	// another default of open-spawn restarts no bot, unless a later version was named and runs since.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	OpenClawVersion string `json:"openclawVersion,omitempty"`

	// desiredOpenclawVersion is the version of OpenClaw in the content of desiredVersion. It is behind that of the spec
	// while the bot waits for its turn.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	DesiredOpenClawVersion string `json:"desiredOpenclawVersion,omitempty"`
}
