// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent/client"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// soon is an answer that was not waited for. A gateway that cannot hold so many says at once that there is nothing new;
// then the heartbeats say when there is.
const soon = 5 * time.Second

// watch waits at a gateway for configs, and for the word that the runtime is not to run.
func (a *agent) watch(ctx context.Context) {
	failing, idle := client.Backoff{Random: a.Random}, client.Backoff{Random: a.Random}
	wait := protocol.MaxWait
	for ctx.Err() == nil {
		began := a.Clock.Now()
		news, err := a.watchOnce(ctx, wait)
		wait = protocol.MaxWait
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			pause := failing.Next(err)
			a.Log.Warn("waiting for a config has failed", "error", err, "againIn", pause)
			asked := client.RetryAfter(err)
			if a.wait(ctx, asked, nil) {
				a.wait(ctx, pause-asked, a.newer)
			}
			continue
		}
		failing.Reset()
		if news || a.Clock.Since(began) >= soon {
			idle.Reset()
			continue
		}
		a.wait(ctx, idle.Next(nil), a.newer)
		if a.apply.behind() {
			wait = 0
		}
	}
}

// watchOnce asks once; true when there was a config that we did not know.
func (a *agent) watchOnce(ctx context.Context, wait time.Duration) (news bool, err error) {
	question := a.on.ask()
	var config *protocol.Config
	err = a.keys.with(func(credential token.Token) (err error) {
		config, err = a.client.Config(ctx, credential, a.apply.have(), wait)
		return err
	})
	switch {
	case err != nil:
		return false, err
	case config == nil:
		a.on.reached()
		return false, nil
	}
	a.on.configSays(question, config.Run)
	return a.apply.offer(config), nil
}
