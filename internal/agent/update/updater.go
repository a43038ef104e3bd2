// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package update

import (
	"context"
	"log/slog"
	"os"
	gosync "sync"
	"time"

	"k8s.io/utils/clock"
)

const (
	// maxBytes bounds a build.
	maxBytes = 64 << 20
	// again is when a download that has failed is tried again, doubling up to longestAgain.
	again, longestAgain = time.Minute, time.Hour
)

// Options are what an Updater stands on.
type Options struct {
	// Builds are those of this agent, and Self the digest of what runs.
	Builds Builds
	Self   string
	// Download fetches the file with a digest, of limit bytes at most.
	Download func(ctx context.Context, sha256 string, limit int64, path string) error
	// Times are how long things take.
	Times Times
	// Clock tells the time, Random is a number from 0 to 1, and Log is for people.
	Clock  clock.Clock
	Random func() float64
	Log    *slog.Logger
}

// Updater fetches the build that is ordered, and says when it is to run.
type Updater struct {
	Options

	wake chan struct{}

	mu       gosync.Mutex
	ordered  string
	answered bool
}

// New is an Updater that was told nothing yet.
func New(o Options) *Updater { return &Updater{Options: o, wake: make(chan struct{}, 1)} }

// Answered says that a gateway has answered this build, and which one it orders; empty when it orders none.
func (u *Updater) Answered(ordered string) {
	u.mu.Lock()
	u.ordered, u.answered = ordered, true
	u.mu.Unlock()
	select {
	case u.wake <- struct{}{}:
	default: // it is told already
	}
}

func (u *Updater) told() (ordered string, answered bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ordered, u.answered
}

// Run returns true when another build is to be started, and false when ctx is done.
func (u *Updater) Run(ctx context.Context) bool {
	if u.Builds.load().Trial == u.Self && !u.prove(ctx) {
		return ctx.Err() == nil
	}
	pause := again
	for ctx.Err() == nil {
		u.forgive()
		wanted, ok := u.wanted()
		if !ok {
			u.wait(ctx, nil)
			continue
		}
		spread := u.Clock.NewTimer(time.Duration(u.Random() * float64(u.Times.Spread)))
		u.Log.Info("another build of the agent is ordered", "build", wanted)
		u.pass(ctx, spread)
		switch now, still := u.wanted(); {
		case !still || now != wanted || ctx.Err() != nil:
		case u.prepare(ctx, wanted):
			return true
		default:
			u.pass(ctx, u.Clock.NewTimer(pause))
			pause = min(2*pause, longestAgain)
		}
	}
	return false
}

// prove waits for a gateway to answer; false when none has in time.
func (u *Updater) prove(ctx context.Context) bool {
	timer := u.Clock.NewTimer(u.Times.Trial)
	defer timer.Stop()
	for {
		if _, answered := u.told(); answered {
			break
		}
		if u.wait(ctx, timer.C()) {
			m := u.Builds.load()
			m.fail("no gateway has answered it in " + u.Times.Trial.String())
			u.Log.Error("this build of the agent goes back to the one before", "build", u.Self, "because", m.Why)
			if err := u.Builds.save(m); err != nil {
				u.Log.Error("that a build of the agent has failed cannot be remembered", "error", err)
			}
			return false
		}
		if ctx.Err() != nil {
			return false
		}
	}
	m := u.Builds.load()
	m.Current, m.Previous, m.Trial, m.Starts, m.Failed, m.Why = u.Self, m.Current, "", 0, "", ""
	if err := u.Builds.save(m); err != nil {
		u.Log.Error("that a build of the agent works cannot be remembered", "error", err)
		return true
	}
	u.Log.Info("this build of the agent works", "build", u.Self)
	if err := u.Builds.clean(m); err != nil {
		u.Log.Warn("old builds of the agent are left", "error", err)
	}
	return true
}

// wanted is the build that is to run and does not, unless it has failed since it was ordered.
func (u *Updater) wanted() (string, bool) {
	ordered, _ := u.told()
	if ordered == "" || ordered == u.Self {
		return "", false
	}
	return ordered, u.Builds.load().Failed != ordered
}

// forgive has what failed be tried again when it is ordered again: something else was ordered meanwhile.
func (u *Updater) forgive() {
	ordered, _ := u.told()
	m := u.Builds.load()
	if m.Failed == "" || ordered == "" || ordered == m.Failed {
		return
	}
	m.Failed, m.Why = "", ""
	if err := u.Builds.save(m); err != nil {
		u.Log.Warn("what is remembered of builds of the agent is old", "error", err)
	}
}

// prepare fetches a build and puts it on trial.
func (u *Updater) prepare(ctx context.Context, digest string) bool {
	err := os.MkdirAll(u.Builds.path, 0o700)
	if err == nil && !u.Builds.has(digest) {
		err = u.Download(ctx, digest, maxBytes, u.Builds.file(digest))
	}
	if err == nil {
		err = os.Chmod(u.Builds.file(digest), 0o700) //nolint:gosec // a program of ours, which its digest names
	}
	if err == nil {
		m := u.Builds.load()
		if m.Trial != digest {
			m.Trial, m.Starts = digest, 0
		}
		err = u.Builds.save(m)
	}
	if err != nil {
		u.Log.Warn("a build of the agent cannot be had", "build", digest, "error", err)
	}
	return err == nil
}

// wait returns when something was told, or ctx is done; true when the time is over.
func (u *Updater) wait(ctx context.Context, over <-chan time.Time) bool {
	select {
	case <-ctx.Done():
	case <-u.wake:
	case <-over:
		return true
	}
	return false
}

func (u *Updater) pass(ctx context.Context, timer clock.Timer) {
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C():
	}
}
