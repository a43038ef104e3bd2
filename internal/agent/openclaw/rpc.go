// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	// askWithin bounds a question.
	askWithin = 10 * time.Second
	// maxAnswer bounds an answer, in bytes.
	maxAnswer = 4 << 20
)

// rpc asks OpenClaw on its own port.
type rpc struct {
	url, token string
	http       *http.Client
}

func newRPC(port int, token string) *rpc {
	return &rpc{
		url: "http://127.0.0.1:" + strconv.Itoa(port), token: token,
		http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: askWithin},
	}
}

// get reads the JSON at a path, whatever the status.
func (c *rpc) get(ctx context.Context, path string, into any) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, nil)
	if err != nil {
		return 0, fmt.Errorf("asking OpenClaw: %w", err)
	}
	return c.do(request, into)
}

// call calls a method.
func (c *rpc) call(ctx context.Context, method string, into any) error {
	body, err := json.Marshal(map[string]any{"method": method, "params": map[string]any{}})
	if err != nil {
		return fmt.Errorf("asking OpenClaw: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/api/v1/admin/rpc", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("asking OpenClaw: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	status, err := c.do(request, into)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("OpenClaw answers %s with %d", method, status)
	}
	return err
}

func (c *rpc) do(request *http.Request, into any) (status int, err error) {
	response, err := c.http.Do(request)
	if err != nil {
		return 0, fmt.Errorf("asking OpenClaw: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, fmt.Errorf("reading what OpenClaw answers: %w", err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return 0, fmt.Errorf("%s is answered %s with no JSON: somebody else listens on its port, or it has just begun",
			request.URL.Path, response.Status)
	}
	return response.StatusCode, nil
}
