// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package botconfig_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/botconfig"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

func ref(name, key string) spawnv1.SecretKeyReference {
	return spawnv1.SecretKeyReference{Name: name, Key: key}
}

// full is a Bot that says everything.
func full() *spawnv1.Bot {
	return &spawnv1.Bot{
		ObjectMeta: metav1.ObjectMeta{Namespace: "desk", Name: "scout"},
		Spec: spawnv1.BotSpec{
			DisplayName: "Scout <1>", Persona: spawnv1.PersonaTweaker, OnLostContact: spawnv1.LostContactStop,
			Trading: spawnv1.Trading{
				Mode: spawnv1.TradingPaper, AssetFocus: spawnv1.AssetsCustom, CustomAssets: []string{"ETH-USD", "BTC-USD"},
				Algorithm: spawnv1.AlgorithmTrend, Strictness: spawnv1.LevelHigh,
				Signals: spawnv1.Signals{VolumeConfirmation: spawnv1.SwitchEnabled, LiquidityFilter: spawnv1.LevelLow},
			},
			Risk: &spawnv1.Risk{MaxPositionSizeBps: ptr.To[int32](250), MaxTradesPerDay: ptr.To[int32](0)},
			LLM:  spawnv1.LLM{Provider: "anthropic", Model: "m", APIKeySecretRef: ref("keys", "llm")},
			Credentials: []spawnv1.Credential{
				{Name: "Z_KEY", SecretRef: ref("keys", "z")}, {Name: "A_KEY", SecretRef: ref("keys", "a")},
			},
			Skills: []spawnv1.Skill{{Name: "b", Version: "1.0.0"}, {Name: "a", Version: "2.0.0"}},
			Channels: []spawnv1.Channel{
				{
					Type: spawnv1.ChannelSlack, TokenSecretRef: ref("chat", "slack"), AllowFrom: []string{"U2", "U1"},
					AppTokenSecretRef: ptr.To(ref("chat", "app")),
				},
				{Type: spawnv1.ChannelDiscord, TokenSecretRef: ref("chat", "discord"), AllowFrom: []string{"7"}},
			},
			OpenClaw: spawnv1.OpenClaw{Config: map[string]spawnv1.ConfigSection{
				"tools": {RawExtension: runtime.RawExtension{Raw: []byte(`{"b": 1.0, "a": 12345678901234567890}`)}},
			}},
			Heartbeat: spawnv1.Heartbeat{IntervalSeconds: 30, GraceSeconds: 150},
		},
	}
}

func sources() botconfig.Sources {
	return botconfig.Sources{
		OpenClawVersion: "2026.9.6",
		Secrets: map[string]*corev1.Secret{
			"keys": {Data: map[string][]byte{"llm": []byte("sk-model\n"), "a": []byte("value-a"), "z": []byte("value-z")}},
			"chat": {Data: map[string][]byte{"slack": []byte("xoxb"), "app": []byte("xapp"), "discord": []byte("dd")}},
		},
		Workspace: &corev1.ConfigMap{
			Data: map[string]string{"NOTES.md": "hello"}, BinaryData: map[string][]byte{"logo.png": {0, 1, 2}},
		},
	}
}

