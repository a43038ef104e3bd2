// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// longestRest bounds the time between two attempts to start a program that ends by itself.
const longestRest = 15 * time.Minute

// Program is the path of a program, and what it is told.
type Program struct {
	Command string
	Args    []string
}

// Health tells whether a program works. It is asked again and again, and must return when ctx is done. isNew tells that
// the program has not shown since the last Renewal that it works.
type Health func(ctx context.Context, isNew bool) error

// Spec is what a Child runs.
type Spec struct {
	// Program says what is to be started. It is asked before each start: another config may want another program.
	Program func() (Program, error)
	// Env is its whole environment, each NAME=value: nothing of ours gets in. EnvFile, which need not exist, adds to it
	// what Env does not say; see FormatEnv.
	Env     []string
	EnvFile string
	// Dir is where it works.
	Dir string
	// Health tells whether it works; when it is nil, it works when it has run for HealthyAfter.
	Health       Health
	HealthyAfter time.Duration
	// Rest is the time between two starts when it ends by itself, doubling each time, up to 15 min.
	Rest time.Duration
	// Grace is how long it has to end by itself before it is started with other files.
	Grace time.Duration
	// AsksByExit tells that it asks to be started again by ending with exit code 0.
	AsksByExit bool
	// Owner is a name that no other supervisor on this machine has. It marks what we start, so that the next agent finds
	// what this one leaves if it is killed.
	Owner string
	// Output is where all that it prints goes.
	Output io.Writer
}

// Child is a Supervisor whose program is a child process. It does nothing before Run is called.
type Child struct {
	spec  Spec
	clock clock.Clock
	log   *slog.Logger
	wake  chan struct{}

	mu      sync.Mutex
	order   order
	status  Status
	changed chan struct{}

	// Only Run uses these: when it may start again, how often in a row it ended by itself, which renewal it was started
	// with, and which it was started with or told of.
	notBefore            time.Time
	failures             int
	startedWith, takenUp int64
}

// order is what is wanted.
type order struct {
	run bool
	// renewal is the number of the last change, restart of the last that needs a new process, and signal of the last that
	// it is to be told of.
	renewal, restart, signal int64
}

var _ Supervisor = (*Child)(nil)

// New is a Child that is not to run yet.
func New(spec Spec, clock clock.Clock, log *slog.Logger) *Child {
	return &Child{
		spec: spec, clock: clock, log: log, wake: make(chan struct{}, 1), changed: make(chan struct{}),
	}
}

// Want implements Supervisor.
func (c *Child) Want(run bool) {
	c.mu.Lock()
	changes := c.order.run != run
	c.order.run = run
	c.mu.Unlock()
	if changes {
		c.rouse()
	}
}

// Renew implements Supervisor.
func (c *Child) Renew(how Renewal) int64 {
	c.mu.Lock()
	c.order.renewal++
	number := c.order.renewal
	switch how {
	case Restart:
		c.order.restart = number
	case Signal:
		c.order.signal = number
	case Watch:
	}
	c.mu.Unlock()
	c.rouse()
	return number
}

// Status implements Supervisor.
func (c *Child) Status() (Status, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status, c.changed
}

// Run does what is wanted until ctx is done, and returns when the program is gone.
func (c *Child) Run(ctx context.Context) {
	c.killLeftovers(ctx)
	for c.awaitStart(ctx) {
		c.live(ctx)
	}
}

// awaitStart returns when the program is to be started; false when it never will be.
func (c *Child) awaitStart(ctx context.Context) bool {
	for ctx.Err() == nil {
		o := c.ordered()
		var due <-chan time.Time
		if o.run && !c.refused(o) {
			rest := c.notBefore.Sub(c.clock.Now())
			if rest <= 0 || o.renewal > c.takenUp {
				return true
			}
			timer := c.clock.NewTimer(rest)
			defer timer.Stop()
			due = timer.C()
		}
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-due:
		}
	}
	return false
}

func (c *Child) rouse() {
	select {
	case c.wake <- struct{}{}:
	default: // it has been woken and has not looked yet
	}
}

func (c *Child) ordered() order {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order
}

// refused tells whether the program has refused what is there now.
func (c *Child) refused(o order) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status.Refused && o.renewal <= c.takenUp
}

// update changes the status.
func (c *Child) update(change func(*Status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.status
	change(&c.status)
	if c.status != before {
		close(c.changed)
		c.changed = make(chan struct{})
	}
}
