// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package botconfig renders what a bot is to run: canonical JSON, which is the same for the same content, and beside it
// the secrets that it names. It is a pure function of the Bot and of what the Bot refers to.
package botconfig

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// MaxBytes bounds a rendered config with its workspace and its secrets.
const MaxBytes = 256 << 10

// Sources are what a Bot refers to, all in its namespace, and what was resolved for it.
type Sources struct {
	// Secrets are those it names, by name.
	Secrets map[string]*corev1.Secret
	// Workspace is the ConfigMap it names; nil when it names none.
	Workspace *corev1.ConfigMap
	// OpenClawVersion is the version to run now; empty means the one that the Bot names.
	OpenClawVersion string
}

// Rendered is one content.
type Rendered struct {
	// JSON is a protocol.BotConfig.
	JSON []byte
	// Secrets are the values that it names.
	Secrets map[string]string
}

// Missing is a Secret, or a key of one, that a Bot names and that is not there.
type Missing struct {
	// Field names it, such as spec.llm.apiKeySecretRef.
	Field string
	// Ref is what is missing; HasSecret tells that it is only the key.
	Ref       spawnv1.SecretKeyReference
	HasSecret bool
}

// Error implements error.
func (m *Missing) Error() string {
	if m.HasSecret {
		return fmt.Sprintf("%s: Secret %q has no key %q", m.Field, m.Ref.Name, m.Ref.Key)
	}
	return fmt.Sprintf("%s: there is no Secret %q", m.Field, m.Ref.Name)
}

// TooLarge means that a config with its workspace and its secrets is larger than MaxBytes.
type TooLarge struct{ Bytes int }

// Error implements error.
func (t *TooLarge) Error() string {
	return fmt.Sprintf("the config with its workspace and keys has %d bytes, and at most %d can be delivered; "+
		"make the ConfigMap of spec.openclaw.workspaceConfigMapRef smaller", t.Bytes, MaxBytes)
}

// Render is what a Bot is to run, a *Missing or a *TooLarge.
func Render(bot *spawnv1.Bot, from Sources) (*Rendered, error) {
	r := renderer{secrets: map[string]string{}, from: from}
	config, err := r.config(bot)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("rendering the config of bot %s: %w", bot.Name, err)
	}
	size := len(text)
	for name, value := range r.secrets {
		size += len(name) + len(value)
	}
	if size > MaxBytes {
		return nil, &TooLarge{size}
	}
	return &Rendered{JSON: text, Secrets: r.secrets}, nil
}

