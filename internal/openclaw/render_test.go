// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dlclark/regexp2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cedros-io/open-spawn/internal/openclaw"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

var update = flag.Bool("update", false, "write the golden files anew")

// at is where OpenClaw is on a machine.
var at = openclaw.Place{State: "/var/lib/openclaw/state", Workspace: "/var/lib/openclaw/workspace", Port: 18789}

func number(n int32) *int32 { return &n }

// scout is a bot that trades nothing, with a change.
func scout(change ...func(*protocol.BotConfig)) *protocol.BotConfig {
	c := &protocol.BotConfig{
		Name: "scout", Namespace: "team-acme", DisplayName: "Scout", Persona: "Beginner", OnLostContact: "KeepRunning",
		GraceSeconds: 150, Trading: protocol.Trading{Mode: "Paper", AssetFocus: "Majors"},
		LLM:      protocol.LLM{Provider: "anthropic", Model: "claude-sonnet-4-5", APIKey: "llm"},
		OpenClaw: protocol.Runtime{Version: openclaw.Default},
	}
	for _, to := range change {
		to(c)
	}
	return c
}

// configs are those that there are golden files of: each persona, each provider, each channel.
func configs() map[string]*protocol.BotConfig {
	all := map[string]*protocol.BotConfig{
		"beginner": scout(),
		"tweaker": scout(func(c *protocol.BotConfig) {
			c.Persona, c.DisplayName = "Tweaker", "Hawk"
			c.Trading = protocol.Trading{
				Mode: "Live", AssetFocus: "Custom", CustomAssets: []string{"BTC/USDT", "SOL/USDT"}, Algorithm: "Breakout",
				Strictness: "High", Signals: protocol.Signals{VolumeConfirmation: "Enabled", LiquidityFilter: "Medium"},
			}
			c.Risk = &protocol.Risk{
				MaxPositionSizeBps: number(250), MaxDailyLossBps: number(100), MaxDrawdownBps: number(1000),
				MaxTradesPerDay: number(0),
			}
			c.Credentials = []protocol.Credential{{Name: "EXCHANGE_KEY", Secret: "credential/EXCHANGE_KEY"}}
			c.Workspace = map[string][]byte{"notes.md": []byte("# Notes\n")}
		}),
		"quantlite": scout(func(c *protocol.BotConfig) {
			c.Persona = "QuantLite"
			c.Trading = protocol.Trading{Mode: "Paper", AssetFocus: "Memes", Algorithm: "MeanReversion", Strictness: "Low"}
			c.Risk = &protocol.Risk{MaxDailyLossBps: number(33)}
			c.OpenClaw.Config = map[string]json.RawMessage{
				"agents":   json.RawMessage(`{"defaults":{"thinkingDefault":"low","userTimezone":"Europe/Berlin"}}`),
				"logging":  json.RawMessage(`{"level":"debug"}`),
				"messages": json.RawMessage(`{"responsePrefix":"🤖"}`),
			}
		}),
		"every-channel": scout(func(c *protocol.BotConfig) {
			c.Channels = []protocol.Channel{
				{Type: "Discord", Token: "channel/Discord", AllowFrom: []string{"123456789012345678"}},
				{Type: "Slack", Token: "channel/Slack", AppToken: "channel/Slack/app", AllowFrom: []string{"U012AB3CD"}},
				{Type: "Telegram", Token: "channel/Telegram", AllowFrom: []string{"111", "222"}},
			}
		}),
		"custom": scout(func(c *protocol.BotConfig) {
			c.LLM = protocol.LLM{
				Provider: openclaw.Custom, Model: "llama-4-70b", BaseURL: "https://models.example/v1", APIKey: "llm",
			}
		}),
	}
	for _, provider := range []string{"google", "huggingface", "nvidia", "openai", "openrouter", "together", "xai"} {
		all["provider-"+provider] = scout(func(c *protocol.BotConfig) {
			c.LLM.Provider, c.LLM.Model = provider, "vendor/model-1"
		})
	}
	return all
}

func secretsOf(c *protocol.BotConfig) map[string]string {
	secrets := map[string]string{"llm": "sk-llm"}
	for _, channel := range c.Channels {
		secrets[channel.Token] = "token of " + channel.Type
		if channel.AppToken != "" {
			secrets[channel.AppToken] = "app token of " + channel.Type
		}
	}
	for _, credential := range c.Credentials {
		secrets[credential.Secret] = "key of " + credential.Name
	}
	return secrets
}

