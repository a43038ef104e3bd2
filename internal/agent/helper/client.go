// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// Client has the helper do something. Every method may be repeated.
type Client struct {
	// Path is the socket's.
	Path string
}

// Start starts OpenClaw, with the files that are in place. One that runs already is left alone.
func (c Client) Start(ctx context.Context) error { return c.call(ctx, StartRuntime) }

// Stop asks OpenClaw to end, and returns before it has.
func (c Client) Stop(ctx context.Context) error { return c.call(ctx, StopRuntime) }

// Kill ends OpenClaw at once.
func (c Client) Kill(ctx context.Context) error { return c.call(ctx, KillRuntime) }

// Status tells how OpenClaw is.
func (c Client) Status(ctx context.Context) (Status, error) {
	told, err := c.ask(ctx, RuntimeStatus)
	if err != nil {
		return Status{}, err
	}
	var s Status
	if err := json.Unmarshal(told, &s); err != nil {
		return Status{}, fmt.Errorf("reading what the helper says of OpenClaw: %w", err)
	}
	return s, nil
}

// Validate is what OpenClaw prints of the files that wait to be put in place: JSON, 64 KiB of it at most. It runs that
// version of OpenClaw which the files are for, as its own user.
func (c Client) Validate(ctx context.Context) ([]byte, error) { return c.ask(ctx, ValidateRuntime) }

// SaveState copies what OpenClaw remembers. One that runs meanwhile may tear what it writes: stop it before.
func (c Client) SaveState(ctx context.Context) error { return c.call(ctx, SaveState) }

// RestoreState puts that copy back. It is an error when there is none, or when OpenClaw runs.
func (c Client) RestoreState(ctx context.Context) error { return c.call(ctx, RestoreState) }

// DropState removes the copy, if there is one.
func (c Client) DropState(ctx context.Context) error { return c.call(ctx, DropState) }

func (c Client) call(ctx context.Context, verb string) error {
	_, err := c.ask(ctx, verb)
	return err
}

// ask bounds a call to a little more than the other side gives itself.
func (c Client) ask(ctx context.Context, verb string) ([]byte, error) {
	action, _ := actionOf(verb)
	ctx, cancel := context.WithTimeout(ctx, action.within+listening+2*answering)
	defer cancel()
	told, err := c.exchange(ctx, verb)
	if err != nil {
		return nil, fmt.Errorf("asking the helper to %s: %w", verb, errors.Join(err, ctx.Err()))
	}
	return told, nil
}

func (c Client) exchange(ctx context.Context, verb string) ([]byte, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", c.Path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_, writeErr := io.WriteString(conn, verb+"\n") // a stranger is answered before he has said anything
	reader := bufio.NewReader(io.LimitReader(conn, maxAnswer+maxTold))
	answer, err := reader.ReadString('\n')
	if err != nil {
		return nil, errors.Join(writeErr, err)
	}
	if answer = strings.TrimSuffix(answer, "\n"); answer != done {
		return nil, errors.New(answer)
	}
	return io.ReadAll(reader)
}
