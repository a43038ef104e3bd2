// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// ErrUnreached means that no gateway answered: what came instead, if anything, was not said by one.
var ErrUnreached = errors.New("no gateway answers")

var errTooLong = errors.New("the answer is longer than any that there is")

const (
	// longestRetryAfter bounds how long a gateway can tell us to be silent.
	longestRetryAfter = 10 * time.Minute
	// longestTitle bounds what of a Problem gets into our log.
	longestTitle = 200
)

// Refusal is a Problem, and when to ask again.
type Refusal struct {
	// Problem is what the gateway says.
	Problem *protocol.Problem
	// RetryAfter is how long to wait at least; 0 when it does not say.
	RetryAfter time.Duration
}

// Error implements error.
func (r *Refusal) Error() string { return r.Problem.Error() }

// Unwrap is the Problem.
func (r *Refusal) Unwrap() error { return r.Problem }

// CodeOf is why a call was refused; empty when it was not.
func CodeOf(err error) protocol.Code {
	var problem *protocol.Problem
	if errors.As(err, &problem) {
		return problem.Code
	}
	return ""
}

// RetryAfter is for how long a gateway asks not to be asked; 0 when it does not say.
func RetryAfter(err error) time.Duration {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.RetryAfter
	}
	return 0
}

// unreached marks an error as none that a gateway has told us of.
func unreached(err error) error { return fmt.Errorf("%w: %w", ErrUnreached, err) }

// understand reads what was said. Anything that a gateway would not say was said by something in between.
func (c *Client) understand(response *http.Response, content []byte, into any) error {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case kind == protocol.ProblemType && response.StatusCode >= http.StatusBadRequest:
		return c.refusal(response, content)
	case response.StatusCode == http.StatusNotModified, response.StatusCode == http.StatusNoContent && into == nil:
		return nil
	case response.StatusCode == http.StatusOK && into == nil:
		return nil
	case response.StatusCode != http.StatusOK || kind != "application/json":
		return unreached(fmt.Errorf("%s says %s in %q", response.Request.URL.Host, response.Status, kind))
	}
	if err := json.Unmarshal(content, into); err != nil {
		return unreached(fmt.Errorf("reading what %s says: %w", response.Request.URL.Host, err))
	}
	return nil
}

func (c *Client) refusal(response *http.Response, content []byte) error {
	problem := &protocol.Problem{}
	if err := json.Unmarshal(content, problem); err != nil {
		return unreached(fmt.Errorf("reading a refusal of %s: %w", response.Request.URL.Host, err))
	}
	problem.Status = response.StatusCode
	if problem.Status == http.StatusUnauthorized {
		problem.Code = protocol.CodeUnauthorized // that is all that it means, also in a later version that says why
	}
	problem.Title = problem.Title[:min(len(problem.Title), longestTitle)]
	return &Refusal{problem, c.retryAfter(response.Header.Get("Retry-After"))}
}

// retryAfter reads seconds, or a time.
func (c *Client) retryAfter(text string) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(c.clock.Now())
	}
	return min(max(wait, 0), longestRetryAfter)
}
