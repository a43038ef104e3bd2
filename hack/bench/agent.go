// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/seal"
	"github.com/cedros-io/open-spawn/internal/token"
)

const (
	// beatEvery is how often an agent beats that has nothing to say, and retryEvery when it asks again.
	beatEvery  = 30 * time.Second
	retryEvery = 200 * time.Millisecond
	// callTimeout is above what a request is held.
	callTimeout = 2 * protocol.MaxWait
)

// agent is one agent.
type agent struct {
	*agents

	machine                  string
	instance                 int64
	web                      *http.Client
	registration, credential token.Token
	key                      seal.PrivateKey
	news                     chan struct{}

	mu      sync.Mutex
	applied int64
}

func (a *agents) newAgent(machine string, instance int64) *agent {
	key, err := seal.NewKey()
	if err != nil {
		panic(err) // there is no randomness
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.roots, MinVersion: tls.VersionTLS12}}
	return &agent{
		agents: a, machine: machine, instance: instance, web: &http.Client{Transport: transport, Timeout: callTimeout},
		registration: token.NewRegistration(a.key, machine), credential: token.NewCredential(machine), key: key,
		news: make(chan struct{}, 1),
	}
}

// run registers, and talks until ctx ends or the machine is not known any more.
func (a *agent) run(ctx context.Context) {
	defer a.web.CloseIdleConnections()
	if a.register(ctx) != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		a.beat(ctx)
	}()
	a.poll(ctx)
}

// register asks until it is registered.
func (a *agent) register(ctx context.Context) error {
	asks := protocol.Registration{
		InstanceID: a.instance, CredentialSHA256: a.credential.Hash().String(), SealKey: a.key.Public().String(),
		AgentVersion: "bench",
	}
	for {
		code, err := a.call(ctx, call{
			method: http.MethodPost, path: protocol.RegisterPath, shown: a.registration, body: asks,
		})
		if err == nil && code == http.StatusOK {
			return nil
		}
		if !pause(ctx, retryEvery) {
			return ctx.Err()
		}
	}
}

// beat beats at once, when there is news, and every now and then.
func (a *agent) beat(ctx context.Context) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		a.mu.Lock()
		said := protocol.Heartbeat{
			InstanceID: a.instance, BootID: "bench", AgentVersion: "bench", AppliedConfig: a.applied,
			OpenClaw: protocol.OpenClaw{Running: true, Healthy: true},
		}
		if a.applied > 0 {
			said.Result = &protocol.ConfigResult{Version: a.applied, Applied: true}
		}
		a.mu.Unlock()
		code, _ := a.call(ctx, call{
			method: http.MethodPost, path: protocol.HeartbeatPath, shown: a.credential, body: said,
		})
		if code == http.StatusUnauthorized {
			return
		}
		select {
		case <-ticker.C:
		case <-a.news:
		case <-ctx.Done():
			return
		}
	}
}

// poll holds a request for the next config, over and over, and takes up each at once.
func (a *agent) poll(ctx context.Context) {
	tag := ""
	for ctx.Err() == nil {
		var config protocol.Config
		code, err := a.call(ctx, call{
			method: http.MethodGet, path: protocol.ConfigPath + "?wait=55s", shown: a.credential, known: tag,
			read: func(r *http.Response) error {
				tag = r.Header.Get("ETag")
				return json.NewDecoder(r.Body).Decode(&config)
			},
		})
		at := time.Now()
		switch {
		case code == http.StatusUnauthorized:
			return
		case err == nil && code == http.StatusOK:
			a.takeUp(config, at)
		case err == nil && code == http.StatusNotModified:
		case !pause(ctx, retryEvery):
			return
		}
	}
}

// takeUp opens the secrets of a config, and says in the next heartbeat that it runs.
func (a *agent) takeUp(config protocol.Config, at time.Time) {
	sealed := protocol.SealContext(a.machine, config.Version, config.Content)
	if _, err := a.key.Open(sealed, config.Sealed); err != nil {
		say("%s: %v", a.machine, err)
		return
	}
	var content protocol.BotConfig
	if err := json.Unmarshal(config.Content, &content); err != nil {
		say("%s: %v", a.machine, err)
		return
	}
	a.given(a.machine, content.LLM.Model, at)
	a.mu.Lock()
	a.applied = config.Version
	a.mu.Unlock()
	select {
	case a.news <- struct{}{}:
	default:
	}
}

// call is one call of the gateway.
type call struct {
	method, path string
	shown        token.Token
	body         any
	known        string // the ETag of what is known already
	// read takes an answer of 200.
	read func(*http.Response) error
}

// call makes one, and tells the status of the answer.
func (a *agent) call(ctx context.Context, c call) (int, error) { return a.callAt(ctx, a.gateway, c) }

// callAt makes one at another server.
func (a *agent) callAt(ctx context.Context, url string, c call) (int, error) {
	var content bytes.Buffer
	if c.body != nil {
		if err := json.NewEncoder(&content).Encode(c.body); err != nil {
			return 0, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, c.method, url+c.path, &content)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+c.shown.Reveal())
	request.Header.Set("Content-Type", "application/json")
	if c.known != "" {
		request.Header.Set("If-None-Match", c.known)
	}
	response, err := a.web.Do(request)
	if err != nil {
		return 0, fmt.Errorf("calling the gateway: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusOK && c.read != nil {
		return response.StatusCode, c.read(response)
	}
	_, err = io.Copy(io.Discard, response.Body) // so that the connection is used again
	return response.StatusCode, err
}

// pause waits, and tells whether there is still time.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
