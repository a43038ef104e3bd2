// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// kind is a messaging service as OpenClaw knows it.
type kind struct {
	// section is its name in openclaw.json.
	section string
	// plugin is its plugin, where that does not come along.
	plugin string
	// own says what is particular about it.
	own func(c protocol.Channel, at Place) map[string]any
}

var kinds = map[string]kind{
	"Telegram": {"telegram", "", func(c protocol.Channel, at Place) map[string]any {
		section := map[string]any{
			"botToken": reference(variableOf(c.Token)), "streaming": map[string]any{"mode": "off"},
		}
		if at.TelegramAPI != "" {
			section["apiRoot"] = at.TelegramAPI
			section["network"] = map[string]any{"dangerouslyAllowPrivateNetwork": true} // it is the owner's, and may be near
		}
		return section
	}},
	"Discord": {"discord", "discord", func(c protocol.Channel, _ Place) map[string]any {
		return map[string]any{"token": reference(variableOf(c.Token))}
	}},
	"Slack": {"slack", "slack", func(c protocol.Channel, _ Place) map[string]any {
		return map[string]any{
			"mode":     "socket", // it calls out, and nobody calls in
			"botToken": reference(variableOf(c.Token)), "appToken": reference(variableOf(c.AppToken)),
			// The schema wants these too, which are for what is not used.
			"postAs": "bot", "webhookPath": "/slack/events", "userTokenReadOnly": true,
		}
	}},
}

// channels: a bot answers those that are listed, in direct messages, and nobody else.
func channels(wanted []protocol.Channel, at Place) (map[string]any, error) {
	all := map[string]any{}
	for _, c := range wanted {
		of, known := kinds[c.Type]
		switch {
		case !known:
			return nil, fmt.Errorf("spec.channels: type %q is unknown", c.Type)
		case len(c.AllowFrom) == 0:
			return nil, fmt.Errorf("spec.channels[%s].allowFrom is empty: the bot would answer nobody", c.Type)
		}
		section := map[string]any{
			"enabled": true, "configWrites": false, "groupPolicy": "disabled",
			"dmPolicy": "allowlist", "allowFrom": list(c.AllowFrom),
		}
		maps.Copy(section, of.own(c, at))
		all[of.section] = section
	}
	return all, nil
}

func list(items []string) []any {
	all := make([]any, len(items))
	for i, item := range items {
		all[i] = item
	}
	return all
}

// Section is the name in openclaw.json of a type of channel.
func Section(channel string) string { return kinds[channel].section }

// ChannelTypes are the types of channels that there are, in order.
func ChannelTypes() []string { return slices.Sorted(maps.Keys(kinds)) }

// Plugins are what must be in place before OpenClaw starts with a config, each at OpenClaw's own version.
func Plugins(c *protocol.BotConfig) []string {
	var all []string
	for _, channel := range c.Channels {
		if plugin := kinds[channel.Type].plugin; plugin != "" {
			all = append(all, plugin)
		}
	}
	return all
}
