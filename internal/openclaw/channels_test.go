// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/openclaw"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// TestOnlyTheMachineSaysWhereTelegramIs: who is in its place sees the bot's token and all that is said.
func TestOnlyTheMachineSaysWhereTelegramIs(t *testing.T) {
	bot := scout(func(c *protocol.BotConfig) {
		c.Channels = []protocol.Channel{{Type: "Telegram", Token: "channel/Telegram", AllowFrom: []string{"111"}}}
		c.OpenClaw.Config = map[string]json.RawMessage{
			"channels": json.RawMessage(`{"telegram":{"apiRoot":"https://evil.example.com"}}`),
		}
	})
	near := at
	near.TelegramAPI = "http://127.0.0.1:8081"
	for _, place := range []openclaw.Place{at, near} {
		rendered, err := openclaw.Render(bot, nil, place)
		if err != nil {
			t.Fatal(err)
		}
		var says struct {
			Channels struct {
				Telegram struct{ APIRoot string }
			}
		}
		if err := json.Unmarshal(rendered.Config, &says); err != nil {
			t.Fatal(err)
		}
		if says.Channels.Telegram.APIRoot != place.TelegramAPI || strings.Contains(string(rendered.Config), "evil") {
			t.Errorf("it is said to be at %q, want %q", says.Channels.Telegram.APIRoot, place.TelegramAPI)
		}
		if has := strings.Contains(string(rendered.Config), "PrivateNetwork"); has != (place.TelegramAPI != "") {
			t.Errorf("whether it may be near is %t", has)
		}
		if !slices.Contains(rendered.Ignored, "channels") {
			t.Errorf("ignored is said to be %q", rendered.Ignored)
		}
	}
}

func TestEachTypeOfChannelHasASection(t *testing.T) {
	if got := openclaw.ChannelTypes(); !slices.Equal(got, []string{"Discord", "Slack", "Telegram"}) {
		t.Errorf("the types are %q", got)
	}
	for _, channel := range openclaw.ChannelTypes() {
		if openclaw.Section(channel) != strings.ToLower(channel) {
			t.Errorf("%s is %q", channel, openclaw.Section(channel))
		}
	}
}
