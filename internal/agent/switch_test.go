// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"log/slog"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/agent/supervisor"
)

// stub is a Supervisor that is told whether to run.
type stub struct{ run bool }

func (s *stub) Want(run bool)                                         { s.run = run }
func (s *stub) Renew(supervisor.Renewal) int64                        { return 0 }
func (s *stub) Status() (status supervisor.Status, _ <-chan struct{}) { return status, nil }

func TestWhoeverSaysStopIsObeyedAndOnlyAHeartbeatStarts(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(*runSwitch, *clocktesting.FakePassiveClock)
		want bool
	}{
		"nobody has said anything": {do: func(*runSwitch, *clocktesting.FakePassiveClock) {}},
		"a heartbeat says run": {want: true, do: func(s *runSwitch, _ *clocktesting.FakePassiveClock) {
			s.beatSays(s.ask(), true)
		}},
		"a config says run, which knows neither instance nor boot": {
			do: func(s *runSwitch, _ *clocktesting.FakePassiveClock) { s.configSays(s.ask(), true) },
		},
		"a config says stop": {do: func(s *runSwitch, _ *clocktesting.FakePassiveClock) {
			s.beatSays(s.ask(), true)
			s.configSays(s.ask(), false)
		}},
		"a config says stop and then run": {want: true, do: func(s *runSwitch, _ *clocktesting.FakePassiveClock) {
			s.beatSays(s.ask(), true)
			s.configSays(s.ask(), false)
			s.configSays(s.ask(), true)
		}},
		"a heartbeat was asked before the stop and is answered after it": {
			do: func(s *runSwitch, _ *clocktesting.FakePassiveClock) {
				s.beatSays(s.ask(), true)
				poll, beat := s.ask(), s.ask()
				s.configSays(poll, false)
				s.beatSays(beat, true)
			},
		},
		"one gateway does not know us": {want: true, do: func(s *runSwitch, _ *clocktesting.FakePassiveClock) {
			s.beatSays(s.ask(), true)
			s.unknown()
		}},
		"no gateway knows us": {do: func(s *runSwitch, c *clocktesting.FakePassiveClock) {
			s.beatSays(s.ask(), true)
			s.unknown()
			c.SetTime(c.Now().Add(doubt))
			s.unknown()
		}},
		"in between one knows us": {want: true, do: func(s *runSwitch, c *clocktesting.FakePassiveClock) {
			s.beatSays(s.ask(), true)
			s.unknown()
			c.SetTime(c.Now().Add(doubt))
			s.reached()
			s.unknown()
		}},
		"contact is lost, and a poll is answered": {do: func(s *runSwitch, c *clocktesting.FakePassiveClock) {
			s.obey([]byte(`{"onLostContact":"Stop","graceSeconds":30}`))
			s.beatSays(s.ask(), true)
			c.SetTime(c.Now().Add(30 * time.Second))
			s.checkContact()
			s.configSays(s.ask(), true)
		}},
		"contact is lost for less than the grace": {want: true, do: func(s *runSwitch, c *clocktesting.FakePassiveClock) {
			s.obey([]byte(`{"onLostContact":"Stop","graceSeconds":30}`))
			s.beatSays(s.ask(), true)
			c.SetTime(c.Now().Add(30*time.Second - 1))
			s.checkContact()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			sup, clock := &stub{}, clocktesting.NewFakePassiveClock(time.Unix(2e9, 0))
			s := &runSwitch{clock: clock, log: slog.New(slog.DiscardHandler), sup: sup, reachedAt: clock.Now()}
			s.turned = func() { s.start() } // as the applier does, once the files are in place
			test.do(s, clock)
			if sup.run != test.want || s.wants() != test.want {
				t.Errorf("it runs: %v, wants: %v, want %v", sup.run, s.wants(), test.want)
			}
		})
	}
}

func TestAStopIsSeenEvenIfItWasShort(t *testing.T) {
	s := &runSwitch{
		clock: clocktesting.NewFakePassiveClock(time.Unix(2e9, 0)), log: slog.New(slog.DiscardHandler), sup: &stub{},
		turned: func() {},
	}
	s.beatSays(s.ask(), true)
	start := s.start()
	if !s.stillOn(start) {
		t.Error("it is not on")
	}
	s.beatSays(s.ask(), false)
	s.beatSays(s.ask(), true)
	if s.stillOn(start) {
		t.Error("the stop is not seen")
	}
}
