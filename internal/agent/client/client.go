// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/agent/state"
)

// again is when the best gateway is asked again after another had to answer in its stead.
const again = 5 * time.Minute

// Client knows the gateways. It may be used by many at once.
type Client struct {
	clock clock.PassiveClock

	mu         sync.Mutex
	endpoints  []*endpoint
	answered   *endpoint // it answered last, and is not the best
	answeredAt time.Time
	proven     state.Route
}

// New is a Client that knows no gateway yet.
func New(clock clock.PassiveClock) *Client { return &Client{clock: clock} }

// Check says why Routes cannot be used.
func Check(routes ...state.Route) error {
	_, err := newEndpoints(routes)
	return err
}

// Proven is the Route by which a gateway last did what was asked; it has no URL when none has yet.
func (c *Client) Proven() state.Route {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proven
}

// Use makes the Routes those that are asked from now on, the best first. All must be good, or none is used.
func (c *Client) Use(routes ...state.Route) error {
	endpoints, err := newEndpoints(routes)
	if err != nil {
		return err
	}
	c.mu.Lock()
	before := c.endpoints
	c.endpoints, c.answered = endpoints, nil
	c.mu.Unlock()
	for _, e := range before {
		e.http.CloseIdleConnections()
	}
	return nil
}

// ladder are the gateways in the order in which to ask them: the one that answered last, then the best first.
func (c *Client) ladder() []*endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answered == nil || c.clock.Since(c.answeredAt) >= again {
		return c.endpoints
	}
	order := []*endpoint{c.answered}
	for _, e := range c.endpoints {
		if e != c.answered {
			order = append(order, e)
		}
	}
	return order
}

// remember notes who answered, after others had failed to, and whether it did what was asked. What was under way when
// the Routes changed says nothing of those that there are now.
func (c *Client) remember(e *endpoint, othersFailed, granted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.endpoints, e) {
		return
	}
	if granted {
		c.proven = e.route
	}
	switch {
	case e == c.endpoints[0]:
		c.answered = nil
	case othersFailed:
		c.answered, c.answeredAt = e, c.clock.Now()
	}
}

// do asks until one answers.
func (c *Client) do(ctx context.Context, request call, into any) (status int, err error) {
	var body []byte
	if request.body != nil {
		if body, err = json.Marshal(request.body); err != nil {
			return 0, fmt.Errorf("writing a request: %w", err)
		}
	}
	var failures []error
	for _, e := range c.ladder() {
		status, err := c.ask(ctx, e, request, body, into)
		if !errors.Is(err, ErrUnreached) {
			c.remember(e, len(failures) > 0, err == nil)
			return status, err
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	if len(failures) == 0 {
		return 0, ErrUnreached
	}
	return 0, errors.Join(failures...)
}

// ask sends a request to one gateway and reads the answer.
func (c *Client) ask(ctx context.Context, e *endpoint, r call, body []byte, into any) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, r.wait+callTimeout)
	defer cancel()
	target := *e.base
	target.Path, target.RawQuery = r.path, r.query.Encode()
	request, err := http.NewRequestWithContext(ctx, r.method, target.String(), bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("writing a request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+r.bearer.Reveal())
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if r.ifNoneMatch != "" {
		request.Header.Set("If-None-Match", r.ifNoneMatch)
	}
	response, err := e.http.Do(request)
	if err != nil {
		return 0, unreached(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(response.Body, r.limit+1))
	if err == nil && int64(len(content)) > r.limit {
		err = errTooLong
	}
	if err != nil {
		return 0, unreached(fmt.Errorf("reading what %s says: %w", e.base.Host, err))
	}
	return response.StatusCode, c.understand(response, content, into)
}
