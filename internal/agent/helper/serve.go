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
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"time"
)

const (
	// caller is the one user who may call.
	caller = "spawn-agent"
	// serveWithin is less than the unit's RuntimeMaxSec, so that a call that takes too long is answered.
	serveWithin = 25 * time.Second
	// maxVerb and maxAnswer bound what either side sends.
	maxVerb, maxAnswer = 64, 512
	// done is the answer to what was done. Every other one says why it was not.
	done = "ok"
)

var (
	errStranger = errors.New("only the agent may call")
	errNoVerb   = errors.New("that is no verb")
)

// run runs one command and returns what it says.
type run func(ctx context.Context, command []string) ([]byte, error)

// Main serves the one call that systemd has handed over as standard input.
func Main(ctx context.Context) error {
	conn, err := net.FileConn(os.Stdin)
	if err != nil {
		return fmt.Errorf("taking over the call: %w", err)
	}
	defer func() { _ = conn.Close() }()
	allowed, err := user.Lookup(caller)
	if err != nil {
		return fmt.Errorf("finding out who may call: %w", err)
	}
	uid, err := strconv.ParseUint(allowed.Uid, 10, 32)
	if err != nil {
		return fmt.Errorf("finding out who may call: %w", err)
	}
	return serve(ctx, conn, uint32(uid), command)
}

// serve answers one call of that user. Whoever else calls is told nothing but that.
func serve(ctx context.Context, conn net.Conn, allowed uint32, run run) error {
	ctx, cancel := context.WithTimeout(ctx, serveWithin)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	err := authorize(conn, allowed)
	if err == nil {
		err = obey(ctx, conn, run)
	}
	answer := done
	if err != nil {
		answer = oneLine(err.Error())
	}
	_, writeErr := io.WriteString(conn, answer+"\n")
	return errors.Join(err, writeErr)
}

func authorize(conn net.Conn, allowed uint32) error {
	peer, err := peerOf(conn)
	if err != nil {
		return fmt.Errorf("finding out who calls: %w", err)
	}
	if peer != allowed {
		return errStranger
	}
	return nil
}

func obey(ctx context.Context, conn io.Reader, run run) error {
	line, err := bufio.NewReader(io.LimitReader(conn, maxVerb)).ReadString('\n')
	if err != nil {
		return fmt.Errorf("reading the verb: %w", err)
	}
	commands := commandsOf(strings.TrimSuffix(line, "\n"))
	if commands == nil {
		return errNoVerb
	}
	for _, c := range commands {
		if output, err := run(ctx, c); err != nil {
			return fmt.Errorf("%s %s: %w: %s", c[0], c[1], err, output)
		}
	}
	return nil
}

// command runs a command that finds nothing in its environment.
func command(ctx context.Context, c []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c[0], c[1:]...) //nolint:gosec // one of those in verbs.go
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	return cmd.CombinedOutput()
}

// oneLine is what fits into an answer.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return text[:min(len(text), maxAnswer-1)]
}
