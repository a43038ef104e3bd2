// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	reads "github.com/cedros-io/open-spawn/internal/openclaw"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

const (
	// channelsWithin bounds the question, which OpenClaw answers in 0.2 s: a heartbeat waits for it.
	channelsWithin = 3 * time.Second
	// maxMessage bounds what is said of a channel, in characters.
	maxMessage = 256
)

// account is how OpenClaw says that one of its accounts on a messaging service is.
type account struct {
	Enabled    bool `json:"enabled"`
	Configured bool `json:"configured"`
	Running    bool `json:"running"`
	// Connected is missing until that is known, and with services that do not say.
	Connected *bool `json:"connected"`
	// Lifecycle is starting, ready, recovering, blocked and others, and StateReason why.
	Lifecycle   string `json:"lifecycle"`
	StateReason string `json:"stateReason"`
	LastError   string `json:"lastError"`
	// TokenStatus is available when the token could be read.
	TokenStatus string `json:"tokenStatus"`
	// LastDisconnect has the code with which the service has closed the connection.
	LastDisconnect struct {
		Status int `json:"status"`
	} `json:"lastDisconnect"`
}

// The codes with which Discord closes a connection because of the bot itself.
const (
	discordRefused = 4004
	discordIntents = 4014
)

// Channels says how each messaging service is that OpenClaw is configured with, in order of their types.
func (r *Runtime) Channels(ctx context.Context) ([]protocol.ChannelState, error) {
	wanted, err := r.wantedChannels()
	if err != nil || len(wanted) == 0 {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, channelsWithin)
	defer cancel()
	var says struct {
		Payload struct {
			Accounts map[string][]account `json:"channelAccounts"`
		} `json:"payload"`
	}
	if err := r.asks.call(ctx, "channels.status", &says); err != nil {
		return nil, err
	}
	all := make([]protocol.ChannelState, len(wanted))
	for i, channel := range wanted {
		all[i] = stateOf(channel, says.Payload.Accounts[reads.Section(channel)])
	}
	return all, nil
}

// wantedChannels are the types of those in openclaw.json.
func (r *Runtime) wantedChannels() ([]string, error) {
	content, err := os.ReadFile(filepath.Join(r.Directory, configFile))
	if err != nil {
		return nil, fmt.Errorf("reading which channels there are: %w", err)
	}
	var says struct {
		Channels map[string]struct{} `json:"channels"`
	}
	if err := json.Unmarshal(content, &says); err != nil {
		return nil, fmt.Errorf("reading which channels there are: %w", err)
	}
	var all []string
	for _, channel := range reads.ChannelTypes() {
		if _, is := says.Channels[reads.Section(channel)]; is {
			all = append(all, channel)
		}
	}
	return all, nil
}

// stateOf is what there is to say of a channel. We configure one account of each.
func stateOf(channel string, accounts []account) protocol.ChannelState {
	state := protocol.ChannelState{Type: channel}
	if len(accounts) == 0 {
		state.Message = "OpenClaw does not know it: its plugin is not there, or not loaded yet"
		return state
	}
	a := accounts[0]
	state.Connected = a.isConnected()
	if !state.Connected {
		state.Message = clip(a.why(channel))
	}
	return state
}

func (a *account) isConnected() bool {
	if !a.Running || a.Lifecycle == "blocked" {
		return false
	}
	if a.Connected != nil {
		return *a.Connected
	}
	return a.Lifecycle == "ready"
}

// why it is not connected, in words by which somebody can do something.
func (a *account) why(channel string) string {
	switch {
	case a.TokenStatus != "" && a.TokenStatus != "available":
		return fmt.Sprintf("its token cannot be read (%s)", a.TokenStatus)
	case a.LastError != "":
		return a.failure(channel)
	case a.StateReason != "":
		return a.StateReason
	case !a.Enabled || !a.Configured:
		return "it is switched off, or not configured"
	case a.Lifecycle == "starting":
		return "it is connecting"
	default:
		return fmt.Sprintf("it is not connected (%s)", a.Lifecycle)
	}
}

// failure is the last error, after what can be done about it where that is known.
func (a *account) failure(channel string) string {
	switch code := a.LastDisconnect.Status; {
	case isRefusal(a.LastError), code == discordRefused:
		return fmt.Sprintf("%s refuses the token: give the bot a valid one (%s)", channel, a.LastError)
	case code == discordIntents:
		return "Discord does not let the bot read messages: switch on its Message Content Intent (" + a.LastError + ")"
	case isUnreachable(a.LastError):
		return fmt.Sprintf("%s cannot be reached from the machine: %s", channel, a.LastError)
	case strings.HasPrefix(a.LastError, "Gateway reconnect scheduled"):
		return fmt.Sprintf("%s cannot be reached, or closes the connection (code %d); it is tried again", channel, code)
	default:
		return a.LastError
	}
}

// isRefusal tells whether a service does not take a token, by the words of those that there are.
func isRefusal(text string) bool {
	return containsAny(text, "Unauthorized", "unauthorized", "invalid_auth", "not_authed", "token_revoked",
		"account_inactive", "invalid token")
}

func isUnreachable(text string) bool {
	return containsAny(text, "ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN", "ENETUNREACH", "ECONNRESET",
		"fetch failed", "Network request")
}

func containsAny(text string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// clip is the beginning of a text, on one line.
func clip(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if utf8.RuneCountInString(text) <= maxMessage {
		return text
	}
	return string([]rune(text)[:maxMessage-1]) + "…"
}
