// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package localrun

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// ErrInterrupted is that the program was asked to end before it was done.
var ErrInterrupted = errors.New("interrupted")

// parentInterval is how often the program that started us is looked for.
const parentInterval = time.Second

// SignalContext ends at the first Ctrl-C, SIGTERM or closed terminal, and when the program that started us is gone:
// `go run` does not pass SIGTERM on, so that is all we would see of it. After that a second Ctrl-C ends the program at
// once.
func SignalContext() (context.Context, context.CancelFunc) {
	// Without a handler a write to a pipe that nobody reads ends the program, before it has cleaned up.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	parent := os.Getppid()
	go func() {
		defer stop()
		ticker := time.NewTicker(parentInterval)
		defer ticker.Stop()
		for os.Getppid() == parent {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return ctx, stop
}

// OrInterrupted replaces the many errors that the end of a SignalContext makes of what was under way.
func OrInterrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ErrInterrupted
	}
	return err
}
