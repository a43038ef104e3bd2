// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package modelsim is a language model for tests, behind the HTTP API that most providers have in common
// (POST /v1/chat/completions, streamed). It answers with what it was asked, and remembers by whom and with which
// instructions.
package modelsim

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
)

const (
	// Reply is what every answer begins with.
	Reply = "HEARD: "
	// internal begins what OpenClaw adds for itself after what somebody has said.
	internal = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>"
	maxAsked = 4 << 20
)

// stamp is when something was said, which OpenClaw puts before it.
var stamp = regexp.MustCompile(`^\[[^\]]*\] `)

// Asked is one question.
type Asked struct {
	// Key is the API key that was shown, and Model the one that was asked.
	Key, Model string
	// Instructions are the system prompt, and Text what somebody has said.
	Instructions, Text string
	// Before is what was said before it in the same conversation.
	Before []string
}

// Model is a model that listens.
type Model struct {
	*httptest.Server

	mu    sync.Mutex
	asked []Asked
}

// New is a model that listens on loopback until it is closed.
func New() *Model {
	m := &Model{}
	m.Server = httptest.NewServer(m.routes())
	return m
}

// NewTLS is one at an https URL, which its Authority proves.
func NewTLS() *Model {
	m := &Model{}
	m.Server = httptest.NewTLSServer(m.routes())
	return m
}

// Authority is the certificate of a model at an https URL, in PEM.
func (m *Model) Authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.Certificate().Raw})
}

func (m *Model) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", m.complete)
	return mux
}

// BaseURL is what a provider is configured with.
func (m *Model) BaseURL() string { return m.URL + "/v1" }

// Asked are the questions so far.
func (m *Model) Asked() []Asked {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Asked(nil), m.asked...)
}

// message is one of a conversation. Its content is text, or parts of which some are text.
type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

func (m message) text() string {
	var text string
	if json.Unmarshal(m.Content, &text) == nil {
		return text
	}
	var parts []struct {
		Text string `json:"text"`
	}
	_ = json.Unmarshal(m.Content, &parts) // anything else says nothing
	var all strings.Builder
	for _, part := range parts {
		all.WriteString(part.Text)
	}
	return all.String()
}

func (m *Model) complete(w http.ResponseWriter, r *http.Request) {
	var question struct {
		Model    string    `json:"model"`
		Messages []message `json:"messages"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxAsked)).Decode(&question); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	asked := Asked{Key: strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), Model: question.Model}
	for _, message := range question.Messages {
		switch text := message.text(); {
		case message.Role == "system" || message.Role == "developer":
			asked.Instructions += text
		case message.Role == "user" && !strings.HasPrefix(text, internal):
			if asked.Text != "" {
				asked.Before = append(asked.Before, asked.Text)
			}
			asked.Text = said(text)
		}
	}
	m.mu.Lock()
	m.asked = append(m.asked, asked)
	m.mu.Unlock()
	stream(w, question.Model, Reply+asked.Text)
}

// said is what somebody has said, without what OpenClaw says about it.
func said(text string) string {
	text, _, _ = strings.Cut(text, "\n\nRuntime: ")
	paragraphs := strings.Split(text, "\n\n")
	return stamp.ReplaceAllString(paragraphs[len(paragraphs)-1], "")
}

// stream answers as a stream of events, as it was asked to.
func stream(w http.ResponseWriter, model, text string) {
	w.Header().Set("Content-Type", "text/event-stream")
	type choice struct {
		Index  int            `json:"index"`
		Delta  map[string]any `json:"delta"`
		Finish *string        `json:"finish_reason"`
	}
	stop := "stop"
	for _, c := range []choice{
		{Delta: map[string]any{"role": "assistant", "content": ""}}, {Delta: map[string]any{"content": text}},
		{Delta: map[string]any{}, Finish: &stop},
	} {
		event := map[string]any{
			"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": []choice{c},
		}
		if c.Finish != nil {
			event["usage"] = map[string]int{"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
		}
		content, err := json.Marshal(event)
		if err != nil {
			return
		}
		_, _ = fmt.Fprintf(w, "data: %s\n\n", content)
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}
