// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// lookAtChannels is how often the runtime is asked how its channels are: it costs it a fifth of a second.
const lookAtChannels = 30 * time.Second

// channels are as the runtime has said last.
type channels struct {
	mu  sync.Mutex
	all []protocol.ChannelState
}

func (c *channels) last() []protocol.ChannelState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

// say is true when they are not as before.
func (c *channels) say(all []protocol.ChannelState) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	isNew := !slices.Equal(c.all, all)
	c.all = all
	return isNew
}

// watchChannels asks the runtime how its channels are while it works, at once when it has begun to, and says nothing of
// them otherwise.
func (a *agent) watchChannels(ctx context.Context) {
	for ctx.Err() == nil {
		status, changed := a.sup.Status()
		var now []protocol.ChannelState
		if status.Healthy {
			var err error
			if now, err = a.runtime.Channels(ctx); err != nil {
				a.Log.Warn("the runtime does not say how its channels are", "error", err)
			}
		}
		if a.channels.say(now) {
			tell(a.news)
		}
		a.wait(ctx, lookAtChannels, changed)
	}
}
