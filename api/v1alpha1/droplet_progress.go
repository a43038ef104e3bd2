// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AttemptState is how far one attempt to create an instance has come.
// +kubebuilder:validation:Enum=Pending;Refused;Expired;Done
type AttemptState string

// The states of an attempt.
const (
	// AttemptPending means that the request may have been sent and may have been obeyed: until an instance is found or
	// the settle window has passed, nothing is asked again.
	AttemptPending AttemptState = "Pending"
	// AttemptRefused means that the request provably created nothing.
	AttemptRefused AttemptState = "Refused"
	// AttemptExpired means that the settle window passed and no instance was found in any look.
	AttemptExpired AttemptState = "Expired"
	// AttemptDone means that the instance is known by its id.
	AttemptDone AttemptState = "Done"
)

// Attempt is the stored intent to create an instance. It is written before the request is sent, because the request
// cannot be repeated.
type Attempt struct {
	// number counts the attempts of this Droplet, from 1.
	// +required
	// +kubebuilder:validation:Minimum=1
	Number int64 `json:"number"`

	// state is how far the attempt has come.
	// +required
	State AttemptState `json:"state"`

	// startedAt is when the intent was written.
	// +required
	StartedAt metav1.MicroTime `json:"startedAt"`

	// leader is the manager process that wrote the intent.
	// +required
	// +kubebuilder:validation:MaxLength=256
	Leader string `json:"leader"`

	// generation of the spec that was asked for.
	// +required
	Generation int64 `json:"generation"`

	// emptyLooks counts the complete answers since startedAt in which no instance of this name was found.
	// +optional
	EmptyLooks int32 `json:"emptyLooks,omitempty"`

	// retryAt is when a refused attempt is followed by the next. Absent means not before the spec changes.
	// +optional
	RetryAt *metav1.Time `json:"retryAt,omitempty"`
}

// InstanceAction is the operation on the instance that was begun last and has not ended well yet. It is written before
// the request is sent.
type InstanceAction struct {
	// id is DigitalOcean's number of the action, absent until it was told.
	// +optional
	ID int64 `json:"id,omitempty"`

	// type is the operation, such as shutdown.
	// +required
	// +kubebuilder:validation:MaxLength=32
	Type string `json:"type"`

	// startedAt is when the intent to start it was written.
	// +required
	StartedAt metav1.Time `json:"startedAt"`

	// emptyLooks counts the answers since startedAt in which an action whose id was not told was not found.
	// +optional
	EmptyLooks int32 `json:"emptyLooks,omitempty"`

	// failures counts how often DigitalOcean could not do it, one time after another.
	// +optional
	Failures int32 `json:"failures,omitempty"`

	// retryAt is when it is asked for again after a failure. Absent while it is under way.
	// +optional
	RetryAt *metav1.Time `json:"retryAt,omitempty"`

	// message is what became of it when it failed.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// RefusedSize is a size that the machine cannot have.
type RefusedSize struct {
	// size is the slug that spec.size had.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Size string `json:"size"`

	// message says why.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message"`
}

// InstanceSnapshot is a snapshot that is taken, or was taken, of the instance.
type InstanceSnapshot struct {
	// name is what it is asked for with, and found again by. It is written before the request is sent.
	// +required
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name"`

	// id is DigitalOcean's number of the snapshot, absent until it was seen to exist.
	// +optional
	ID int64 `json:"id,omitempty"`
}
