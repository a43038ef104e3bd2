// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
)

const (
	// defaultGrace is that of a Bot's heartbeat.graceSeconds.
	defaultGrace = 150 * time.Second
	// doubt is how long a gateway may say that it does not know us before we believe that no gateway does: a credential
	// that was just taken may not be known to all of them.
	doubt = 5 * time.Second
)

// runSwitch decides whether the runtime is to run. It runs only when a heartbeat of this very process was answered so,
// because only a heartbeat says which instance and which boot asks; and it is stopped by whoever first says so.
type runSwitch struct {
	clock clock.PassiveClock
	log   *slog.Logger
	sup   supervisor.Supervisor
	// turned is told when the answer may be another.
	turned func()

	mu sync.Mutex
	// confirmed tells that a heartbeat was answered with run, and ordered what was said last.
	confirmed, ordered bool
	// questions counts what was asked, and off is how many had been when run was last false.
	questions, off int64
	// stops counts how often it was switched off.
	stops int64
	// reachedAt is when a gateway last answered, and unknownSince since when they say that they do not know us.
	reachedAt, unknownSince time.Time
	// lost is what to do without any answer.
	lost lostContact
}

// lostContact is the part of a bot's config that the agent itself obeys.
type lostContact struct {
	Action       string `json:"onLostContact"`
	GraceSeconds int32  `json:"graceSeconds"`
}

// ask numbers a question, so that an answer that was overtaken is known as such.
func (s *runSwitch) ask() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.questions++
	return s.questions
}

// beatSays takes the answer to a heartbeat.
func (s *runSwitch) beatSays(question int64, run bool) { s.says(question, run, true) }

// configSays takes what came with a config.
func (s *runSwitch) configSays(question int64, run bool) { s.says(question, run, false) }

func (s *runSwitch) says(question int64, run, confirms bool) {
	s.change(func() {
		s.reachedAt, s.unknownSince = s.clock.Now(), time.Time{}
		switch {
		case !run:
			s.ordered, s.off = false, s.questions
			s.sup.Want(false) // also one that an earlier agent has started
		case question > s.off: // else it was asked before we heard that it is not to run
			s.ordered, s.confirmed = true, s.confirmed || confirms
		}
	}, "a gateway says so")
}

// reached says that a gateway answered, and nothing else.
func (s *runSwitch) reached() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reachedAt, s.unknownSince = s.clock.Now(), time.Time{}
}

// unknown says that a gateway does not know us. When they stay with it, the machine is not to run any more: its bot is
// gone, or has another machine.
func (s *runSwitch) unknown() {
	s.change(func() {
		now := s.clock.Now()
		if s.unknownSince.IsZero() {
			s.unknownSince = now
		}
		if now.Sub(s.unknownSince) >= doubt {
			s.confirmed = false
			s.sup.Want(false)
		}
	}, "no gateway knows this machine any more")
}

// obey takes from a config what is to be done when no gateway answers.
func (s *runSwitch) obey(content json.RawMessage) {
	var lost lostContact
	_ = json.Unmarshal(content, &lost) // it was validated; what it does not say is as ever
	s.mu.Lock()
	s.lost = lost
	s.mu.Unlock()
	s.turned()
}

// untilLost is how long it may still be silent; 0 when it is too long already, and false when it may be for ever.
func (s *runSwitch) untilLost() (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost.Action != "Stop" || !s.confirmed {
		return 0, false
	}
	grace := seconds(s.lost.GraceSeconds)
	if grace <= 0 {
		grace = defaultGrace
	}
	return max(0, grace-s.clock.Since(s.reachedAt)), true
}

// checkContact stops the runtime when it was silent for too long. It runs again after a heartbeat that says so.
func (s *runSwitch) checkContact() {
	if left, ends := s.untilLost(); ends && left == 0 {
		s.change(func() { s.confirmed = false }, "no gateway answers")
	}
}

// wants is the decision.
func (s *runSwitch) wants() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.confirmed && s.ordered
}

// start lets the runtime run, if it still is to. It returns what stillOn takes.
func (s *runSwitch) start() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.confirmed && s.ordered {
		s.sup.Want(true)
	}
	return s.stops
}

// stillOn tells whether it was not switched off since a start, if only for a moment.
func (s *runSwitch) stillOn(start int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.confirmed && s.ordered && s.stops == start
}

// change stops the runtime before anybody else hears of it. Starting it takes its files, and is for others to do.
func (s *runSwitch) change(to func(), why string) {
	s.mu.Lock()
	before := s.confirmed && s.ordered
	to()
	after := s.confirmed && s.ordered
	if before && !after {
		s.stops++
		s.sup.Want(false)
	}
	s.mu.Unlock()
	if before != after {
		s.log.Info("the runtime is to run or not", "run", after, "because", why)
		s.turned()
	}
}
