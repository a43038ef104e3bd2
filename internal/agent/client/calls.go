// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

const (
	// callTimeout is how long one gateway has for an answer, beyond what it was asked to wait.
	callTimeout = 15 * time.Second
	// maxAnswer bounds what is read of an answer, and maxConfig that of a config: 256 KiB of content, as much again for
	// secrets in base64, and what JSON adds.
	maxAnswer = 64 << 10
	maxConfig = 2 << 20
)

// call is one request, to whichever gateway.
type call struct {
	method, path string
	query        url.Values
	bearer       token.Token
	ifNoneMatch  string
	body         any
	wait         time.Duration
	limit        int64
}

// Register trades a registration token for the credential whose hash is in the Registration.
func (c *Client) Register(
	ctx context.Context, registration token.Token, r protocol.Registration,
) (protocol.Registered, error) {
	var answer protocol.Registered
	_, err := c.do(ctx, call{
		method: http.MethodPost, path: protocol.RegisterPath, bearer: registration, body: r, limit: maxAnswer,
	}, &answer)
	return answer, err
}

// Beat says how the machine is, and brings back what it is to do.
func (c *Client) Beat(ctx context.Context, credential token.Token, h protocol.Heartbeat) (protocol.Orders, error) {
	var orders protocol.Orders
	_, err := c.do(ctx, call{
		method: http.MethodPost, path: protocol.HeartbeatPath, bearer: credential, body: h, limit: maxAnswer,
	}, &orders)
	return orders, err
}

// Config asks for a config other than the version we have, which may be 0, and waits for one so long; nil when there is
// none.
func (c *Client) Config(
	ctx context.Context, credential token.Token, have int64, wait time.Duration,
) (*protocol.Config, error) {
	request := call{
		method: http.MethodGet, path: protocol.ConfigPath, bearer: credential, wait: wait, limit: maxConfig,
		ifNoneMatch: strconv.Quote(strconv.FormatInt(have, 10)),
	}
	if wait > 0 {
		request.query = url.Values{protocol.WaitParameter: {wait.String()}}
	}
	var config protocol.Config
	status, err := c.do(ctx, request, &config)
	if err != nil || status == http.StatusNotModified {
		return nil, err
	}
	return &config, nil
}

// Rotate announces another credential.
func (c *Client) Rotate(ctx context.Context, credential token.Token, r protocol.Rotation) error {
	_, err := c.do(ctx, call{
		method: http.MethodPost, path: protocol.CredentialPath, bearer: credential, body: r, limit: maxAnswer,
	}, nil)
	return err
}
