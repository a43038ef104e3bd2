// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// live is one process, from its start to its end.
func (c *Child) live(ctx context.Context) {
	c.takenUp = c.ordered().renewal
	c.startedWith = c.takenUp
	began := c.clock.Now()
	p, err := start(ctx, c.spec, c.clock)
	if err != nil {
		c.noteEnd(began, 0, fmt.Sprintf("it cannot be started: %v", err))
		return
	}
	c.noteStart(p)
	watched, stopWatching := c.takenUp, c.watchHealth(ctx, c.takenUp)
	defer func() { stopWatching() }()
	for {
		select {
		case <-p.ended:
			c.noteEnd(began, p.code, p.lastWords())
			return
		case <-ctx.Done():
			c.halt(p, c.spec.Grace)
			return
		case <-c.wake:
		}
		if c.obey(p) {
			return
		}
		if watched != c.takenUp {
			stopWatching()
			watched, stopWatching = c.takenUp, c.watchHealth(ctx, c.takenUp)
		}
	}
}

// obey does to a process what is wanted; true when that was its end.
func (c *Child) obey(p *process) (over bool) {
	switch o := c.ordered(); {
	case !o.run:
		c.halt(p, HaltGrace)
		return true
	case o.restart > c.takenUp:
		c.halt(p, c.spec.Grace)
		return true
	case o.renewal > c.takenUp:
		if o.signal > c.takenUp {
			p.signal(syscall.SIGHUP)
		}
		c.takenUp = o.renewal
		c.update(func(s *Status) { s.Renewal, s.Healthy, s.Ended, s.Message = o.renewal, false, 0, "it was just told" })
	}
	return false
}

// noteStart says that a process runs.
func (c *Child) noteStart(p *process) {
	c.log.Info("the runtime runs", "pid", p.pid)
	again := c.failures > 0
	c.update(func(s *Status) {
		s.takeUp(c.takenUp)
		s.Running, s.Healthy, s.Refused, s.Message = true, false, false, "it has just been started"
		if again {
			s.Restarts++
		}
	})
}

// takeUp counts anew what is counted since a renewal.
func (s *Status) takeUp(renewal int64) {
	if s.Renewal != renewal {
		s.Renewal, s.Ended = renewal, 0
	}
}

// halt ends a process: it is asked, and killed when it has not ended after the grace. If it is to be gone for good
// meanwhile, it has no more than HaltGrace from then on.
func (c *Child) halt(p *process, grace time.Duration) {
	p.signal(syscall.SIGTERM)
	timer := c.clock.NewTimer(grace)
	defer timer.Stop()
	for ended := false; !ended; {
		select {
		case <-p.ended:
			ended = true
		case <-timer.C():
			c.log.Info("the runtime does not end and is killed", "pid", p.pid)
			p.signal(syscall.SIGKILL)
			<-p.ended
			ended = true
		case <-c.wake:
			if grace > HaltGrace && !c.ordered().run {
				grace = HaltGrace
				timer.Reset(grace)
			}
		}
	}
	c.log.Info("the runtime is stopped", "pid", p.pid)
	c.failures, c.notBefore = 0, time.Time{}
	c.update(func(s *Status) { s.Running, s.Healthy, s.Message = false, false, "it is stopped" })
}

// asksToStart tells whether a process has ended so as to be started again: because of a change, or after a good while.
// One that does so at once, and again, is like one that fails.
func (c *Child) asksToStart(code int, lived time.Duration) bool {
	return c.spec.AsksByExit && code == 0 && (c.takenUp > c.startedWith || lived >= c.spec.Rest)
}

// noteEnd says that the program has ended by itself, and when it may be started again.
func (c *Child) noteEnd(began time.Time, code int, message string) {
	now := c.clock.Now()
	if now.Sub(began) >= longestRest {
		c.failures = 0
	}
	rest := min(c.spec.Rest<<min(c.failures, 10), longestRest)
	asks := c.asksToStart(code, now.Sub(began))
	if asks {
		rest = 0
	} else {
		c.failures++
	}
	c.notBefore = now.Add(rest)
	refused := code == ConfigExit
	c.log.Warn("the runtime has ended by itself", "exitCode", code, "startsAgainIn", rest, "refusesItsConfig", refused)
	c.update(func(s *Status) {
		s.takeUp(c.takenUp)
		s.Running, s.Healthy, s.Refused, s.Message = false, false, refused, message
		if !asks {
			s.Ended++
		}
	})
}
