// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/modelsim"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

func TestABadConfigIsSaidAndTheLastGoodOneAnswers(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.until("the first config is applied", applied(1))
	for says, change := range map[string]func(*protocol.BotConfig){
		"messages.ackReaction": func(c *protocol.BotConfig) { // its shape is OpenClaw's to know
			c.OpenClaw.Config = map[string]json.RawMessage{"messages": json.RawMessage(`{"ackReaction":5}`)}
		},
		"spec.llm.provider": func(c *protocol.BotConfig) { c.LLM.Provider = "nobody" },
	} {
		good := w.bot
		version := w.edit(nil, change)
		w.until("a bad config is refused", func(h protocol.Heartbeat) bool {
			return h.Result != nil && h.Result.Version == version && !h.Result.Applied
		})
		h := w.last()
		if !strings.Contains(h.Result.Message, says) || h.AppliedConfig == version || !h.OpenClaw.Healthy {
			t.Errorf("want %s: %+v, %+v", says, h.Result, h.OpenClaw)
		}
		if got := w.say("still there"); got != modelsim.Reply+"still there" {
			t.Errorf("it answers %q", got)
		}
		w.bot = good
	}
}
