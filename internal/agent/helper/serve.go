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
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// caller is the one user who may call.
	caller = "spawn-agent"
	// listening is how long a caller has to say what he wants, and answering how much longer than its verb a call may
	// take.
	listening, answering = 5 * time.Second, 2 * time.Second
	// maxVerb and maxAnswer bound what either side sends, but for what a verb has to tell.
	maxVerb, maxAnswer = 64, 2048
	// maxTold bounds what a verb tells, and maxOutput what a command says of which that is made.
	maxTold, maxOutput = maxValidation, 4 << 20
	// done is the answer to what was done; what is to be told follows. Every other one says why it was not.
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
	return serve(ctx, conn, uint32(uid), machine{run: command})
}

// machine is what the verbs work on: where its files are, which is not / in tests only, and what runs commands there.
type machine struct {
	root string
	run  run
}

// serve answers one call of that user. Whoever else calls is told nothing but that.
func serve(ctx context.Context, conn net.Conn, allowed uint32, m machine) error {
	ctx, cancel := context.WithTimeout(ctx, longest+listening+answering)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	err := authorize(conn, allowed)
	var told []byte
	if err == nil {
		told, err = obey(ctx, conn, m)
	}
	answer := done
	if err != nil {
		answer, told = oneLine(err.Error()), nil
	}
	_, writeErr := conn.Write(append([]byte(answer+"\n"), told[:min(len(told), maxTold)]...))
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

func obey(ctx context.Context, conn net.Conn, m machine) ([]byte, error) {
	line, err := listen(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("reading the verb: %w", err)
	}
	action, is := actionOf(strings.TrimSuffix(line, "\n"))
	if !is {
		return nil, errNoVerb
	}
	ctx, cancel := context.WithTimeout(ctx, action.within)
	defer cancel()
	told, err := action.do(m, ctx)
	return told, errors.Join(err, ctx.Err())
}

// listen waits for the verb, and not for long.
func listen(ctx context.Context, conn net.Conn) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, listening)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if ctx.Err() == context.DeadlineExceeded {
			_ = conn.Close()
		}
	})()
	return bufio.NewReader(io.LimitReader(conn, maxVerb)).ReadString('\n')
}

// command runs a command that finds nothing in its environment.
func command(ctx context.Context, c []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c[0], c[1:]...) //nolint:gosec // one of those of the verbs
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	output := &tail{}
	cmd.Stdout, cmd.Stderr = output, output
	err := cmd.Run()
	return output.said, err
}

// tail keeps the end of what is written.
type tail struct{ said []byte }

// Write implements io.Writer.
func (t *tail) Write(said []byte) (int, error) {
	t.said = append(t.said, said...)
	if more := len(t.said) - maxOutput; more > 0 {
		t.said = slices.Delete(t.said, 0, more)
	}
	return len(said), nil
}

// oneLine is what fits into an answer.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.ToValidUTF8(text[:min(len(text), maxAnswer-1)], "")
}
