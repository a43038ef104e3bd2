// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// ForCreate takes room for one look by name and one create together, so that an intent to create is stored only if the
// request can be sent at once. The caller releases the Room, whatever came of it.
func (i *Instances) ForCreate(account, bot string) (*Room, error) {
	const lookAndCreate = 2
	permit, refusal := i.budget.Admit(Request{
		Class: Act, Account: account, Bot: bot, Cost: lookAndCreate, Operates: true,
	})
	if refusal != nil {
		return nil, throttled("creating instance", refusal)
	}
	return &Room{instances: i, permit: permit}, nil
}

// ForAct takes room for one action, so that an intent to act is stored only if the request can be sent at once. What
// stops a machine goes first: it ends trades and costs. Of what counts as an operation of the bot, only what starts a
// machine is held up for it: one that is half stopped still costs. The caller releases the Room, whatever came of it.
func (i *Instances) ForAct(account, bot string, action cloud.ActionType) (*Room, error) {
	return i.forAct(Request{Class: Act, Account: account, Bot: bot, Cost: 1}, action)
}

func (i *Instances) forAct(wanted Request, action cloud.ActionType) (*Room, error) {
	switch action {
	case cloud.ActionShutdown, cloud.ActionPowerOff:
		wanted.Class = Destroy
	case cloud.ActionPowerOn, cloud.ActionResize:
		wanted.Operates = true
	case cloud.ActionSnapshot, cloud.ActionRename:
	}
	permit, refusal := i.budget.Admit(wanted)
	if refusal != nil {
		return nil, throttled("acting on instance", refusal)
	}
	return &Room{instances: i, permit: permit}, nil
}

// Room is room for the calls that it was taken for.
type Room struct {
	instances *Instances
	permit    *Permit
}

// FindByName is cloud.Instances.FindByName.
func (r *Room) FindByName(ctx context.Context, name string) ([]cloud.Instance, error) {
	found, err := r.instances.next.FindByName(ctx, name)
	r.permit.Report(1, err)
	return found, err
}

// Create is cloud.Instances.Create. It is refused if the cloud has asked for a pause, or gone down, since the room was
// taken.
func (r *Room) Create(ctx context.Context, request cloud.InstanceRequest) (cloud.Instance, error) {
	if refusal := r.permit.stopped(); refusal != nil {
		return cloud.Instance{}, throttled("creating instance", refusal)
	}
	created, err := r.instances.next.Create(ctx, request)
	r.permit.Report(1, err)
	r.instances.made(r.permit.request.Bot, err)
	return created, err
}

// Act is cloud.Actions.Act, refused like Create.
func (r *Room) Act(ctx context.Context, id int64, request cloud.ActionRequest) (cloud.Action, error) {
	if refusal := r.permit.stopped(); refusal != nil {
		return cloud.Action{}, throttled("acting on instance", refusal)
	}
	begun, err := r.instances.next.Act(ctx, id, request)
	r.permit.Report(1, err)
	if request.Type != cloud.ActionRename {
		r.instances.made(r.permit.request.Bot, err)
	}
	return begun, err
}

// Release gives back the room that was not used.
func (r *Room) Release() { r.permit.Cancel() }

// made counts that a machine was made or acted on, unless it is certain that it was not.
func (i *Instances) made(bot string, err error) {
	if !cloud.IsDefinite(err) {
		i.budget.operated(bot, 0)
	}
}
