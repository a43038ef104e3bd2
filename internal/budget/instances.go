// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"sync/atomic"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

const (
	// pageSize is how many instances one call lists.
	pageSize = 200
	// growth is how many instances may come between two lists: about 80 are made in a minute.
	growth = 100
)

// Instances puts a Budget before a cloud. A call that it refuses fails with a cloud.Error of kind Throttled, which is
// definite, as nothing was sent, and which says when to try again.
type Instances struct {
	budget *Budget
	next   cloud.API
	pages  atomic.Int64 // that the next list by tag can have
}

// NewInstances puts a Budget before a cloud.
func NewInstances(b *Budget, next cloud.API) *Instances {
	return &Instances{budget: b, next: next}
}

// For is the cloud as a bot of an account may use it: looking by name, creating and acting are Act, destroying and
// cutting power are Destroy, and reading is Read. Without account and bot it is the fleet's.
func (i *Instances) For(account, bot string) cloud.API {
	return &view{instances: i, account: account, bot: bot, look: Act, read: Read, act: Act}
}

// ForDestroy is the cloud for resolving a lost reply, destroying, and confirming that nothing is left: everything is of
// class Destroy.
func (i *Instances) ForDestroy(account, bot string) cloud.API {
	return &view{instances: i, account: account, bot: bot, look: Destroy, read: Destroy, act: Destroy}
}

// ForCreate takes room for one look by name and one create together, so that an intent to create is stored only if the
// request can be sent at once. The caller releases the Room, whatever came of it.
func (i *Instances) ForCreate(account, bot string) (*Room, error) {
	return i.forCreate(account, bot, 1)
}

func (i *Instances) forCreate(account, bot string, operations int) (*Room, error) {
	const lookAndCreate = 2
	permit, refusal := i.budget.Admit(Request{
		Class: Act, Account: account, Bot: bot, Cost: lookAndCreate, Operations: operations,
	})
	if refusal != nil {
		return nil, throttled("creating instance", refusal)
	}
	return &Room{instances: i, permit: permit}, nil
}

// ForReplace takes the room that ForCreate will, and makes sure that destroying the machine there is now does not use
// up what the bot may have in an hour: it would be left without one. The caller releases the Room at once.
func (i *Instances) ForReplace(account, bot string) (*Room, error) {
	const destroyAndCreate = 2
	return i.forCreate(account, bot, destroyAndCreate)
}

// ForAct takes room for one action, so that an intent to act is stored only if the request can be sent at once. What
// stops a machine goes first: it ends trades and costs. Of what counts as an operation of the bot, only what starts a
// machine is held up for it: one that is half stopped still costs. The caller releases the Room, whatever came of it.
func (i *Instances) ForAct(account, bot string, action cloud.ActionType) (*Room, error) {
	return i.forAct(account, bot, action, Act)
}

// ForLastAct is ForAct for a machine that is about to be destroyed: the sooner its snapshot is there, the sooner it
// goes.
func (i *Instances) ForLastAct(account, bot string, action cloud.ActionType) (*Room, error) {
	return i.forAct(account, bot, action, Destroy)
}

func (i *Instances) forAct(account, bot string, action cloud.ActionType, class Class) (*Room, error) {
	wanted := Request{Class: class, Account: account, Bot: bot, Cost: 1}
	switch action {
	case cloud.ActionShutdown, cloud.ActionPowerOff:
		wanted.Class = Destroy
	case cloud.ActionPowerOn, cloud.ActionResize:
		if class == Act {
			wanted.Operations = 1
		}
	case cloud.ActionSnapshot, cloud.ActionRename:
	}
	permit, refusal := i.budget.Admit(wanted)
	if refusal != nil {
		return nil, throttled("acting on instance", refusal)
	}
	return &Room{instances: i, permit: permit}, nil
}

// HourLimit is Budget.HourLimit.
func (i *Instances) HourLimit() int { return i.budget.HourLimit() }

// made counts that a machine was made or acted on, unless it is certain that it was not.
func (i *Instances) made(bot string, err error) {
	if !cloud.IsDefinite(err) {
		i.budget.operated(bot, 0)
	}
}

// view is the cloud for one bot.
type view struct {
	instances    *Instances
	account, bot string
	look, read   Class
	act          Class
}

func (v *view) request(class Class, cost int) Request {
	return Request{Class: class, Account: v.account, Bot: v.bot, Cost: cost}
}

// Create implements cloud.Instances.
func (v *view) Create(ctx context.Context, request cloud.InstanceRequest) (cloud.Instance, error) {
	wanted := v.request(Act, 1)
	wanted.Operations = 1
	created, err := spend(v, wanted, "creating instance", func() (cloud.Instance, error) {
		created, err := v.instances.next.Create(ctx, request)
		v.instances.made(v.bot, err)
		return created, err
	})
	return created, err
}

// Get implements cloud.Instances.
func (v *view) Get(ctx context.Context, id int64) (cloud.Instance, error) {
	return spend(v, v.request(v.read, 1), "reading instance", func() (cloud.Instance, error) {
		return v.instances.next.Get(ctx, id)
	})
}

// FindByName implements cloud.Instances.
func (v *view) FindByName(ctx context.Context, name string) ([]cloud.Instance, error) {
	return spend(v, v.request(v.look, 1), "finding instances by name", func() ([]cloud.Instance, error) {
		return v.instances.next.FindByName(ctx, name)
	})
}

// ListByTag implements cloud.Instances. It is charged as many pages as the last list had, or one more when that was
// nearly full: the first is charged one, and what it takes beyond that is seen in the headers.
func (v *view) ListByTag(ctx context.Context, tag string) ([]cloud.Instance, error) {
	pages := max(1, int(v.instances.pages.Load()))
	return spend(v, v.request(v.read, pages), "listing instances by tag", func() ([]cloud.Instance, error) {
		found, err := v.instances.next.ListByTag(ctx, tag)
		if err == nil {
			v.instances.pages.Store(int64(len(found)+growth+pageSize-1) / pageSize)
		}
		return found, err
	})
}

