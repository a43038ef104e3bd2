// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package telegramsim is Telegram for tests, as a bot sees it: the part of its Bot API that OpenClaw calls. Tests say
// something as a person, and await what the bot sends.
package telegramsim

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

const (
	maxBody = 1 << 20
	// longestPoll bounds how long a bot waits for something to be said.
	longestPoll = 30 * time.Second
)

// Message is what the bot has sent.
type Message struct {
	// Chat is where, and Text what.
	Chat int64
	Text string
}

// Telegram is a Telegram with one bot, that listens.
type Telegram struct {
	*httptest.Server

	token string

	mu sync.Mutex
	// said is what the bot has not confirmed yet, and last the number of the newest.
	said []update
	last int64
	sent []Message
	// changed is closed when anything is said or sent.
	changed chan struct{}
}

type update struct {
	ID      int64   `json:"update_id"`
	Message message `json:"message"`
}

type message struct {
	ID   int64  `json:"message_id"`
	Date int64  `json:"date"`
	Text string `json:"text"`
	Chat chat   `json:"chat"`
	From *from  `json:"from,omitempty"`
}

type chat struct {
	ID        int64  `json:"id"`
	Type      string `json:"type"`
	FirstName string `json:"first_name"`
}

type from struct {
	ID        int64  `json:"id"`
	IsBot     bool   `json:"is_bot"`
	FirstName string `json:"first_name"`
}

// New is a Telegram that listens on loopback until it is closed. It knows the bot by a token.
func New(token string) *Telegram {
	t := &Telegram{token: token, changed: make(chan struct{})}
	t.Server = httptest.NewServer(http.HandlerFunc(t.serve))
	return t
}

// Close ends it, whoever still waits for something.
func (t *Telegram) Close() {
	t.CloseClientConnections()
	t.Server.Close()
}

// Say says something to the bot as a person, who has a chat of their own with it, with their own number.
func (t *Telegram) Say(person int64, text string) {
	name := fmt.Sprintf("Person %d", person)
	t.change(func() {
		t.last++
		t.said = append(t.said, update{ID: t.last, Message: message{
			ID: t.last, Date: clock.RealClock{}.Now().Unix(), Text: text,
			Chat: chat{ID: person, Type: "private", FirstName: name}, From: &from{ID: person, FirstName: name},
		}})
	})
}

// Sent is what the bot has sent so far.
func (t *Telegram) Sent() []Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.sent)
}

// Await waits until the bot has sent something to a chat that contains a text, and gives it.
func (t *Telegram) Await(ctx context.Context, chat int64, text string) (Message, error) {
	for {
		t.mu.Lock()
		at := slices.IndexFunc(t.sent, func(m Message) bool { return m.Chat == chat && strings.Contains(m.Text, text) })
		sent, changed := t.sent, t.changed
		t.mu.Unlock()
		if at >= 0 {
			return sent[at], nil
		}
		select {
		case <-ctx.Done():
			return Message{}, fmt.Errorf("awaiting %q in chat %d, where the bot has sent %v: %w", text, chat, sent, ctx.Err())
		case <-changed:
		}
	}
}

func (t *Telegram) change(by func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	by()
	close(t.changed)
	t.changed = make(chan struct{})
}

// question is what any method may be called with.
type question struct {
	ChatID  json.Number `json:"chat_id"`
	Text    string      `json:"text"`
	Offset  int64       `json:"offset"`
	Timeout int64       `json:"timeout"`
}

func (t *Telegram) serve(w http.ResponseWriter, r *http.Request) {
	method, is := strings.CutPrefix(r.URL.Path, "/bot"+t.token+"/")
	if !is {
		answer(w, http.StatusUnauthorized, map[string]any{"ok": false, "error_code": 401, "description": "Unauthorized"})
		return
	}
	var asked question
	content, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err == nil && len(content) > 0 {
		err = json.Unmarshal(content, &asked)
	}
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"ok": false, "error_code": 400, "description": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]any{"ok": true, "result": t.result(r.Context(), method, asked)})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// result is what a method gives. Those that only change how the bot looks give true.
func (t *Telegram) result(ctx context.Context, method string, asked question) any {
	switch method {
	case "getMe":
		return map[string]any{"id": 1, "is_bot": true, "first_name": "Bot", "username": "sim_bot"}
	case "getUpdates":
		return t.updates(ctx, asked)
	case "sendMessage":
		return t.take(asked)
	default:
		return true
	}
}

// updates are those from an offset on; what is before it is confirmed. When there are none it waits for some.
func (t *Telegram) updates(ctx context.Context, asked question) []update {
	ctx, cancel := context.WithTimeout(ctx, min(longestPoll, time.Duration(asked.Timeout)*time.Second))
	defer cancel()
	for {
		t.mu.Lock()
		t.said = slices.DeleteFunc(t.said, func(u update) bool { return u.ID < asked.Offset })
		said, changed := slices.Clone(t.said), t.changed
		t.mu.Unlock()
		if len(said) > 0 {
			return said
		}
		select {
		case <-ctx.Done():
			return []update{}
		case <-changed:
		}
	}
}

func (t *Telegram) take(asked question) message {
	to, _ := asked.ChatID.Int64()
	var sent message
	t.change(func() {
		t.last++
		t.sent = append(t.sent, Message{Chat: to, Text: asked.Text})
		sent = message{
			ID: t.last, Date: clock.RealClock{}.Now().Unix(), Text: asked.Text, Chat: chat{ID: to, Type: "private"},
		}
	})
	return sent
}
