// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"

	"github.com/cedros-io/open-spawn/internal/agent/agenttest"
	"github.com/cedros-io/open-spawn/internal/modelsim"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

func TestOpenClawAnswersAsTheBotSays(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.until("the first config is applied", applied(1))
	if got := w.say("nonce-1"); got != modelsim.Reply+"nonce-1" {
		t.Errorf("it answers %q", got)
	}
	asked := w.asked()
	if asked.Key != "key-1" || asked.Model != "sim-1" || !strings.Contains(asked.Instructions, "PAPER") ||
		!strings.Contains(asked.Instructions, "new to trading") {
		t.Errorf("the model was asked for %s with key %s and %s", asked.Model, asked.Key, asked.Instructions)
	}

	version := w.edit(nil, func(c *protocol.BotConfig) { c.Persona = "QuantLite" })
	w.until("another persona is applied", applied(version))
	w.say("nonce-2")
	if !strings.Contains(w.asked().Instructions, "thinks in numbers") {
		t.Errorf("the instructions are %s", w.asked().Instructions)
	}

	version = w.edit(map[string]string{"llm": "key-2"}, func(*protocol.BotConfig) {})
	w.until("another key is applied", applied(version))
	w.say("nonce-3")
	if got := w.asked().Key; got != "key-2" {
		t.Errorf("the model is shown key %s", got)
	}
}

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

func TestOpenClawComesBackWhateverIsKilled(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.until("the first config is applied", applied(1))
	first := w.pid()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.until("that it has ended is told", func(h protocol.Heartbeat) bool { return !h.OpenClaw.Healthy })
	w.until("it works again", applied(1))
	if h := w.last(); h.OpenClaw.Restarts != 1 || w.pid() == first {
		t.Errorf("after it was killed: %+v", h.OpenClaw)
	}
	w.end() // and the next life of the agent finds the machine as it was
	w.Change(func(m *agenttest.Memory) { m.Beats = nil })
	w.start()
	w.until("the next life works", applied(1))
	if got := w.say("again"); got != modelsim.Reply+"again" {
		t.Errorf("it answers %q", got)
	}
	w.Change(func(m *agenttest.Memory) { m.Run = false })
	w.until("it is stopped", func(h protocol.Heartbeat) bool { return !h.OpenClaw.Running })
}
