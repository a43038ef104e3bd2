// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// open are the paths in openclaw.json that spec.openclaw.config may speak of, with all that is below them. Whatever
// else is there is ours, so that nobody who may edit a Bot gives it tools, models or readers past us.
var open = slices.Concat(
	below("agents.defaults", `blockStreamingBreak blockStreamingChunk blockStreamingCoalesce blockStreamingDefault
		bootstrapMaxChars bootstrapTotalMaxChars contextInjection contextLimits contextPruning fastModeDefault humanDelay
		imageMaxDimensionPx imageQuality maxConcurrent mediaMaxMb params reasoningDefault silentReply startupContext
		thinkingDefault timeoutSeconds toolProgressDetail typingIntervalSeconds typingMode userTimezone verboseDefault`),
	below("agents.defaults.compaction", `keepRecentTokens maxHistoryShare mode reserveTokens reserveTokensFloor`),
	below("commands", `native nativeSkills text`),
	below("logging", `audit consoleLevel level redactPatterns`),
	below("memory", `citations search.cache search.enabled search.query search.sources`),
	below("messages", `ackReaction ackReactionScope groupChat inbound queue responsePrefix responseUsage statusReactions
		visibleReplies`),
	below("session", `maintenance reset resetByChannel resetByType resetTriggers`),
	below("skills", `entries limits`),
	below("tools", `links loopDetection updatePlan web.fetch`),
)

// openFor are those of one bot: what is known of the one provider that it has.
func openFor(c *protocol.BotConfig) []string {
	return slices.Concat(open, below("models.providers."+c.LLM.Provider, `maxTokens params timeoutSeconds`))
}

// below are the paths of names that are below one.
func below(path, names string) []string {
	var all []string
	for _, name := range strings.Fields(names) {
		all = append(all, path+"."+name)
	}
	return all
}

// permitted is what of the user's sections is open, and the paths of what is not.
func permitted(c *protocol.BotConfig) (kept map[string]any, ignored []string, err error) {
	theirs := make(map[string]any, len(c.OpenClaw.Config))
	for name, text := range c.OpenClaw.Config {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber() // numbers stay as they were written
		var section any
		if err := decoder.Decode(&section); err != nil {
			return nil, nil, fmt.Errorf("spec.openclaw.config.%s is no JSON: %w", name, err)
		}
		theirs[name] = section
	}
	kept, ignored = keep(theirs, "", openFor(c))
	slices.Sort(ignored)
	return kept, ignored, nil
}

// keep is what of the object at a path is open, and the paths of the rest.
func keep(object map[string]any, at string, paths []string) (kept map[string]any, ignored []string) {
	kept = map[string]any{}
	for name, value := range object {
		path := at + name
		inner, isObject := value.(map[string]any)
		leads := slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(p, path+".") })
		switch {
		case slices.Contains(paths, path):
			kept[name] = value
		case isObject && leads:
			var rest []string
			kept[name], rest = keep(inner, path+".", paths)
			ignored = append(ignored, rest...)
		default:
			ignored = append(ignored, path)
		}
	}
	return kept, ignored
}