// Hash tells contents apart, secrets included. It is keyed, so that nobody who sees it can try secrets.
func (r *Rendered) Hash(key []byte) string {
	mac := hmac.New(sha256.New, key)
	write := func(part []byte) { _, _ = fmt.Fprintf(mac, "%d:%s", len(part), part) } // lengths keep parts apart
	write(r.JSON)
	for _, name := range slices.Sorted(maps.Keys(r.Secrets)) {
		write([]byte(name))
		write([]byte(r.Secrets[name]))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// SecretsJSON is what is sealed.
func (r *Rendered) SecretsJSON() ([]byte, error) { return json.Marshal(r.Secrets) }

// renderer collects the secrets that a config names.
type renderer struct {
	secrets map[string]string
	from    Sources
}

func (r *renderer) config(bot *spawnv1.Bot) (*protocol.BotConfig, error) {
	spec := &bot.Spec
	c := &protocol.BotConfig{
		Name: bot.Name, Namespace: bot.Namespace, DisplayName: spec.DisplayName, Persona: string(spec.Persona),
		OnLostContact: string(spec.OnLostContact), GraceSeconds: spec.Heartbeat.GraceSeconds,
		Trading: tradingOf(&spec.Trading), Risk: riskOf(spec.Risk),
	}
	if c.DisplayName == "" {
		c.DisplayName = bot.Name
	}
	key, err := r.secret("llm", "spec.llm.apiKeySecretRef", spec.LLM.APIKeySecretRef)
	if err != nil {
		return nil, err
	}
	c.LLM = protocol.LLM{
		Provider: spec.LLM.Provider, Model: spec.LLM.Model, BaseURL: spec.LLM.BaseURL, APIKey: key,
	}
	if c.Credentials, err = r.credentials(spec.Credentials); err != nil {
		return nil, err
	}
	if c.Channels, err = r.channels(spec.Channels); err != nil {
		return nil, err
	}
	for _, skill := range ordered(spec.Skills, func(s spawnv1.Skill) string { return s.Name }) {
		c.Skills = append(c.Skills, protocol.Skill{Name: skill.Name, Version: skill.Version})
	}
	c.OpenClaw.Version = cmp.Or(r.from.OpenClawVersion, spec.OpenClaw.Version)
	if c.OpenClaw.Config, err = sections(spec.OpenClaw.Config); err != nil {
		return nil, err
	}
	c.Workspace = files(r.from.Workspace)
	return c, nil
}

// secret finds a value, and notes it under a name.
func (r *renderer) secret(name, field string, ref spawnv1.SecretKeyReference) (string, error) {
	secret := r.from.Secrets[ref.Name]
	if secret == nil {
		return "", &Missing{Field: field, Ref: ref}
	}
	value, has := secret.Data[ref.Key]
	if !has {
		return "", &Missing{Field: field, Ref: ref, HasSecret: true}
	}
	r.secrets[name] = string(bytes.TrimRight(value, "\r\n")) // as files written by editors end
	return name, nil
}

func (r *renderer) credentials(wanted []spawnv1.Credential) ([]protocol.Credential, error) {
	var all []protocol.Credential
	for _, credential := range ordered(wanted, func(c spawnv1.Credential) string { return c.Name }) {
		field := fmt.Sprintf("spec.credentials[%s].secretRef", credential.Name)
		secret, err := r.secret("credential/"+credential.Name, field, credential.SecretRef)
		if err != nil {
			return nil, err
		}
		all = append(all, protocol.Credential{Name: credential.Name, Secret: secret})
	}
	return all, nil
}

func (r *renderer) channels(wanted []spawnv1.Channel) ([]protocol.Channel, error) {
	var all []protocol.Channel
	for _, channel := range ordered(wanted, func(c spawnv1.Channel) string { return string(c.Type) }) {
		kind := string(channel.Type)
		field := "spec.channels[" + kind + "]."
		c := protocol.Channel{Type: kind, AllowFrom: slices.Sorted(slices.Values(channel.AllowFrom))}
		var err error
		c.Token, err = r.secret("channel/"+kind, field+"tokenSecretRef", channel.TokenSecretRef)
		if err != nil {
			return nil, err
		}
		if channel.AppTokenSecretRef != nil {
			c.AppToken, err = r.secret("channel/"+kind+"/app", field+"appTokenSecretRef", *channel.AppTokenSecretRef)
			if err != nil {
				return nil, err
			}
		}
		all = append(all, c)
	}
	return all, nil
}

// ordered are the items of a list whose order means nothing, in one order.
func ordered[T any](items []T, name func(T) string) []T {
	return slices.SortedFunc(slices.Values(items), func(a, b T) int { return cmp.Compare(name(a), name(b)) })
}

// sections are the user's own parts of openclaw.json, in canonical form: keys in order, no white space.
func sections(wanted map[string]spawnv1.ConfigSection) (map[string]json.RawMessage, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	all := make(map[string]json.RawMessage, len(wanted))
	for name, section := range wanted {
		decoder := json.NewDecoder(bytes.NewReader(section.Raw))
		decoder.UseNumber() // 1.0 stays 1.0, and large numbers stay whole
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("reading spec.openclaw.config.%s: %w", name, err)
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("writing spec.openclaw.config.%s: %w", name, err)
		}
		all[name] = text
	}
	return all, nil
}

// files are those of a ConfigMap, text and binary alike.
func files(workspace *corev1.ConfigMap) map[string][]byte {
	if workspace == nil {
		return nil
	}
	all := make(map[string][]byte, len(workspace.Data)+len(workspace.BinaryData))
	for name, content := range workspace.Data {
		all[name] = []byte(content)
	}
	maps.Copy(all, workspace.BinaryData)
	return all
}
