// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package update

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"

	"k8s.io/utils/clock"
)

const watching = time.Second

// Guard watches over a build on trial, which is the process that has started us, and kills it when it is on trial for
// too long. It is a process of the installed build: that on trial may be wrong in any way.
func (b Builds) Guard(ctx context.Context, digest string, clock clock.Clock, log *slog.Logger) error {
	parent := os.Getppid()
	left := DefaultTimes().Guard
	for ; left > 0; left -= watching {
		timer := clock.NewTimer(watching)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C():
		}
		if m := b.load(); m.Trial != digest || os.Getppid() != parent {
			return nil
		}
	}
	log.Error("a build of the agent does not end its trial by itself, and is killed", "build", digest)
	m := b.load()
	if m.Trial != digest {
		return nil
	}
	m.fail("no gateway has answered it, and it did not go back by itself")
	if err := b.save(m); err != nil {
		return err
	}
	if err := syscall.Kill(parent, syscall.SIGKILL); err != nil {
		return fmt.Errorf("killing a build on trial: %w", err)
	}
	return nil
}
