// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"strings"

	"github.com/cedros-io/open-spawn/internal/agent/state"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// longestMessage is how much the protocol takes.
const longestMessage = 1024

// succeed makes a config the last good one. It was written before it was tried, and is reported when that it works is
// written too.
func (p *applier) succeed(ctx context.Context, c *protocol.Config) {
	p.Log.Info("a config is applied", "version", c.Version, "remark", p.remark)
	result := &protocol.ConfigResult{Version: c.Version, Applied: true, Message: bounded(p.remark)}
	progress := state.Progress{Good: c.Version, Result: result}
	if p.lastGood != nil {
		progress.Before = p.lastGood.Version
	}
	if err := p.dir.SaveProgress(progress); err != nil {
		p.Log.Error("that a config works cannot be remembered; the next life asks for it again", "error", err)
	}
	p.arrive(ctx)
	p.lastGood = c
	p.decide(result, true)
	tell(p.news)
}

// fail says why a config does not run, and that the last good one does.
func (p *applier) fail(c *protocol.Config, why error, final bool) {
	p.Log.Warn("a config is not applied", "version", c.Version, "error", why, "triedAgain", !final)
	result := &protocol.ConfigResult{Version: c.Version, Message: bounded(why.Error())}
	if final {
		p.forget(c, result)
	}
	if p.placed == c.Version {
		p.placed = 0
		if p.lastGood == nil {
			p.sup.Want(false) // there is nothing that is known to work
		}
	}
	p.decide(result, final)
	tell(p.news)
}

// forget remembers no more of a config than that it does not work.
func (p *applier) forget(c *protocol.Config, result *protocol.ConfigResult) {
	progress, err := p.dir.Progress()
	if err == nil {
		progress.Result = result
		err = p.dir.SaveProgress(progress)
	}
	if err != nil {
		p.Log.Error("that a config does not work cannot be remembered; the next life tries it again", "error", err)
		if err := p.dir.DropConfig(c.Version); err != nil {
			p.Log.Error("a config that does not work is left on the disk", "error", err)
		}
	}
}

func bounded(message string) string {
	if len(message) <= longestMessage {
		return message
	}
	return strings.ToValidUTF8(message[:longestMessage-len("…")], "") + "…"
}
