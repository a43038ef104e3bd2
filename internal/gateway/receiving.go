// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/delivery"
)

const (
	// sayEvery is how often a gateway says that it receives: a quarter of how long that is believed.
	sayEvery = delivery.GatewayDuration / 4
	// sayAgain is how soon it tries again when that failed.
	sayAgain = 2 * time.Second
)

// receiving is when we have last said that we receive.
type receiving struct {
	mu sync.Mutex
	at time.Time
}

func (r *receiving) note(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = at
}

func (r *receiving) isFresh(now clock.PassiveClock) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.at.IsZero() && now.Since(r.at) < delivery.GatewayDuration
}

// keepSaying renews our own Lease. While no gateway does, no machine is found silent: it may be us who are deaf.
func (g *Gateway) keepSaying(ctx context.Context) error {
	for ctx.Err() == nil {
		rest := sayEvery
		if err := g.say(ctx); err != nil && ctx.Err() == nil {
			rest = sayAgain
			g.o.Logger.Error(err, "could not say that we receive")
		}
		select {
		case <-g.o.Clock.After(rest):
		case <-g.draining: // others are to stop counting on us; the Lease runs out by itself
			return nil
		case <-ctx.Done():
		}
	}
	return nil
}

func (g *Gateway) say(ctx context.Context) error {
	now := g.o.Clock.Now()
	err := g.store.Say(ctx, delivery.Gateway{Name: g.o.Name, Serves: g.queue.Serves(), Renewed: now})
	if err == nil {
		g.said.note(now)
	}
	return err
}
