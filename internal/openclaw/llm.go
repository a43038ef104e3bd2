// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// Custom is the provider whose endpoint the Bot names itself.
const Custom = "custom"

// endpoint is where a provider is, and what it speaks.
type endpoint struct{ baseURL, api string }

// providers are those that OpenClaw brings along, so that nothing is to be installed for them. Their endpoints are as
// in the openclaw.plugin.json of each.
var providers = map[string]endpoint{
	"anthropic":   {"https://api.anthropic.com", "anthropic-messages"},
	"google":      {"https://generativelanguage.googleapis.com/v1beta", "google-generative-ai"},
	"huggingface": {"https://router.huggingface.co/v1", "openai-completions"},
	"nvidia":      {"https://integrate.api.nvidia.com/v1", "openai-completions"},
	"openai":      {"https://api.openai.com/v1", "openai-responses"},
	"openrouter":  {"https://openrouter.ai/api/v1", "openai-completions"},
	"together":    {"https://api.together.xyz/v1", "openai-completions"},
	"xai":         {"https://api.x.ai/v1", "openai-responses"},
}

// endpointOf is where the bot's model is. OpenClaw would start with a provider that it does not know, and fail at each
// message.
func endpointOf(llm protocol.LLM) (endpoint, error) {
	if llm.Provider == Custom {
		if llm.BaseURL == "" {
			return endpoint{}, fmt.Errorf("spec.llm.baseURL: provider %s needs one", Custom)
		}
		return endpoint{llm.BaseURL, "openai-completions"}, nil
	}
	known, is := providers[llm.Provider]
	switch {
	case !is:
		return endpoint{}, fmt.Errorf("spec.llm.provider: %q is unknown; choose one of %s, or %s with a baseURL",
			llm.Provider,
			strings.Join(slices.Sorted(maps.Keys(providers)), ", "), Custom)
	case llm.BaseURL != "":
		return endpoint{}, fmt.Errorf("spec.llm.baseURL goes with provider %s only", Custom)
	}
	return known, nil
}

// models says that there is one provider with one model, by its own endpoint: nothing else is ever asked.
func models(llm protocol.LLM) (map[string]any, error) {
	at, err := endpointOf(llm)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"mode":           "merge", // what OpenClaw knows of the model, such as how much it can read, stays
		"catalogRefresh": map[string]any{"enabled": false},
		"providers": map[string]any{llm.Provider: map[string]any{
			"baseUrl": at.baseURL, "api": at.api, "apiKey": reference(variableOf(llm.APIKey)),
			"models": []any{modelOf(llm)},
		}},
	}, nil
}

// modelOf is what there is to know of a model that OpenClaw may not know.
func modelOf(llm protocol.LLM) map[string]any {
	return map[string]any{"id": llm.Model, "name": llm.Model}
}
