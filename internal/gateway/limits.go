// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/gateway/limit"
)

const (
	// registerPerMinute is how often in a minute one network may try to register and fail, and one machine may register.
	// What succeeds does not count for the network: a whole fleet may be behind one address.
	registerPerMinute = 30
	// strangersPerMinute is how often in a minute one network may show a credential that we have to look up.
	strangersPerMinute = 30
	// botPerMinute is how often in a minute one machine may ask for anything else.
	botPerMinute = 60
	// agentsPerMinute is how many builds of the agent one network may get in a minute.
	agentsPerMinute = 30
	// linesPerMinute is how many refusals in a minute are logged for one network.
	linesPerMinute = 30

	// remembered is how many of each kind the limits remember, about 10 MiB of each.
	remembered = 1 << 16

	// The pools: how many requests of a kind are served at once, so that one kind does not starve another. Configs that
	// are held are limited by themselves.
	beatsAtOnce, configsAtOnce, registrationsAtOnce, rotationsAtOnce, agentsAtOnce = 512, 128, 32, 32, 64
	// archivesAtOnce is how many of those that get something by its digest may get something large.
	archivesAtOnce = 48
	// recordingAtOnce is how many heartbeats may wait for their boot to be recorded, so that those after a large outage
	// leave room for the others; who does not wait is told the next time.
	recordingAtOnce = 128
	// liveAtOnce is how many may be looked up live at once.
	liveAtOnce = 16
)

// limits are who may ask how much.
type limits struct {
	registering, registered, strangers, bots, agents, lines *limit.Buckets
	live, recording, archives                               *limit.Pool
}

func newLimits(now clock.PassiveClock) *limits {
	return &limits{
		registering: limit.New(now, registerPerMinute, remembered), registered: limit.New(now, registerPerMinute, remembered),
		strangers: limit.New(now, strangersPerMinute, remembered), bots: limit.New(now, botPerMinute, remembered),
		agents: limit.New(now, agentsPerMinute, remembered), lines: limit.New(now, linesPerMinute, remembered),
		live: limit.NewPool(liveAtOnce), recording: limit.NewPool(recordingAtOnce), archives: limit.NewPool(archivesAtOnce),
	}
}

// take takes one of a limit.
func take(from *limit.Buckets, key, why string) error {
	if wait, ok := from.Take(key); !ok {
		return tooMany(wait, why)
	}
	return nil
}

// enter enters a pool.
func enter(pool *limit.Pool) error {
	if !pool.Enter() {
		return unavailable(errors.New("too many requests of this kind at once"))
	}
	return nil
}
