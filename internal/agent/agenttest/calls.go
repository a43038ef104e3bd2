// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agenttest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

var unauthorized = &protocol.Problem{Title: "unauthorized", Status: 401, Code: protocol.CodeUnauthorized}

func (g *Gateway) register(w http.ResponseWriter, r *http.Request) {
	var body protocol.Registration
	_ = json.NewDecoder(r.Body).Decode(&body)
	g.answer(w, func(m *Memory) (any, *protocol.Problem) {
		m.Registrations = append(m.Registrations, body)
		hash, err := token.ParseHash(body.CredentialSHA256)
		shown, tokenErr := token.Parse(token.Registration, bearer(r))
		switch {
		case m.RefuseRegistration != nil:
			return nil, m.RefuseRegistration
		case err != nil || tokenErr != nil || shown != m.Token || body.InstanceID != m.Instance:
			return nil, unauthorized
		case !m.Credential.IsZero() && !m.Credential.Equal(hash):
			return nil, &protocol.Problem{Title: "used", Status: 409, Code: protocol.CodeTokenUsed}
		}
		m.Credential, m.SealKey = hash, body.SealKey
		return protocol.Registered{Machine: m.Machine, HeartbeatSeconds: m.Orders.NextHeartbeatSeconds}, nil
	})
}

func (g *Gateway) beat(w http.ResponseWriter, r *http.Request) {
	var body protocol.Heartbeat
	_ = json.NewDecoder(r.Body).Decode(&body)
	g.answer(w, func(m *Memory) (any, *protocol.Problem) {
		if !m.knows(r) {
			return nil, unauthorized
		}
		m.Beats = append(m.Beats, body)
		orders := m.Orders
		orders.Run, orders.ConfigVersion = m.Run && body.InstanceID == m.Instance, m.Version
		return orders, nil
	})
}

// config holds the request until there is another version, or run turns.
func (g *Gateway) config(w http.ResponseWriter, r *http.Request) {
	wait, _ := time.ParseDuration(r.URL.Query().Get(protocol.WaitParameter))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var run bool
	g.Look(func(m *Memory) { run = m.Run })
	for waiting := true; ; {
		body, problem, changed := g.newer(r, run)
		switch {
		case body != nil || problem != nil:
			reply(w, body, problem)
			return
		case !waiting || wait == 0:
			w.WriteHeader(http.StatusNotModified)
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			waiting = false
		case <-r.Context().Done():
			return
		}
	}
}

// newer is the config, if it is not what the request says or run is not as it was, and else when to look again.
func (g *Gateway) newer(r *http.Request, run bool) (body any, problem *protocol.Problem, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.memory
	switch {
	case m.Down:
		panic(http.ErrAbortHandler)
	case m.Refuse != nil:
		return nil, m.Refuse, nil
	case !m.knows(r):
		return nil, unauthorized, nil
	case r.Header.Get("If-None-Match") != strconv.Quote(strconv.FormatInt(m.Version, 10)) || m.Run != run:
		return protocol.Config{Run: m.Run, Version: m.Version, Content: []byte(m.Content), Sealed: m.sealed()}, nil, nil
	}
	return nil, nil, g.changed
}

func (g *Gateway) rotate(w http.ResponseWriter, r *http.Request) {
	var body protocol.Rotation
	_ = json.NewDecoder(r.Body).Decode(&body)
	g.answer(w, func(m *Memory) (any, *protocol.Problem) {
		if !m.knows(r) {
			return nil, unauthorized
		}
		m.Rotations++
		m.Next, _ = token.ParseHash(body.CredentialSHA256)
		return nil, nil
	})
}

// build gives a build of the agent to whoever asks.
func (g *Gateway) build(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	content, known := g.memory.Builds[r.PathValue("digest")]
	if known {
		g.memory.Downloads++
		g.memory.Down = g.memory.Dry
	}
	g.mu.Unlock()
	if !known {
		reply(w, nil, &protocol.Problem{Title: "no such build", Status: http.StatusNotFound, Code: protocol.CodeNotFound})
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(content)
}

// answer does what was asked, and answers unless the reply is to be lost.
func (g *Gateway) answer(w http.ResponseWriter, do func(*Memory) (any, *protocol.Problem)) {
	g.mu.Lock()
	m := g.memory
	m.Calls++
	if m.Down {
		g.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	var body any
	problem := m.Refuse
	if problem == nil {
		body, problem = do(m)
	}
	lost := m.Lose > 0
	m.Lose -= min(1, m.Lose)
	g.mu.Unlock()
	if lost {
		panic(http.ErrAbortHandler)
	}
	reply(w, body, problem)
}

// knows tells whether a request shows a credential that is good. The old one dies when the new one is first used.
func (m *Memory) knows(r *http.Request) bool {
	shown, err := token.Parse(token.Credential, bearer(r))
	if err != nil {
		return false
	}
	if shown.Hash().Equal(m.Next) {
		m.Credential, m.Next = m.Next, token.Hash{}
	}
	return shown.Hash().Equal(m.Credential)
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func reply(w http.ResponseWriter, body any, problem *protocol.Problem) {
	switch {
	case problem != nil:
		w.Header().Set("Content-Type", protocol.ProblemType)
		w.WriteHeader(problem.Status)
		_ = json.NewEncoder(w).Encode(problem)
	case body == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body)
	}
}
