// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// retry is when what failed for want of room is tried again.
const retry = 5 * time.Minute

var (
	errOff        = errors.New("the runtime is not to run any more")
	errSuperseded = errors.New("there is a newer config")
)

// applier is the only one who changes the runtime's files. It tries each new config on the runtime itself, and puts the
// last good one back when that does not work.
type applier struct {
	*agent
	mailbox

	// Only run uses these. lastGood is the last config that worked. placed is the version whose files are in place in
	// this life, 0 when none are or the runtime was stopped since, and start when that was, as the runSwitch counts.
	lastGood *protocol.Config
	placed   int64
	start    int64
	// remark is what a person should know of the config that is in place.
	remark string
	// paused is until when the versions that failed for a while are left alone.
	paused map[int64]time.Time
}

func newApplier(a *agent) (*applier, error) {
	p := &applier{agent: a, mailbox: mailbox{wake: make(chan struct{}, 1)}, paused: map[int64]time.Time{}}
	progress, err := a.dir.Progress()
	if err != nil {
		return nil, err
	}
	if p.lastGood, err = a.dir.LastGood(); err != nil {
		return nil, err
	}
	if p.lastGood == nil {
		return p, nil // whatever was tried is tried again
	}
	p.good, p.decided, p.result = p.lastGood.Version, p.lastGood.Version, progress.Result
	if r := progress.Result; r != nil && !r.Applied && p.good == progress.Good {
		p.decided = r.Version
	}
	return p, nil
}

func (p *applier) rouse() { tell(p.wake) }

// run applies configs until ctx is done.
func (p *applier) run(ctx context.Context) {
	for ctx.Err() == nil {
		if p.step(ctx) {
			continue
		}
		if left, some := p.untilRetry(); some {
			p.wait(ctx, left, p.wake)
			continue
		}
		select {
		case <-ctx.Done():
		case <-p.wake:
		}
	}
}

// untilRetry is when the next of those that are left alone is to be tried again; false when there is none.
func (p *applier) untilRetry() (left time.Duration, some bool) {
	for version, until := range p.paused {
		wait := until.Sub(p.Clock.Now())
		switch {
		case wait <= 0:
			delete(p.paused, version)
		case !some || wait < left:
			left, some = wait, true
		}
	}
	return left, some
}

func (p *applier) isPaused(version int64) bool { return p.paused[version].After(p.Clock.Now()) }

func (p *applier) pause(version int64) { p.paused[version] = p.Clock.Now().Add(retry) }

// step does one thing; false when there is nothing to do.
func (p *applier) step(ctx context.Context) bool {
	if p.isMended() {
		clear(p.paused)
	}
	if !p.on.stillOn(p.start) {
		p.placed = 0 // it is stopped, and its files are put in place anew when it starts again
	}
	if !p.on.wants() {
		return false
	}
	if c := p.undecided(); c != nil && !p.isPaused(c.Version) {
		p.try(ctx, c)
		return true
	}
	if p.lastGood == nil || p.placed == p.lastGood.Version || p.isPaused(p.lastGood.Version) {
		return false
	}
	p.restore(ctx)
	return true
}

// try runs a config, and says what becomes of it.
func (p *applier) try(ctx context.Context, c *protocol.Config) {
	p.Log.Info("a config is tried", "version", c.Version)
	number, err := p.place(ctx, c)
	if err == nil {
		err = p.gate(ctx, c, number)
	}
	var passing *passingError
	switch {
	case ctx.Err() != nil, errors.Is(err, errOff), errors.Is(err, errSuperseded):
		p.Log.Info("a config is left undecided", "version", c.Version, "because", err)
	case err == nil:
		p.succeed(ctx, c)
	case errors.As(err, &passing):
		p.pause(c.Version)
		p.fail(c, err, false)
	default:
		p.fail(c, err, true)
	}
}

// gate waits until the runtime shows that it works with what was put in place.
func (p *applier) gate(ctx context.Context, c *protocol.Config, number int64) error {
	limit := seconds(p.config.Runtime.StartSeconds)
	timer := p.Clock.NewTimer(limit)
	defer timer.Stop()
	for {
		status, changed := p.sup.Status()
		if verdict, over := judge(status, number); over {
			return verdict
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C():
			return fmt.Errorf("it does not work after %s: %s", limit, status.Message)
		case <-changed:
		case <-p.wake:
			if !p.on.stillOn(p.start) {
				return errOff
			}
			if p.have() > c.Version {
				return errSuperseded
			}
		}
	}
}

// judge says whether the runtime works with a renewal, once that is known.
func judge(s supervisor.Status, number int64) (verdict error, over bool) {
	switch {
	case s.Renewal < number:
		return nil, false
	case s.Healthy:
		return nil, true
	case s.Refused, s.Ended > 0:
		return errors.New(s.Message), true
	}
	return nil, false
}

// restore runs the last good config.
func (p *applier) restore(ctx context.Context) {
	version := p.lastGood.Version
	_, err := p.place(ctx, p.lastGood)
	var passing *passingError
	switch {
	case err == nil:
		p.arrive(ctx) // it was shown to work, if we were killed before that was noted
		p.Log.Info("the last good config runs", "version", version)
	case errors.As(err, &passing):
		p.Log.Error("the last good config cannot be put in place now", "version", version, "error", err)
		p.pause(version)
		p.placed = 0
	default:
		p.Log.Error("the last good config is good no more", "version", version, "error", err)
		p.lastGood = nil
		p.sup.Want(false)
	}
}
