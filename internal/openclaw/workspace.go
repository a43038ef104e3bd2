// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// The files that are ours. A ConfigMap cannot replace them: they say what the bot may do.
const (
	// RulesFile is what OpenClaw puts before every conversation.
	RulesFile = "AGENTS.md"
	// SoulFile is who the bot is.
	SoulFile = "SOUL.md"
	// IdentityFile is what it is called.
	IdentityFile = "IDENTITY.md"
	// TradingFile is the same limits for tools, exact.
	TradingFile = "trading.json"
	// SkillFile teaches the bot to read TradingFile.
	SkillFile = "skills/trading/SKILL.md"
)

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"percent": percent, "line": line, "join": strings.Join,
}).ParseFS(templateFiles, "templates/*"))

// workspace are the files of a bot's workspace: ours, and its ConfigMap's.
func workspace(c *protocol.BotConfig) (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, content := range c.Workspace {
		if err := checkPath(name); err != nil {
			return nil, err
		}
		files[name] = content
	}
	soul := "soul-" + strings.ToLower(c.Persona) + ".md"
	if templates.Lookup(soul) == nil {
		return nil, fmt.Errorf("spec.persona: %q is unknown", c.Persona)
	}
	for name, from := range map[string]string{
		RulesFile: "rules.md", SoulFile: soul, IdentityFile: "identity.md", SkillFile: "skill.md",
	} {
		if _, taken := files[name]; taken {
			return nil, fmt.Errorf("spec.openclaw.workspaceConfigMapRef: %s is written by open-spawn, call yours otherwise",
				name)
		}
		var text bytes.Buffer
		if err := templates.ExecuteTemplate(&text, from, c); err != nil {
			return nil, fmt.Errorf("writing %s: %w", name, err)
		}
		files[name] = text.Bytes()
	}
	limits, err := tradingFile(c)
	files[TradingFile] = limits
	return files, err
}

// checkPath refuses what is no file in the workspace. Keys of a ConfigMap hold no slash, but it is not said who made
// the config.
func checkPath(name string) error {
	isLocal := name != "" && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, "/\\\x00")
	if !isLocal || name == TradingFile {
		return fmt.Errorf("spec.openclaw.workspaceConfigMapRef: %q can be no file in the workspace", name)
	}
	return nil
}

// tradingFile are the limits as the Bot says them, in basis points and whole numbers.
func tradingFile(c *protocol.BotConfig) ([]byte, error) {
	text, err := json.MarshalIndent(struct {
		Bot       string           `json:"bot"`
		Namespace string           `json:"namespace"`
		Trading   protocol.Trading `json:"trading"`
		Risk      *protocol.Risk   `json:"risk"`
	}{c.Name, c.Namespace, c.Trading, c.Risk}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", TradingFile, err)
	}
	return append(text, '\n'), nil
}

// percent is a number of basis points as people say it: 250 is 2.5 %.
func percent(bps *int32) string {
	if bps == nil {
		return "not limited"
	}
	return strconv.FormatFloat(float64(*bps)/100, 'f', -1, 64) + " %"
}

// line is text that somebody wrote, on one line and as text: it can begin nothing in Markdown.
func line(text string) string {
	fields := strings.Fields(text)
	return strings.NewReplacer("`", "'", "*", "\\*", "_", "\\_", "#", "\\#", "[", "\\[", "]", "\\]").Replace(
		strings.Join(fields, " "))
}

// Paths are those of the files, in order.
func (r *Rendered) Paths() []string { return slices.Sorted(maps.Keys(r.Workspace)) }
