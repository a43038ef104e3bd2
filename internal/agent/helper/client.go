// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// callWithin bounds a call: a little more than the other side gives itself.
const callWithin = serveWithin + 2*time.Second

// Client has the helper do something. Every method may be repeated.
type Client struct {
	// Path is the socket's.
	Path string
}

// Start starts OpenClaw, with the files that are in place. One that runs already is left alone.
func (c Client) Start(ctx context.Context) error { return c.call(ctx, StartRuntime) }

// Stop asks OpenClaw to end, and returns before it has.
func (c Client) Stop(ctx context.Context) error { return c.call(ctx, StopRuntime) }

// Kill ends OpenClaw at once. It is an error when it does not run.
func (c Client) Kill(ctx context.Context) error { return c.call(ctx, KillRuntime) }

func (c Client) call(ctx context.Context, verb string) error {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	if err := c.exchange(ctx, verb); err != nil {
		return fmt.Errorf("asking the helper to %s: %w", verb, errors.Join(err, ctx.Err()))
	}
	return nil
}

func (c Client) exchange(ctx context.Context, verb string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", c.Path)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, verb+"\n"); err != nil {
		return err
	}
	answer, err := bufio.NewReader(io.LimitReader(conn, maxAnswer+1)).ReadString('\n')
	if err != nil {
		return err
	}
	if answer = strings.TrimSuffix(answer, "\n"); answer != done {
		return errors.New(answer)
	}
	return nil
}
