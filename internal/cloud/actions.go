// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"context"
	"time"
)

// ActionType is what is done to an instance, in the words of the DigitalOcean API.
type ActionType string

// The actions that open-spawn asks for. It never reboots, power-cycles or rebuilds.
const (
	// ActionShutdown asks the machine's system to shut itself down, which it may ignore.
	ActionShutdown ActionType = "shutdown"
	// ActionPowerOff cuts the power.
	ActionPowerOff ActionType = "power_off"
	// ActionPowerOn gives an instance that is off its power back.
	ActionPowerOn ActionType = "power_on"
	// ActionResize changes the size of an instance that is off, and leaves its disk as it is.
	ActionResize ActionType = "resize"
	// ActionSnapshot copies the disk of an instance that is off.
	ActionSnapshot ActionType = "snapshot"
	// ActionRename changes the instance's name.
	ActionRename ActionType = "rename"
)

// ActionState is how far an action has come.
type ActionState string

// The states of an action, in the words of the DigitalOcean API.
const (
	// ActionInProgress is an action that is under way.
	ActionInProgress ActionState = "in-progress"
	// ActionCompleted is an action that has ended, as far as the cloud knows: a shutdown that the machine ignores
	// completes too, so look at the instance.
	ActionCompleted ActionState = "completed"
	// ActionErrored is an action that has failed.
	ActionErrored ActionState = "errored"
)

// ActionRequest is one thing to do to an instance.
type ActionRequest struct {
	// Type is what to do.
	Type ActionType
	// Size is the new size of a resize.
	Size string
	// Name is the name of a snapshot, or the new name of an instance.
	Name string
}

// Action is one thing that is being done, or was done, to an instance.
type Action struct {
	// ID is the cloud's own number.
	ID int64
	// Type is what is done; it can be a type that open-spawn does not know.
	Type ActionType
	// State is how far it has come.
	State ActionState
	// StartedAt is when it began, by the cloud's clock, in whole seconds.
	StartedAt time.Time
}

// Actions is the part of a cloud that does something to an instance and tells later how that went.
type Actions interface {
	// Act asks for one action, once. A nil error means that it was accepted and has an id. An error for which
	// IsDefinite holds proves that nothing was begun: Busy means that another action is still under way, Refused that
	// the same request will be refused again. After any other error it may have begun: look among the instance's
	// actions before asking again.
	Act(ctx context.Context, id int64, request ActionRequest) (Action, error)

	// Action reads one action of an instance.
	Action(ctx context.Context, id, action int64) (Action, error)

	// Actions reads the newest actions of an instance, 200 at most, newest first.
	Actions(ctx context.Context, id int64) ([]Action, error)
}
