// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"

	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
	"github.com/cedros-io/open-spawn/internal/agent/update"
)

// ErrReplaced means that another build of the agent is to take the place of this one.
var ErrReplaced = errors.New("another build of the agent is to run")

func (a *agent) newUpdater() *update.Updater {
	return update.New(update.Options{
		Builds: update.In(a.config.StateDirectory), Self: a.Self, Download: a.client.Download,
		Times: update.DefaultTimes(), Clock: a.Clock, Random: a.Random, Log: a.Log,
	})
}

// update ends this build when another is to take its place. The runtime goes on, if it can.
func (a *agent) update(ctx context.Context, keeper *supervisor.Keeper, end context.CancelCauseFunc) {
	if a.Self == "" || !a.updater.Run(ctx) {
		return
	}
	keeper.Leave()
	end(ErrReplaced)
}
