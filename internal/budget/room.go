// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// Room is room for the calls that it was taken for.
type Room struct {
	instances *Instances
	permit    *Permit
}

// ForRemoval takes room for one look at an instance and for what follows from it: its destruction, or the look by name
// that confirms that nothing is left. Taken one by one, the looks of many that go at once would leave no room for what
// they are for. The caller releases the Room, whatever came of it.
func (i *Instances) ForRemoval(account, bot string) (*Room, error) {
	const lookAndEnd = 2
	permit, refusal := i.budget.Admit(Request{Class: Destroy, Account: account, Bot: bot, Cost: lookAndEnd})
	if refusal != nil {
		return nil, throttled("destroying instance", refusal)
	}
	return &Room{instances: i, permit: permit}, nil
}

// Get is cloud.Instances.Get.
func (r *Room) Get(ctx context.Context, id int64) (cloud.Instance, error) {
	found, err := r.instances.next.Get(ctx, id)
	r.permit.Report(1, err)
	return found, err
}

// Delete is cloud.Instances.Delete.
func (r *Room) Delete(ctx context.Context, id int64) error {
	err := r.instances.next.Delete(ctx, id)
	r.permit.Report(1, err)
	if err == nil {
		r.instances.budget.operated(r.permit.request.Bot, id)
	}
	return err
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
