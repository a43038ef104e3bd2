// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// Options are what a Budget needs. The zero value is a Budget for DigitalOcean.
type Options struct {
	// PerMinute is how many calls may be made in a minute; 0 means 200. The limit of the hour is the cloud's to tell.
	PerMinute int
	// Token gives the current token, of which only a hash is kept: another token has another budget. Nil means that it
	// never changes.
	Token func() string
	// Clock is the only source of time; nil means the real one.
	Clock clock.PassiveClock
	// Jitter gives a duration between 0 and the given one, by which a pause of the cloud's is lengthened, so that those
	// who share the token do not all come back at once; nil means at random.
	Jitter func(most time.Duration) time.Duration
}

// Budget admits calls. It is safe for concurrent use, and a Prometheus collector that whoever made it registers.
type Budget struct {
	perMinute int
	token     func() string
	clock     clock.PassiveClock
	jitter    func(time.Duration) time.Duration
	meters    meters

	mu      sync.Mutex // guards what follows
	hash    [sha256.Size]byte
	limiter *limiter
}

// New makes a Budget that knows nothing yet: it begins slowly, because whoever had the token before may just have spent
// a minute's worth.
func New(o Options) *Budget {
	if o.PerMinute <= 0 {
		o.PerMinute = defaultPerMinute
	}
	if o.Token == nil {
		o.Token = func() string { return "" }
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Jitter == nil {
		o.Jitter = func(most time.Duration) time.Duration {
			return rand.N(most + 1) //nolint:gosec // nothing secret hangs on the end of a pause
		}
	}
	return &Budget{perMinute: o.PerMinute, token: o.Token, clock: o.Clock, jitter: o.Jitter, meters: newMeters()}
}

// Request is one act that needs room.
type Request struct {
	// Class is how urgent it is.
	Class Class
	// Account and Bot are on whose behalf it is; both are empty for the fleet.
	Account, Bot string
	// Cost is how many calls it takes, at least 1.
	Cost int
	// Operations counts how often it makes a machine, starts it, changes its size or destroys it. Of that a bot may have
	// so much in an hour while it is at others' expense; a request with none is not held up for it.
	Operations int
}

func (r Request) owner() owner { return owner{r.Account, r.Bot} }

// Refusal says that a call must not be made, why, and how long to wait before asking again.
type Refusal struct {
	Reason Reason
	Wait   time.Duration
}

// Permit allows the calls of one Request, each of which has to be reported, or cancelled. It is not safe for concurrent
// use.
type Permit struct {
	budget  *Budget
	limiter *limiter
	request Request
	spent   receipt
	left    int
	probe   bool
}

// Admit gives a Permit, or says why not. It never waits.
func (b *Budget) Admit(r Request) (*Permit, *Refusal) {
	r.Cost = max(r.Cost, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	l, now := b.current(), b.clock.Now()
	spent, refusal := l.admit(r, now)
	if refusal != nil {
		b.meters.refused.WithLabelValues(r.Class.String(), string(refusal.Reason)).Inc()
		return nil, refusal
	}
	waited := l.lines[r.Class].leave(r.owner(), now)
	b.meters.waited.WithLabelValues(r.Class.String()).Observe(waited.Seconds())
	b.meters.admitted.WithLabelValues(r.Class.String()).Add(float64(r.Cost))
	return &Permit{budget: b, limiter: l, request: r, spent: spent, left: r.Cost, probe: l.breaker.begin()}, nil
}

// Observe takes in the headers of an answer.
func (b *Budget) Observe(a cloud.Answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current().observe(a, b.jitter, b.clock.Now())
}

// HourLimit is how many calls the cloud allows in an hour, as it told last; before that, what it publishes.
func (b *Budget) HourLimit() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current().hour.limit
}

// current is the limiter of the token as it is now. One that comes back is learned anew, from the first answer.
func (b *Budget) current() *limiter {
	hash := sha256.Sum256([]byte(b.token()))
	if b.limiter == nil || hash != b.hash {
		b.hash, b.limiter = hash, newLimiter(b.perMinute, b.clock.Now())
	}
	return b.limiter
}

// operated counts that a bot's machine was destroyed, for which the id is its own, or that it was made or acted on, for
// which the id is 0.
func (b *Budget) operated(bot string, id int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current().shares.operated(bot, id, b.clock.Now())
}

// Report tells what came of n calls of the Permit.
func (p *Permit) Report(n int, err error) {
	p.budget.mu.Lock()
	defer p.budget.mu.Unlock()
	n = min(n, p.left)
	p.left -= n
	p.limiter.hour.inFlight -= n
	if !errors.Is(err, context.Canceled) { // we gave up, so it says nothing about the cloud
		p.limiter.breaker.report(isOutage(err), p.probe, p.budget.clock.Now())
	} else if p.probe {
		p.limiter.breaker.abandon()
	}
	p.probe = false
}

// Cancel gives back the calls that were not made. It may be called at any time, also when there are none.
func (p *Permit) Cancel() {
	p.budget.mu.Lock()
	defer p.budget.mu.Unlock()
	if p.left == 0 {
		return
	}
	p.limiter.takeBack(p.request, p.spent, p.left)
	p.limiter.hour.inFlight -= p.left
	p.left = 0
	if p.probe {
		p.limiter.breaker.abandon()
		p.probe = false
	}
}

// stopped refuses what was admitted when since then the cloud has asked for a pause, or has gone down.
func (p *Permit) stopped() *Refusal {
	p.budget.mu.Lock()
	defer p.budget.mu.Unlock()
	now := p.budget.clock.Now()
	reason, at := p.limiter.stopped(now)
	if !at.After(now) || p.probe {
		return nil
	}
	p.budget.meters.refused.WithLabelValues(p.request.Class.String(), string(reason)).Inc()
	return &Refusal{Reason: reason, Wait: dueAt(at, now).Sub(now)}
}

// isOutage tells whether a call failed as calls fail when the cloud is down or out of reach.
func isOutage(err error) bool {
	if err == nil {
		return false
	}
	kind := cloud.KindOf(err)
	return kind == cloud.Unavailable || kind == cloud.NotSent
}
