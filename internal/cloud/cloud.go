// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package cloud is the vocabulary of the provider boundary: what open-spawn may ask of a cloud, and what the answers
// mean. It knows no SDK and no Kubernetes; internal/cloud/digitalocean speaks it to the real API.
package cloud

import "context"

// API is all that open-spawn asks of a cloud once the credential is known to be the right one.
type API interface {
	Instances
	Actions
	Snapshots
	Tagger
	Firewalls
	Catalogue
}

// Instances is the part of a cloud that runs machines. Every method ends by its own deadline at the latest, returns
// an *Error for everything the cloud or the network did wrong, and never repeats a call that is not idempotent.
type Instances interface {
	// Create asks for one instance, once. A nil error means that the cloud accepted it and named its id. An error
	// for which IsDefinite holds proves that nothing was created. After any other error an instance may exist now
	// or appear later: the caller must look for it by name and must not ask again until the doubt is resolved.
	Create(ctx context.Context, request InstanceRequest) (Instance, error)

	// Get reads one instance. NotFound means that no instance of that id can be seen with this credential: it is
	// newborn, gone, or somebody else's; one answer alone proves none of these.
	Get(ctx context.Context, id int64) (Instance, error)

	// FindByName reads every instance of exactly that name, oldest first; names are not unique. A newborn may be
	// missing from the answer for some seconds. An error means that the answer is not complete.
	FindByName(ctx context.Context, name string) ([]Instance, error)

	// ListByTag reads every instance with that tag in one complete pass: every page answered, no id twice, and as
	// many instances as the cloud says there are. Anything less is an error, so absence from the result can be
	// weighed, though never trusted alone: lists lag behind creation, and tags come later still.
	ListByTag(ctx context.Context, tag string) ([]Instance, error)

	// List reads every instance that the credential can see, whatever its tags, in one complete pass like ListByTag.
	List(ctx context.Context) ([]Instance, error)

	// Delete asks for the destruction of one instance. A nil error means that the request was accepted, which is
	// not proof; NotFound means that there was nothing to destroy. It may be repeated. The caller has verified
	// that the instance is its own.
	Delete(ctx context.Context, id int64) error
}