func render(t *testing.T, bot *spawnv1.Bot, from botconfig.Sources) *botconfig.Rendered {
	t.Helper()
	r, err := botconfig.Render(bot, from)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAConfigSaysAllThatTheBotSaysAndNoSecret(t *testing.T) {
	r := render(t, full(), sources())
	var got protocol.BotConfig
	if err := json.Unmarshal(r.JSON, &got); err != nil {
		t.Fatal(err)
	}
	want := protocol.BotConfig{
		Name: "scout", Namespace: "desk", DisplayName: "Scout <1>", Persona: "Tweaker", OnLostContact: "Stop",
		GraceSeconds: 150,
		Trading: protocol.Trading{
			Mode: "Paper", AssetFocus: "Custom", CustomAssets: []string{"BTC-USD", "ETH-USD"}, Algorithm: "Trend",
			Strictness: "High", Signals: protocol.Signals{VolumeConfirmation: "Enabled", LiquidityFilter: "Low"},
		},
		Risk: &protocol.Risk{MaxPositionSizeBps: ptr.To[int32](250), MaxTradesPerDay: ptr.To[int32](0)},
		LLM:  protocol.LLM{Provider: "anthropic", Model: "m", APIKey: "llm"},
		Credentials: []protocol.Credential{
			{Name: "A_KEY", Secret: "credential/A_KEY"}, {Name: "Z_KEY", Secret: "credential/Z_KEY"},
		},
		Skills: []protocol.Skill{{Name: "a", Version: "2.0.0"}, {Name: "b", Version: "1.0.0"}},
		Channels: []protocol.Channel{
			{Type: "Discord", Token: "channel/Discord", AllowFrom: []string{"7"}},
			{Type: "Slack", Token: "channel/Slack", AppToken: "channel/Slack/app", AllowFrom: []string{"U1", "U2"}},
		},
		OpenClaw: protocol.Runtime{
			Version: "2026.9.6",
			Config:  map[string]json.RawMessage{"tools": json.RawMessage(`{"a":12345678901234567890,"b":1.0}`)},
		},
		Workspace: map[string][]byte{"NOTES.md": []byte("hello"), "logo.png": {0, 1, 2}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("rendered\n%+v\nwant\n%+v", got, want)
	}
	secrets := map[string]string{
		"llm": "sk-model", "credential/A_KEY": "value-a", "credential/Z_KEY": "value-z",
		"channel/Discord": "dd", "channel/Slack": "xoxb", "channel/Slack/app": "xapp",
	}
	if !reflect.DeepEqual(r.Secrets, secrets) {
		t.Errorf("secrets %v, want %v", r.Secrets, secrets)
	}
	for _, value := range secrets {
		if len(value) > 2 && strings.Contains(string(r.JSON), value) {
			t.Errorf("the config holds %q", value)
		}
	}
}

func TestTheSameContentIsTheSameBytes(t *testing.T) {
	first := render(t, full(), sources())
	other := full()
	slices.Reverse(other.Spec.Credentials)
	slices.Reverse(other.Spec.Channels)
	slices.Reverse(other.Spec.Channels[1].AllowFrom)
	slices.Reverse(other.Spec.Skills)
	slices.Reverse(other.Spec.Trading.CustomAssets)
	other.Spec.OpenClaw.Config["tools"] = spawnv1.ConfigSection{
		RawExtension: runtime.RawExtension{Raw: []byte("{\n\"a\":12345678901234567890,\t\"b\":1.0}")},
	}
	other.Labels, other.Spec.DesiredState = map[string]string{"a": "b"}, spawnv1.BotPaused
	other.Spec.OpenClaw.Version = "2026.9.6" // said, and no more resolved
	second := render(t, other, sources())
	if string(first.JSON) != string(second.JSON) || first.Hash([]byte("k")) != second.Hash([]byte("k")) {
		t.Errorf("rendered\n%s\nand\n%s", first.JSON, second.JSON)
	}
	if first.Hash([]byte("k")) == first.Hash([]byte("l")) {
		t.Error("the hash does not depend on the key")
	}
}

func TestEveryPartOfTheContentIsInItsHash(t *testing.T) {
	before := render(t, full(), sources()).Hash([]byte("k"))
	for name, change := range map[string]func(*spawnv1.Bot, *botconfig.Sources){
		"a secret":    func(_ *spawnv1.Bot, s *botconfig.Sources) { s.Secrets["keys"].Data["a"] = []byte("another") },
		"a file":      func(_ *spawnv1.Bot, s *botconfig.Sources) { s.Workspace.Data["NOTES.md"] = "bye" },
		"the persona": func(b *spawnv1.Bot, _ *botconfig.Sources) { b.Spec.Persona = spawnv1.PersonaBeginner },
		"the version": func(_ *spawnv1.Bot, s *botconfig.Sources) { s.OpenClawVersion = "2026.9.7" },
	} {
		bot, from := full(), sources()
		change(bot, &from)
		if render(t, bot, from).Hash([]byte("k")) == before {
			t.Errorf("%s is not in the hash", name)
		}
	}
}

func TestWhatCannotBeRenderedIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*spawnv1.Bot, *botconfig.Sources)
		want   string
	}{
		"no Secret": {
			func(_ *spawnv1.Bot, s *botconfig.Sources) { delete(s.Secrets, "chat") },
			`spec.channels[Discord].tokenSecretRef: there is no Secret "chat"`,
		},
		"no key": {
			func(_ *spawnv1.Bot, s *botconfig.Sources) { delete(s.Secrets["keys"].Data, "z") },
			`spec.credentials[Z_KEY].secretRef: Secret "keys" has no key "z"`,
		},
		"no key for the app": {
			func(_ *spawnv1.Bot, s *botconfig.Sources) { delete(s.Secrets["chat"].Data, "app") },
			`spec.channels[Slack].appTokenSecretRef: Secret "chat" has no key "app"`,
		},
		"no model's key": {
			func(_ *spawnv1.Bot, s *botconfig.Sources) { s.Secrets = nil },
			`spec.llm.apiKeySecretRef: there is no Secret "keys"`,
		},
		"too much": {
			func(_ *spawnv1.Bot, s *botconfig.Sources) {
				s.Workspace.BinaryData["big"] = make([]byte, botconfig.MaxBytes*3/4)
			},
			"at most 262144 can be delivered; make the ConfigMap",
		},
		"too much in secrets": {
			func(_ *spawnv1.Bot, s *botconfig.Sources) {
				s.Secrets["keys"].Data["a"] = make([]byte, botconfig.MaxBytes)
			},
			"at most 262144 can be delivered",
		},
		"half an object": {
			func(b *spawnv1.Bot, _ *botconfig.Sources) {
				b.Spec.OpenClaw.Config["tools"] = spawnv1.ConfigSection{RawExtension: runtime.RawExtension{Raw: []byte("{")}}
			},
			"reading spec.openclaw.config.tools",
		},
	} {
		t.Run(name, func(t *testing.T) {
			bot, from := full(), sources()
			test.change(bot, &from)
			_, err := botconfig.Render(bot, from)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
			var missing *botconfig.Missing
			var large *botconfig.TooLarge
			isMissing, isLarge := errors.As(err, &missing), errors.As(err, &large)
			if isMissing != strings.Contains(name, "no ") || isLarge != strings.Contains(name, "too much") {
				t.Errorf("missing: %v, too large: %v", isMissing, isLarge)
			}
		})
	}
}

func TestABotThatSaysLittle(t *testing.T) {
	bot := &spawnv1.Bot{ObjectMeta: metav1.ObjectMeta{Namespace: "desk", Name: "scout"}}
	bot.Spec.LLM.APIKeySecretRef = ref("keys", "llm")
	from := sources()
	from.Workspace = nil
	r := render(t, bot, from)
	var got protocol.BotConfig
	if err := json.Unmarshal(r.JSON, &got); err != nil || got.DisplayName != "scout" || got.Risk != nil {
		t.Errorf("rendered %s (%v)", r.JSON, err)
	}
	if text, err := r.SecretsJSON(); err != nil || string(text) != `{"llm":"sk-model"}` {
		t.Errorf("secrets %s (%v)", text, err)
	}
}
