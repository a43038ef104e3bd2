// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// off switches something off.
func off() map[string]any { return map[string]any{"enabled": false} }

// config is all that we say in openclaw.json.
func config(c *protocol.BotConfig, r release, at Place) (map[string]any, error) {
	model, err := models(c.LLM)
	if err != nil {
		return nil, err
	}
	talks, err := channels(c.Channels, at)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"gateway":   gateway(at),
		"update":    map[string]any{"checkOnStart": false, "auto": off()},
		"telemetry": off(),
		"discovery": map[string]any{"mdns": map[string]any{"mode": "off"}},
		"logging":   map[string]any{"file": at.in("logs", "openclaw.log"), "maxFileBytes": maxLog},
		"models":    model,
		"agents":    agents(c, at),
		"session":   map[string]any{"dmScope": "per-channel-peer"},
		"cron":      off(),
		"browser":   off(),
		"commands":  commands(),
		"tools":     tools(),
		"plugins":   plugins(r, c.Channels),
		"skills":    map[string]any{"allowBundled": []any{"__none__"}},
		"channels":  talks,
	}, nil
}

// maxLog bounds OpenClaw's log, in bytes.
const maxLog = 20_000_000

// gateway is OpenClaw's own: on loopback, with a token that its agent knows, and no interface for people.
func gateway(at Place) map[string]any {
	return map[string]any{
		"mode": "local", "bind": "loopback", "port": at.Port,
		"auth":      map[string]any{"mode": "token", "token": reference(TokenVariable), "allowTailscale": false},
		"reload":    map[string]any{"mode": "hybrid"},
		"tailscale": map[string]any{"mode": "off"},
		"controlUi": off(),
		"terminal":  off(),
		"http": map[string]any{"endpoints": map[string]any{
			"chatCompletions": map[string]any{"enabled": true}, // for tools on the machine, with the token
		}},
	}
}

// TokenVariable is the variable with the token of OpenClaw's own gateway.
const TokenVariable = "OPENCLAW_GATEWAY_TOKEN"

func agents(c *protocol.BotConfig, at Place) map[string]any {
	return map[string]any{
		"defaults": map[string]any{
			"workspace": at.Workspace, "skipBootstrap": true,
			"model":     map[string]any{"primary": c.LLM.Provider + "/" + c.LLM.Model, "fallbacks": []any{}},
			"heartbeat": map[string]any{"every": "0m"}, // nothing happens that nobody asked for
			"sandbox":   map[string]any{"mode": "off"}, // there is no Docker; no tool runs programs
		},
		"entries": map[string]any{"main": map[string]any{"identity": map[string]any{"name": c.DisplayName}}},
	}
}

// tools: a bot reads its workspace and talks. It runs no program, changes no file, and speaks for nobody else.
func tools() map[string]any {
	return map[string]any{
		"profile":   "messaging",
		"alsoAllow": []any{"read"}, // without it OpenClaw does not mention skills at all
		"deny": []any{
			"group:automation", "group:runtime", "write", "edit", "apply_patch", "group:nodes", "group:ui", "sessions_spawn",
			"sessions_send",
		},
		"fs":           map[string]any{"workspaceOnly": true},
		"exec":         map[string]any{"security": "deny", "ask": "always"},
		"elevated":     off(),
		"sessions":     map[string]any{"visibility": "agent"},
		"agentToAgent": off(),
	}
}

// commands: nobody changes the bot by talking to it.
func commands() map[string]any {
	return map[string]any{"restart": false, "config": false, "plugins": false, "mcp": false, "bash": false, "debug": false}
}

func plugins(r release, wanted []protocol.Channel) map[string]any {
	entries := map[string]any{
		"admin-http-rpc": map[string]any{"enabled": true}, // by which our agent asks how channels are
		"memory-core":    map[string]any{"config": map[string]any{"dreaming": off()}},
	}
	for _, name := range r.unused {
		entries[name] = off()
	}
	for _, channel := range wanted {
		if plugin := kinds[channel.Type].plugin; plugin != "" {
			entries[plugin] = map[string]any{"enabled": true}
		}
	}
	return map[string]any{"entries": entries}
}
