// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// creating is what is being tried by a create, in the words of cloud.Error.Op.
const creating = "creating instance"

// Create implements cloud.Instances. When it was the verification that could not be had, nothing was sent.
func (g *Guard) Create(ctx context.Context, request cloud.InstanceRequest) (cloud.Instance, error) {
	return writes(ctx, g, creating, func(api Cloud) (cloud.Instance, error) { return api.Create(ctx, request) })
}

// Get implements cloud.Instances.
func (g *Guard) Get(ctx context.Context, id int64) (cloud.Instance, error) {
	return reads(ctx, g, "reading instance", func(api Cloud) (cloud.Instance, error) { return api.Get(ctx, id) })
}

// FindByName implements cloud.Instances.
func (g *Guard) FindByName(ctx context.Context, name string) ([]cloud.Instance, error) {
	return reads(ctx, g, "finding instances by name",
		func(api Cloud) ([]cloud.Instance, error) { return api.FindByName(ctx, name) })
}

// ListByTag implements cloud.Instances.
func (g *Guard) ListByTag(ctx context.Context, tag string) ([]cloud.Instance, error) {
	return reads(ctx, g, "listing instances by tag",
		func(api Cloud) ([]cloud.Instance, error) { return api.ListByTag(ctx, tag) })
}

// List implements cloud.Instances.
func (g *Guard) List(ctx context.Context) ([]cloud.Instance, error) {
	return reads(ctx, g, "listing all instances",
		func(api Cloud) ([]cloud.Instance, error) { return api.List(ctx) })
}

// Delete implements cloud.Instances.
func (g *Guard) Delete(ctx context.Context, id int64) error {
	return does(ctx, g, "destroying instance", func(api Cloud) error { return api.Delete(ctx, id) })
}

// Act implements cloud.Actions.
func (g *Guard) Act(ctx context.Context, id int64, request cloud.ActionRequest) (cloud.Action, error) {
	return writes(ctx, g, "acting on instance", func(api Cloud) (cloud.Action, error) { return api.Act(ctx, id, request) })
}

// Action implements cloud.Actions.
func (g *Guard) Action(ctx context.Context, id, action int64) (cloud.Action, error) {
	return reads(ctx, g, "reading action", func(api Cloud) (cloud.Action, error) { return api.Action(ctx, id, action) })
}

// Actions implements cloud.Actions.
func (g *Guard) Actions(ctx context.Context, id int64) ([]cloud.Action, error) {
	return reads(ctx, g, "listing actions of instance",
		func(api Cloud) ([]cloud.Action, error) { return api.Actions(ctx, id) })
}

// SnapshotsOf implements cloud.Snapshots.
func (g *Guard) SnapshotsOf(ctx context.Context, id int64) ([]cloud.Snapshot, error) {
	return reads(ctx, g, "listing snapshots of instance",
		func(api Cloud) ([]cloud.Snapshot, error) { return api.SnapshotsOf(ctx, id) })
}

// ListSnapshots implements cloud.Snapshots.
func (g *Guard) ListSnapshots(ctx context.Context) ([]cloud.Snapshot, error) {
	return reads(ctx, g, "listing snapshots", func(api Cloud) ([]cloud.Snapshot, error) { return api.ListSnapshots(ctx) })
}

// DeleteSnapshot implements cloud.Snapshots.
func (g *Guard) DeleteSnapshot(ctx context.Context, id int64) error {
	return does(ctx, g, "destroying snapshot", func(api Cloud) error { return api.DeleteSnapshot(ctx, id) })
}

// EnsureTag implements cloud.Tagger.
func (g *Guard) EnsureTag(ctx context.Context, tag string) error {
	return does(ctx, g, "making tag", func(api Cloud) error { return api.EnsureTag(ctx, tag) })
}

// Tag implements cloud.Tagger.
func (g *Guard) Tag(ctx context.Context, id int64, tag string) error {
	return does(ctx, g, "tagging instance", func(api Cloud) error { return api.Tag(ctx, id, tag) })
}

// ListFirewalls implements cloud.Firewalls.
func (g *Guard) ListFirewalls(ctx context.Context) ([]cloud.Firewall, error) {
	return reads(ctx, g, "listing firewalls", func(api Cloud) ([]cloud.Firewall, error) { return api.ListFirewalls(ctx) })
}

// CreateFirewall implements cloud.Firewalls.
func (g *Guard) CreateFirewall(ctx context.Context, firewall cloud.Firewall) (cloud.Firewall, error) {
	return writes(ctx, g, "making firewall",
		func(api Cloud) (cloud.Firewall, error) { return api.CreateFirewall(ctx, firewall) })
}

// UpdateFirewall implements cloud.Firewalls.
func (g *Guard) UpdateFirewall(ctx context.Context, firewall cloud.Firewall) error {
	return does(ctx, g, "changing firewall", func(api Cloud) error { return api.UpdateFirewall(ctx, firewall) })
}

// Sizes implements cloud.Catalogue.
func (g *Guard) Sizes(ctx context.Context) ([]cloud.Size, error) {
	return reads(ctx, g, "listing sizes", func(api Cloud) ([]cloud.Size, error) { return api.Sizes(ctx) })
}

// Image implements cloud.Catalogue.
func (g *Guard) Image(ctx context.Context, slug string) (cloud.Image, error) {
	return reads(ctx, g, "reading image", func(api Cloud) (cloud.Image, error) { return api.Image(ctx, slug) })
}

// reads makes a call that changes nothing at the cloud.
func reads[T any](ctx context.Context, g *Guard, op string, call func(Cloud) (T, error)) (T, error) {
	return through(ctx, g, op, false, call)
}

// writes makes a call that changes something and must not be repeated blindly: an error before it was sent says so.
func writes[T any](ctx context.Context, g *Guard, op string, call func(Cloud) (T, error)) (T, error) {
	return through(ctx, g, op, true, call)
}

// does is writes for a call with no result.
func does(ctx context.Context, g *Guard, op string, call func(Cloud) error) error {
	_, err := through(ctx, g, op, true, func(api Cloud) (struct{}, error) { return struct{}{}, call(api) })
	return err
}

// through makes a call with the present token, if that may be used for it.
func through[T any](ctx context.Context, g *Guard, op string, writes bool, call func(Cloud) (T, error)) (T, error) {
	s, err := g.admit(ctx, op, writes)
	if err != nil {
		if writes && cloud.KindOf(err) == cloud.Unavailable { // what could not be had was the verification
			err = &cloud.Error{Kind: cloud.NotSent, Op: op, Message: cloud.Message(err)}
		}
		var none T
		return none, err
	}
	result, err := call(s.api)
	s.note(err)
	return result, err
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
