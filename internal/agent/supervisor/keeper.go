// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

// longestRest bounds the time between two attempts to start a program that ends by itself.
const longestRest = 15 * time.Minute

const (
	// adoptWithin is how long we look for what an earlier agent has left.
	adoptWithin = 10 * time.Second
	// patience is how long what was adopted goes on before anybody has said whether it is to.
	patience = 2 * time.Minute
)

// Health tells whether a program works. It is asked again and again, and must return when ctx is done. isNew tells that
// the program has not shown since the last Renewal that it works.
type Health func(ctx context.Context, isNew bool) error

// Spec is what a Keeper keeps.
type Spec struct {
	// Launcher starts it.
	Launcher Launcher
	// Health tells whether it works; when it is nil, it works when it has run for HealthyAfter.
	Health       Health
	HealthyAfter time.Duration
	// Rest is the time between two starts when it ends by itself, doubling each time, up to 15 min.
	Rest time.Duration
	// Grace is how long it has to end by itself before it is started with other files.
	Grace time.Duration
	// AsksByExit tells that it asks to be started again by ending with exit code 0.
	AsksByExit bool
}

// Keeper is a Supervisor of whatever a Launcher starts. It does nothing before Run is called.
type Keeper struct {
	spec  Spec
	clock clock.Clock
	log   *slog.Logger
	wake  chan struct{}

	mu      sync.Mutex
	order   order
	status  Status
	changed chan struct{}

	// adopted is what an earlier agent has left to us; nil when it has not. leaving tells that what runs is left to the
	// next.
	adopted started
	leaving atomic.Bool

	// Only Run uses these: when it may start again, how often in a row it ended by itself, which renewal it was started
	// with, and which it was started with or told of.
	notBefore            time.Time
	failures             int
	startedWith, takenUp int64
}

// order is what is wanted.
type order struct {
	run bool
	// said tells that anything is: what was adopted goes on until then.
	said bool
	// renewal is the number of the last change, restart of the last that needs a new process, and signal of the last that
	// it is to be told of.
	renewal, restart, signal int64
}

var _ Supervisor = (*Keeper)(nil)

// New keeps what is not to run yet.
func New(spec Spec, clock clock.Clock, log *slog.Logger) *Keeper {
	return &Keeper{
		spec: spec, clock: clock, log: log, wake: make(chan struct{}, 1), changed: make(chan struct{}),
	}
}

// Want implements Supervisor.
func (k *Keeper) Want(run bool) {
	k.mu.Lock()
	changes := k.order.run != run || !k.order.said
	k.order.run, k.order.said = run, true
	k.mu.Unlock()
	if changes {
		k.rouse()
	}
}

// Renew implements Supervisor.
func (k *Keeper) Renew(how Renewal) int64 {
	k.mu.Lock()
	k.order.renewal++
	number := k.order.renewal
	switch how {
	case Restart:
		k.order.restart = number
	case Signal:
		k.order.signal = number
	case Watch:
	}
	k.mu.Unlock()
	k.rouse()
	return number
}

// Status implements Supervisor.
func (k *Keeper) Status() (Status, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status, k.changed
}

// Adopt takes over what an earlier agent has left running for us. It is called before Run, if at all.
func (k *Keeper) Adopt(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, adoptWithin)
	defer cancel()
	if k.adopted = k.spec.Launcher.adopt(ctx); k.adopted == nil {
		return
	}
	k.log.Info("the runtime has run on", "pid", k.adopted.id())
	k.update(func(s *Status) {
		s.Running, s.Adopted, s.Message = true, true, "it has run on, and was not told of anything"
	})
}

// Leave has Run leave what runs to the next agent, if it can be left, instead of ending it.
func (k *Keeper) Leave() { k.leaving.Store(true) }

// Run does what is wanted until ctx is done, and returns when the program is gone, or left.
func (k *Keeper) Run(ctx context.Context) {
	if k.adopted != nil {
		timer := k.clock.NewTimer(patience)
		k.follow(ctx, k.adopted, timer.C())
		timer.Stop()
	} else {
		k.spec.Launcher.clear(ctx)
	}
	for k.awaitStart(ctx) {
		k.live(ctx)
	}
}

// awaitStart returns when the program is to be started; false when it never will be.
func (k *Keeper) awaitStart(ctx context.Context) bool {
	for ctx.Err() == nil {
		o := k.orderedAtRest()
		var due <-chan time.Time
		if o.run && !k.refused(o) {
			rest := k.notBefore.Sub(k.clock.Now())
			if rest <= 0 || o.renewal > k.takenUp {
				return true
			}
			timer := k.clock.NewTimer(rest)
			defer timer.Stop()
			due = timer.C()
		}
		select {
		case <-ctx.Done():
		case <-k.wake:
		case <-due:
		}
	}
	return false
}

func (k *Keeper) rouse() {
	select {
	case k.wake <- struct{}{}:
	default: // it has been woken and has not looked yet
	}
}

// orderedAtRest is what is ordered while nothing runs, and says in the same moment whether that is to stay so.
func (k *Keeper) orderedAtRest() order {
	k.mu.Lock()
	defer k.mu.Unlock()
	if idle := !k.order.run; idle != k.status.Idle {
		k.status.Idle = idle
		close(k.changed)
		k.changed = make(chan struct{})
	}
	return k.order
}

func (k *Keeper) ordered() order {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.order
}

// refused tells whether the program has refused what is there now.
func (k *Keeper) refused(o order) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status.Refused && o.renewal <= k.takenUp
}

// update changes the status.
func (k *Keeper) update(change func(*Status)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := k.status
	change(&k.status)
	if k.status != before {
		close(k.changed)
		k.changed = make(chan struct{})
	}
}
