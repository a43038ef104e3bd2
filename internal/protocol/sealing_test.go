// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package protocol_test

import (
	"encoding/json"
	"testing"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

func TestSecretsAreSealedForOneMachineOneVersionAndOneContent(t *testing.T) {
	const content = `{"llm":{"baseURL":"https://a.example/<x>&y"}}`
	context := protocol.SealContext("scout", 7, json.RawMessage(content))
	for what, other := range map[string]string{
		"another machine": protocol.SealContext("scout-2", 7, json.RawMessage(content)),
		"another version": protocol.SealContext("scout", 8, json.RawMessage(content)),
		"another content": protocol.SealContext("scout", 7, json.RawMessage(`{"llm":{"baseURL":"https://b.example"}}`)),
		"no content":      protocol.SealContext("scout", 7, nil),
	} {
		if other == context {
			t.Errorf("%s has the same context", what)
		}
	}
}

// A config is read and written again by the manager, the gateway and the agent.
func TestTheContextSurvivesTheWay(t *testing.T) {
	content := json.RawMessage(`{ "a": "<b>&\u2028", "n": 1.0,
		"list": [ ] }`)
	context := protocol.SealContext("scout", 7, content)
	for range 3 {
		sent, err := json.Marshal(protocol.Config{Version: 7, Content: content})
		if err != nil {
			t.Fatal(err)
		}
		var received protocol.Config
		if err := json.Unmarshal(sent, &received); err != nil {
			t.Fatal(err)
		}
		content = received.Content
		if got := protocol.SealContext("scout", 7, content); got != context {
			t.Errorf("%q has become %q", context, got)
		}
	}
}
