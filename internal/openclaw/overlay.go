// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// open is what a user may set in a section of openclaw.json: names, with what is open below each, or nil for all of it.
// Whatever else is there is ours, so that nobody who may edit a Bot gives it tools, models or readers past us.
type open map[string]open

// sections are the parts of openclaw.json that spec.openclaw.config may speak of.
var sections = open{
	"agents": {"defaults": {
		"blockStreamingBreak": nil, "blockStreamingChunk": nil, "blockStreamingCoalesce": nil, "blockStreamingDefault": nil,
		"bootstrapMaxChars": nil, "bootstrapTotalMaxChars": nil, "compaction": {
			"mode": nil, "reserveTokens": nil, "keepRecentTokens": nil, "reserveTokensFloor": nil, "maxHistoryShare": nil,
		},
		"contextInjection": nil, "contextLimits": nil, "contextPruning": nil, "fastModeDefault": nil, "humanDelay": nil,
		"imageMaxDimensionPx": nil, "imageQuality": nil, "maxConcurrent": nil, "mediaMaxMb": nil, "params": nil,
		"reasoningDefault": nil, "silentReply": nil, "startupContext": nil, "thinkingDefault": nil, "timeoutSeconds": nil,
		"toolProgressDetail": nil, "typingIntervalSeconds": nil, "typingMode": nil, "userTimezone": nil, "verboseDefault": nil,
	}},
	"commands": {"text": nil, "native": nil, "nativeSkills": nil},
	"logging":  {"level": nil, "consoleLevel": nil, "redactPatterns": nil, "audit": nil},
	"memory": {"citations": nil, "search": {
		"enabled": nil, "cache": nil, "query": nil, "sources": nil,
	}},
	"messages": {
		"ackReaction": nil, "ackReactionScope": nil, "groupChat": nil, "inbound": nil, "queue": nil, "responsePrefix": nil,
		"responseUsage": nil, "statusReactions": nil, "visibleReplies": nil,
	},
	"session": {"reset": nil, "resetByChannel": nil, "resetByType": nil, "resetTriggers": nil, "maintenance": nil},
	"skills":  {"limits": nil, "entries": nil},
	"tools":   {"loopDetection": nil, "links": nil, "updatePlan": nil, "web": {"fetch": nil}},
}

// modelsOf is what is open in section models: what is known of the one model that the bot has.
func modelsOf(c *protocol.BotConfig) open {
	return open{"providers": {c.LLM.Provider: {"params": nil, "timeoutSeconds": nil, "maxTokens": nil}}}
}

// permitted is what of the user's sections is open, and the paths of what is not.
func permitted(theirs map[string]json.RawMessage, models open) (kept map[string]any, ignored []string, err error) {
	all := maps.Clone(sections)
	all["models"] = models
	value := make(map[string]any, len(theirs))
	for name, text := range theirs {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber() // numbers stay as they were written
		var section any
		if err := decoder.Decode(&section); err != nil {
			return nil, nil, fmt.Errorf("spec.openclaw.config.%s is no JSON: %w", name, err)
		}
		value[name] = section
	}
	kept = all.keep(value, "", &ignored)
	slices.Sort(ignored)
	return kept, ignored, nil
}

// keep is what of an object is open, and notes the paths of the rest.
func (o open) keep(object map[string]any, at string, ignored *[]string) map[string]any {
	kept := map[string]any{}
	for name, value := range object {
		path := at + name
		below, is := o[name]
		inner, isObject := value.(map[string]any)
		switch {
		case is && below == nil:
			kept[name] = value
		case is && isObject:
			kept[name] = below.keep(inner, path+".", ignored)
		default:
			*ignored = append(*ignored, path)
		}
	}
	return kept
}
