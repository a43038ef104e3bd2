// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent/agenttest"
	run "github.com/cedros-io/open-spawn/internal/agent/openclaw"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/telegramsim"
)

const botToken = "123456:AAAA"

// withTelegram has the bot answer 111 and 222 on a Telegram that knows it by botToken.
func (w *world) withTelegram(token string) *telegramsim.Telegram {
	telegram := telegramsim.New(botToken)
	w.Cleanup(telegram.Close)
	w.config.Runtime.OpenClaw.TelegramAPI = telegram.URL
	w.bot.Channels = []protocol.Channel{{Type: "Telegram", Token: "channel/telegram", AllowFrom: []string{"111", "222"}}}
	content := w.content()
	w.Change(func(m *agenttest.Memory) {
		m.Content = content
		m.Secrets = map[string]string{"llm": "key-1", "channel/telegram": token}
	})
	return telegram
}

// channels are the states of the bot's channels, once they are so.
func (w *world) channels(is func([]protocol.ChannelState) bool) {
	w.Helper()
	token, err := w.door().Token()
	if err != nil {
		w.Fatal(err)
	}
	runtime := run.New(run.Options{Directory: w.in("memory"), Port: w.port, Token: token})
	for end := time.After(patience); ; {
		states, err := runtime.Channels(w.Context())
		if err == nil && is(states) {
			w.Logf("the channels are %+v", states)
			return
		}
		select {
		case <-end:
			w.Fatalf("the channels are %+v (%v)", states, err)
		case <-time.After(time.Second):
		}
	}
}

func TestAChannelThatDoesNotWorkSaysWhy(t *testing.T) {
	w := newWorld(t)
	w.withTelegram("123456:BBBB")
	w.bot.Channels = append(w.bot.Channels,
		protocol.Channel{Type: "Discord", Token: "channel/discord", AllowFrom: []string{"123456789012345678"}},
		protocol.Channel{
			Type: "Slack", Token: "channel/slack", AppToken: "channel/slack/app", AllowFrom: []string{"U012AB3CD"},
		})
	content := w.content()
	w.Change(func(m *agenttest.Memory) {
		m.Content = content
		m.Secrets["channel/discord"] = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE." + strings.Repeat("a", 38)
		m.Secrets["channel/slack"], m.Secrets["channel/slack/app"] = "xoxb-1-2-abc", "xapp-1-A-1-abc"
	})
	w.start()
	w.until("OpenClaw runs", func(h protocol.Heartbeat) bool { return h.OpenClaw.Running })
	w.channels(func(all []protocol.ChannelState) bool {
		return len(all) == 3 && !slices.ContainsFunc(all, func(s protocol.ChannelState) bool {
			return s.Connected || s.Message == "" || strings.Contains(s.Message, "plugin")
		}) && strings.Contains(all[2].Message, "Telegram refuses the token")
	})
}