func render(t *testing.T, c *protocol.BotConfig) *openclaw.Rendered {
	t.Helper()
	r, err := openclaw.Render(c, secretsOf(c), at)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatIsRenderedIsWhatWasReviewed(t *testing.T) {
	everywhere(t, func(t *testing.T, name string, c *protocol.BotConfig) {
		t.Helper()
		r := render(t, c)
		files := maps.Clone(r.Workspace)
		files["openclaw.json"] = r.Config
		var variables strings.Builder
		for _, variable := range slices.Sorted(maps.Keys(r.Environment)) {
			variables.WriteString(variable + "\n")
		}
		files["variables"] = []byte(variables.String())
		if strings.HasPrefix(name, "provider-") { // the workspace is that of the others
			files = map[string][]byte{"openclaw.json": r.Config}
		}
		compare(t, filepath.Join("testdata", c.OpenClaw.Version, name), files)
	})
}

// everywhere runs a test with each config for each version.
func everywhere(t *testing.T, test func(t *testing.T, name string, c *protocol.BotConfig)) {
	t.Helper()
	for _, version := range openclaw.Supported() {
		for name, c := range configs() {
			c.OpenClaw.Version = version
			t.Run(version+"/"+name, func(t *testing.T) { test(t, name, c) })
		}
	}
}

// compare compares files with those in a directory, of which there are no others.
func compare(t *testing.T, directory string, files map[string][]byte) {
	t.Helper()
	if *update {
		if err := os.RemoveAll(directory); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range files {
		path := filepath.Join(directory, filepath.FromSlash(name))
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(filepath.Clean(path))
		if err != nil || !bytes.Equal(content, want) {
			t.Errorf("%s is not what was reviewed (-update writes it anew; %v):\n%s", path, err, content)
		}
	}
}

// schemas are OpenClaw's own, as the testdata's README says. One is read when it is first needed.
var schemas = func() map[string]func() (*jsonschema.Schema, error) {
	all := map[string]func() (*jsonschema.Schema, error){}
	for _, version := range openclaw.Supported() {
		all[version] = sync.OnceValues(func() (*jsonschema.Schema, error) { return schema(version) })
	}
	return all
}()

func schema(version string) (*jsonschema.Schema, error) {
	file, err := os.Open(filepath.Join("testdata", filepath.Base(version), "schema.json.gz"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	reader, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(reader)
	if err != nil {
		return nil, err
	}
	rebase(document, "", "")
	compiler := jsonschema.NewCompiler()
	compiler.UseRegexpEngine(func(pattern string) (jsonschema.Regexp, error) {
		compiled, err := regexp2.Compile(pattern, regexp2.ECMAScript|regexp2.Unicode)
		return javaScript{compiled}, err
	})
	if err := compiler.AddResource("schema.json", document); err != nil {
		return nil, err
	}
	return compiler.Compile("schema.json")
}

// rebase mends references: plugins' schemas are embedded as they are, and speak of their own beginning.
func rebase(node any, at, base string) {
	switch n := node.(type) {
	case []any:
		for i, item := range n {
			rebase(item, fmt.Sprint(at, "/", i), base)
		}
	case map[string]any:
		if _, is := n["$defs"]; is {
			base = at
		}
		if to, is := n["$ref"].(string); is && strings.HasPrefix(to, "#/$defs/") {
			n["$ref"] = "#" + base + to[1:]
		}
		for name, item := range n {
			rebase(item, at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), base)
		}
	}
}

// javaScript is a regular expression as OpenClaw writes them.
type javaScript struct{ *regexp2.Regexp }

// MatchString implements jsonschema.Regexp.
func (j javaScript) MatchString(text string) bool {
	matches, err := j.Regexp.MatchString(text)
	return err == nil && matches
}

// valid holds what was rendered to OpenClaw's schema.
func valid(t *testing.T, version string, r *openclaw.Rendered) {
	t.Helper()
	s, err := schemas[version]()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.Config))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(document); err != nil {
		t.Error(err)
	}
}

func TestOpenClawsOwnSchemaTakesWhatIsRendered(t *testing.T) {
	everywhere(t, func(t *testing.T, _ string, c *protocol.BotConfig) {
		t.Helper()
		valid(t, c.OpenClaw.Version, render(t, c))
	})
}
