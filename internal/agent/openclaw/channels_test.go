// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cedros-io/open-spawn/internal/agent/openclaw"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

const everyChannel = `{"channels":{"telegram":{},"discord":{},"slack":{}}}`

// withChannels is OpenClaw with an openclaw.json, that answers so when it is asked how its channels are.
func withChannels(t *testing.T, config, answer string) *openclaw.Runtime {
	t.Helper()
	r := given(t, standIn{"/api/v1/admin/rpc": {0, answer}}, "")
	write(t, filepath.Join(r.Directory, "openclaw.json"), config)
	return r
}

// TestHowTheChannelsAreIsAsOpenClawSays is with what the real OpenClaw 2026.9.6 has answered.
func TestHowTheChannelsAreIsAsOpenClawSays(t *testing.T) {
	unreachable := []protocol.ChannelState{
		{Type: "Discord", Message: "Discord cannot be reached, or closes the connection (code 1006)"},
		{Type: "Slack", Message: "Slack cannot be reached from the machine: A request error occurred"},
		{Type: "Telegram", Message: "it is connecting"},
	}
	for file, c := range map[string]struct {
		config string
		want   []protocol.ChannelState
	}{
		"channels-connected.json": {
			`{"channels":{"telegram":{}}}`, []protocol.ChannelState{{Type: "Telegram", Connected: true}},
		},
		"channels-unreachable.json": {everyChannel, unreachable},
		"channels-refused.json": {everyChannel, []protocol.ChannelState{
			unreachable[0], {Type: "Slack", Message: "it is connecting"},
			{Type: "Telegram", Message: "Telegram refuses the token: give the bot a valid one"},
		}},
	} {
		t.Run(file, func(t *testing.T) {
			answer, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			got, err := withChannels(t, c.config, string(answer)).Channels(t.Context())
			if err != nil || len(got) != len(c.want) {
				t.Fatalf("%+v %v", got, err)
			}
			for i, state := range got {
				want := c.want[i]
				if state.Type != want.Type || state.Connected != want.Connected ||
					!strings.HasPrefix(state.Message, want.Message) || (want.Message == "") != (state.Message == "") {
					t.Errorf("%+v, want %+v", state, want)
				}
			}
		})
	}
}

func TestWhyAChannelIsNotConnected(t *testing.T) {
	const on = `{"enabled":true,"configured":true,`
	long := strings.Repeat("ä ", 300)
	for account, want := range map[string]string{
		``: "its plugin is not there",
		on + `"running":true,"lifecycle":"ready"}`:                            "",
		on + `"running":true,"connected":true,"lifecycle":"blocked"}`:         "blocked",
		on + `"tokenStatus":"configured_unavailable","lastError":"no token"}`: "its token cannot be read",
		on + `"lastDisconnect":{"status":4004},"lastError":"closed"}`:         "Slack refuses the token",
		on + `"lastDisconnect":{"status":4014},"lastError":"closed"}`:         "Message Content Intent",
		on + `"lastError":"An API error occurred: invalid_auth"}`:             "Slack refuses the token",
		on + `"lifecycle":"blocked","stateReason":"it is not trusted"}`:       "it is not trusted",
		`{"enabled":false}`: "switched off",
		on + `"lifecycle":"blocked","lastError":"` + long + `"}`: "ä ä",
	} {
		answer := `{"payload":{"channelAccounts":{"slack":[` + account + `]}}}`
		got, err := withChannels(t, `{"channels":{"slack":{}}}`, answer).Channels(t.Context())
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %+v %v", account, got, err)
		}
		state := got[0]
		if state.Connected != (want == "") || !strings.Contains(state.Message, want) ||
			utf8.RuneCountInString(state.Message) > 256 || strings.Contains(state.Message, "  ") {
			t.Errorf("%s is said to be %+v, want %q", account, state, want)
		}
	}
}

func TestChannelsThatCannotBeAskedForAreAnError(t *testing.T) {
	if got, err := withChannels(t, everyChannel, "<!doctype html>").Channels(t.Context()); err == nil {
		t.Errorf("somebody else answers, and it says %+v", got)
	}
	if got, err := withChannels(t, `{`, "").Channels(t.Context()); err == nil {
		t.Errorf("there is no config, and it says %+v", got)
	}
	if got, err := given(t, nil, "").Channels(t.Context()); err == nil {
		t.Errorf("there is no config, and it says %+v", got)
	}
	if got, err := withChannels(t, `{}`, "never asked").Channels(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("without channels it says %+v %v", got, err)
	}
}
