// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// What is being tried, in the words of cloud.Error.Op.
const (
	creating    = "creating instance"
	reading     = "reading instance"
	findingName = "finding instances by name"
	listingTag  = "listing instances by tag"
	destroying  = "destroying instance"
)

// Create implements cloud.Instances.
func (g *Guard) Create(ctx context.Context, request cloud.InstanceRequest) (cloud.Instance, error) {
	s, err := g.admit(ctx, creating, true)
	if err != nil {
		if cloud.KindOf(err) == cloud.Unavailable { // what could not be had was the verification
			err = &cloud.Error{Kind: cloud.NotSent, Op: creating, Message: cloud.Message(err)}
		}
		return cloud.Instance{}, err
	}
	instance, err := s.api.Create(ctx, request)
	s.note(err)
	return instance, err
}

// Get implements cloud.Instances.
func (g *Guard) Get(ctx context.Context, id int64) (cloud.Instance, error) {
	s, err := g.admit(ctx, reading, false)
	if err != nil {
		return cloud.Instance{}, err
	}
	instance, err := s.api.Get(ctx, id)
	s.note(err)
	return instance, err
}

// FindByName implements cloud.Instances.
func (g *Guard) FindByName(ctx context.Context, name string) ([]cloud.Instance, error) {
	s, err := g.admit(ctx, findingName, false)
	if err != nil {
		return nil, err
	}
	instances, err := s.api.FindByName(ctx, name)
	s.note(err)
	return instances, err
}

// ListByTag implements cloud.Instances.
func (g *Guard) ListByTag(ctx context.Context, tag string) ([]cloud.Instance, error) {
	s, err := g.admit(ctx, listingTag, false)
	if err != nil {
		return nil, err
	}
	instances, err := s.api.ListByTag(ctx, tag)
	s.note(err)
	return instances, err
}

// Delete implements cloud.Instances.
func (g *Guard) Delete(ctx context.Context, id int64) error {
	s, err := g.admit(ctx, destroying, true)
	if err != nil {
		return err
	}
	err = s.api.Delete(ctx, id)
	s.note(err)
	return err
}

// admit is the session that a call may be made with, or why it may not be made.
func (g *Guard) admit(ctx context.Context, op string, writes bool) (*session, error) {
	s, err := g.current(ctx)
	switch {
	case err != nil:
		return nil, &cloud.Error{Kind: cloud.NotSent, Op: op, Message: err.Error(), Err: err}
	case s.failure != nil:
		return nil, unverified(op, s.failure)
	case s.verdict != nil && (writes || s.verdict.blind):
		return nil, s.verdict.refuse(op)
	}
	return s, nil
}

// unverified is a call that was not made because the token could not be verified. It must not look like an answer about
// an instance or about an object, so of the kinds that the verification can fail with only the one that says when to
// come back is kept, and no cause.
func unverified(op string, err error) error {
	e := &cloud.Error{
		Kind: cloud.Unavailable, Op: op, Message: "the token's team cannot be verified: " + cloud.Message(err),
	}
	if cloud.KindOf(err) == cloud.Throttled {
		e.Kind, e.RetryAfter = cloud.Throttled, cloud.RetryAfter(err)
	}
	return e
}
