// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw_test

import (
	"testing"

	"github.com/cedros-io/open-spawn/internal/openclaw"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

func TestX(t *testing.T) {
	r, err := openclaw.Render(&protocol.BotConfig{Name: "scout", Namespace: "team", DisplayName: "Scout", Persona: "Beginner", Trading: protocol.Trading{Mode: "Paper", AssetFocus: "Majors"}, LLM: protocol.LLM{Provider: "anthropic", Model: "claude-sonnet-4-5", APIKey: "llm"}, OpenClaw: protocol.Runtime{Version: "2026.9.6"},
		Channels: []protocol.Channel{{Type: "Telegram", Token: "channel/Telegram", AllowFrom: []string{"1"}}}}, map[string]string{"llm": "x", "channel/Telegram": "t"}, openclaw.Place{State: "/tmp/oc/st", Workspace: "/tmp/oc/ws", Port: 18789})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s\n%s\n%s", r.Config, r.Workspace["AGENTS.md"], r.Workspace["trading.json"])
}
