// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"time"
)

// live is one process, from its start to its end.
func (k *Keeper) live(ctx context.Context) {
	k.takenUp = k.ordered().renewal
	k.startedWith = k.takenUp
	p, err := k.spec.Launcher.start(ctx)
	if err != nil {
		k.noteEnd(k.clock.Now(), 0, fmt.Sprintf("it cannot be started: %v", err))
		return
	}
	k.noteStart(p)
	k.follow(ctx, p, nil)
}

// follow is the rest of its life. When it is over, and nobody has said what is to be, it is not to be.
func (k *Keeper) follow(ctx context.Context, p started, over <-chan time.Time) {
	began := k.clock.Now()
	watched, stopWatching := k.takenUp, k.watchHealth(ctx, k.takenUp)
	defer func() { stopWatching() }()
	for {
		select {
		case <-p.ended():
			code, words := p.end()
			k.noteEnd(began, code, words)
			return
		case <-ctx.Done():
			k.part(p)
			return
		case <-over:
			if !k.ordered().said {
				k.Want(false)
			}
		case <-k.wake:
		}
		if k.obey(p) {
			return
		}
		if watched != k.takenUp {
			stopWatching()
			watched, stopWatching = k.takenUp, k.watchHealth(ctx, k.takenUp)
		}
	}
}

// part is the end of us.
func (k *Keeper) part(p started) {
	if k.leaving.Load() && p.leave() {
		k.log.Info("the runtime is left to the next agent", "pid", p.id())
		return
	}
	k.halt(p, k.spec.Grace)
}

// obey does to a process what is wanted; true when that was its end.
func (k *Keeper) obey(p started) (over bool) {
	switch o := k.ordered(); {
	case o.said && !o.run:
		k.halt(p, HaltGrace)
		return true
	case o.restart > k.takenUp:
		k.halt(p, k.spec.Grace)
		return true
	case o.renewal > k.takenUp:
		if o.signal > k.takenUp {
			p.tell()
		}
		k.takenUp = o.renewal
		k.update(func(s *Status) {
			s.Renewal, s.Healthy, s.Adopted, s.Ended, s.Message = o.renewal, false, false, 0, "it was just told"
		})
	}
	return false
}

// noteStart says that a process runs.
func (k *Keeper) noteStart(p started) {
	k.log.Info("the runtime runs", "pid", p.id())
	again := k.failures > 0
	k.update(func(s *Status) {
		s.takeUp(k.takenUp)
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
func (k *Keeper) halt(p started, grace time.Duration) {
	p.ask()
	timer := k.clock.NewTimer(grace)
	defer timer.Stop()
	for ended := false; !ended; {
		select {
		case <-p.ended():
			ended = true
		case <-timer.C():
			k.log.Info("the runtime does not end and is killed", "pid", p.id())
			p.kill()
			<-p.ended()
			ended = true
		case <-k.wake:
			if o := k.ordered(); grace > HaltGrace && o.said && !o.run {
				grace = HaltGrace
				timer.Reset(grace)
			}
		}
	}
	k.log.Info("the runtime is stopped", "pid", p.id())
	k.failures, k.notBefore = 0, time.Time{}
	k.update(func(s *Status) { s.Running, s.Healthy, s.Adopted, s.Message = false, false, false, "it is stopped" })
}

// asksToStart tells whether a process has ended so as to be started again: because of a change, or after a good while.
// One that does so at once, and again, is like one that fails.
func (k *Keeper) asksToStart(code int, lived time.Duration) bool {
	return k.spec.AsksByExit && code == 0 && (k.takenUp > k.startedWith || lived >= k.spec.Rest)
}

// noteEnd says that the program has ended by itself, and when it may be started again.
func (k *Keeper) noteEnd(began time.Time, code int, message string) {
	now := k.clock.Now()
	if now.Sub(began) >= longestRest {
		k.failures = 0
	}
	rest := min(k.spec.Rest<<min(k.failures, 10), longestRest)
	asks := k.asksToStart(code, now.Sub(began))
	if asks {
		rest = 0
	} else {
		k.failures++
	}
	k.notBefore = now.Add(rest)
	refused := code == ConfigExit
	k.log.Warn("the runtime has ended by itself", "exitCode", code, "startsAgainIn", rest, "refusesItsConfig", refused)
	k.update(func(s *Status) {
		s.takeUp(k.takenUp)
		s.Running, s.Healthy, s.Adopted, s.Refused, s.Message = false, false, false, refused, message
		if !asks {
			s.Ended++
		}
	})
}
