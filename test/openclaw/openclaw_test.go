// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"strings"
	"testing"

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