// Delete implements cloud.Instances.
func (v *view) Delete(ctx context.Context, id int64) error {
	_, err := spend(v, v.request(Destroy, 1), "destroying instance", func() (struct{}, error) {
		err := v.instances.next.Delete(ctx, id)
		if err == nil {
			v.instances.budget.operated(v.bot, id)
		}
		return struct{}{}, err
	})
	return err
}

// List implements cloud.Instances. It is charged like a list by tag: the fleet is most of what there is.
func (v *view) List(ctx context.Context) ([]cloud.Instance, error) {
	pages := max(1, int(v.instances.pages.Load()))
	return spend(v, v.request(v.read, pages), "listing all instances", func() ([]cloud.Instance, error) {
		return v.instances.next.List(ctx)
	})
}

// Act implements cloud.Actions.
func (v *view) Act(ctx context.Context, id int64, request cloud.ActionRequest) (cloud.Action, error) {
	room, err := v.instances.forAct(v.account, v.bot, request.Type, v.act)
	if err != nil {
		return cloud.Action{}, err
	}
	defer room.Release()
	return room.Act(ctx, id, request)
}

// Action implements cloud.Actions.
func (v *view) Action(ctx context.Context, id, action int64) (cloud.Action, error) {
	return spend(v, v.request(v.read, 1), "reading action", func() (cloud.Action, error) {
		return v.instances.next.Action(ctx, id, action)
	})
}

// Actions implements cloud.Actions. It resolves a lost reply, as looking by name does.
func (v *view) Actions(ctx context.Context, id int64) ([]cloud.Action, error) {
	return spend(v, v.request(v.look, 1), "listing actions of instance", func() ([]cloud.Action, error) {
		return v.instances.next.Actions(ctx, id)
	})
}

// SnapshotsOf implements cloud.Snapshots.
func (v *view) SnapshotsOf(ctx context.Context, id int64) ([]cloud.Snapshot, error) {
	return spend(v, v.request(v.look, 1), "listing snapshots of instance", func() ([]cloud.Snapshot, error) {
		return v.instances.next.SnapshotsOf(ctx, id)
	})
}

// ListSnapshots implements cloud.Snapshots.
func (v *view) ListSnapshots(ctx context.Context) ([]cloud.Snapshot, error) {
	return spend(v, v.request(v.look, 1), "listing snapshots", func() ([]cloud.Snapshot, error) {
		return v.instances.next.ListSnapshots(ctx)
	})
}

// DeleteSnapshot implements cloud.Snapshots.
func (v *view) DeleteSnapshot(ctx context.Context, id int64) error {
	return v.do(Destroy, "destroying snapshot", func() error { return v.instances.next.DeleteSnapshot(ctx, id) })
}

// EnsureTag implements cloud.Tagger.
func (v *view) EnsureTag(ctx context.Context, tag string) error {
	return v.do(v.act, "making tag", func() error { return v.instances.next.EnsureTag(ctx, tag) })
}

// Tag implements cloud.Tagger.
func (v *view) Tag(ctx context.Context, id int64, tag string) error {
	return v.do(v.act, "tagging instance", func() error { return v.instances.next.Tag(ctx, id, tag) })
}

// ListFirewalls implements cloud.Firewalls.
func (v *view) ListFirewalls(ctx context.Context) ([]cloud.Firewall, error) {
	return spend(v, v.request(v.look, 1), "listing firewalls", func() ([]cloud.Firewall, error) {
		return v.instances.next.ListFirewalls(ctx)
	})
}

// CreateFirewall implements cloud.Firewalls.
func (v *view) CreateFirewall(ctx context.Context, firewall cloud.Firewall) (cloud.Firewall, error) {
	return spend(v, v.request(v.act, 1), "making firewall", func() (cloud.Firewall, error) {
		return v.instances.next.CreateFirewall(ctx, firewall)
	})
}

// UpdateFirewall implements cloud.Firewalls.
func (v *view) UpdateFirewall(ctx context.Context, firewall cloud.Firewall) error {
	return v.do(v.act, "changing firewall", func() error { return v.instances.next.UpdateFirewall(ctx, firewall) })
}

// Sizes implements cloud.Catalogue.
func (v *view) Sizes(ctx context.Context) ([]cloud.Size, error) {
	return spend(v, v.request(v.look, 1), "listing sizes", func() ([]cloud.Size, error) {
		return v.instances.next.Sizes(ctx)
	})
}

// Image implements cloud.Catalogue.
func (v *view) Image(ctx context.Context, slug string) (cloud.Image, error) {
	return spend(v, v.request(v.look, 1), "reading image", func() (cloud.Image, error) {
		return v.instances.next.Image(ctx, slug)
	})
}

// do makes a call that has no result if the budget admits it.
func (v *view) do(class Class, op string, call func() error) error {
	_, err := spend(v, v.request(class, 1), op, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// spend makes a call if the budget admits it.
func spend[T any](v *view, r Request, op string, call func() (T, error)) (T, error) {
	permit, refusal := v.instances.budget.Admit(r)
	if refusal != nil {
		var none T
		return none, throttled(op, refusal)
	}
	result, err := call()
	permit.Report(r.Cost, err)
	return result, err
}

func throttled(op string, refusal *Refusal) error {
	return &cloud.Error{
		Kind: cloud.Throttled, Op: op, Message: refusal.Reason.Sentence(), RetryAfter: refusal.Wait,
	}
}
