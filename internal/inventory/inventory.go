// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package inventory is the fleet as the cloud lists it, held in memory: one complete pass over all instances with the
// fleet's tag every half minute, instead of one call for each bot. It promises that a Pass is complete or is not there,
// that it never changes, and that whoever listens hears of every pass.
//
// It cannot promise that what is missing is gone: the cloud's lists lag behind creation, and its tags lag further.
// Before anything is destroyed or replaced, ask for that one instance.
package inventory

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

const (
	// defaultInterval is how old the fleet's picture may be while the fleet is small. At 200 instances a call it is
	// 120 calls an hour, of 5,000.
	defaultInterval = 30 * time.Second
	// defaultMinGap is what one page costs on demand: a call every 2 s is 1,800 an hour, a third of what the cloud
	// allows, however many bots ask for a pass.
	defaultMinGap = 2 * time.Second
)

// Lister is the part of cloud.Instances that a pass needs.
type Lister interface {
	// ListByTag reads every instance with that tag, completely or not at all; see cloud.Instances.
	ListByTag(ctx context.Context, tag string) ([]cloud.Instance, error)
}

// Options are what an Inventory needs.
type Options struct {
	// Lister is the cloud. Required.
	Lister Lister
	// Tag is the fleet's tag. Required.
	Tag string
	// Interval is the time from the start of one pass to the start of the next; 0 means 30 s. A fleet of many pages
	// is listed less often, so that listing takes less than a third of the cloud's hourly limit.
	Interval time.Duration
	// MinGap is the least time between the starts of two passes, for each page of the fleet; 0 means 2 s. It is longer
	// where the cloud allows fewer than 5,000 calls in an hour.
	MinGap time.Duration
	// Limit tells how many calls the cloud allows in an hour, 0 before it has said so; without it, it is 5,000.
	Limit func() int
	// Clock is the only source of time; nil means the real one.
	Clock clock.WithTicker
}

// Inventory lists the fleet again and again. It is safe for concurrent use. It is a manager.Runnable, and a Prometheus
// collector that whoever made it registers.
type Inventory struct {
	lister Lister
	tag    string
	clock  clock.WithTicker
	jitter func(time.Duration) time.Duration
	meters meters

	latest  atomic.Pointer[Pass]
	running chan struct{} // holds one item while a pass is under way
	kick    chan struct{} // wakes Start, because the schedule has changed

	mu       sync.Mutex // guards schedule and failing
	schedule schedule
	failing  error // why the last pass did not complete; nil when it did

	notify    sync.Mutex // held while a pass is published, so that listeners hear passes one by one and in order
	listeners []*listener
}

type listener struct{ hear func(Pass) }

// New makes an Inventory that has no pass yet.
func New(o Options) *Inventory {
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.MinGap <= 0 {
		o.MinGap = defaultMinGap
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return &Inventory{
		lister:   o.Lister,
		tag:      o.Tag,
		clock:    o.Clock,
		jitter:   tenthMore,
		meters:   newMeters(),
		running:  make(chan struct{}, 1),
		kick:     make(chan struct{}, 1),
		schedule: schedule{interval: o.Interval, minGap: o.MinGap, limit: o.Limit},
	}
}

// tenthMore keeps installations that were started together from listing together for ever. It only ever lengthens.
func tenthMore(d time.Duration) time.Duration {
	return d + rand.N(d/10+1) //nolint:gosec // nothing secret hangs on when a pass begins
}

// Latest is the last complete pass, false before the first. It costs nothing.
func (i *Inventory) Latest() (Pass, bool) {
	pass := i.latest.Load()
	if pass == nil {
		return Pass{}, false
	}
	return *pass, true
}

// Failing is why the last try at a pass did not complete, nil when it did or when there was none.
func (i *Inventory) Failing() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.failing
}

// OnPass calls hear after every complete pass from now on, whether or not anything changed, one call at a time and in
// order. If there is a pass already, hear is called with it at once: a controller that starts late has missed nothing.
// A failed pass is not heard of. Who listens compares with what it has recorded, which also finds what changed while
// nobody listened.
//
// The calls hold up the next pass, so hear must be quick; it must not call OnPass, Refresh or stop.
func (i *Inventory) OnPass(hear func(Pass)) (stop func()) {
	i.notify.Lock()
	defer i.notify.Unlock()
	l := &listener{hear: hear}
	i.listeners = append(i.listeners, l)
	if pass, ok := i.Latest(); ok {
		hear(pass)
	}
	return func() {
		i.notify.Lock()
		defer i.notify.Unlock()
		i.listeners = slices.DeleteFunc(i.listeners, func(other *listener) bool { return other == l })
	}
}

// Refresh makes one complete pass now, after the one that may be under way, and returns once every listener has heard
// of it. It asks neither the interval nor the gap. On an error the last pass stays.
func (i *Inventory) Refresh(ctx context.Context) error {
	select {
	case i.running <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-i.running }()

	started := i.clock.Now()
	i.begin(started)
	instances, err := i.lister.ListByTag(ctx, i.tag)
	if err != nil {
		i.fail(ctx, err)
		return err
	}
	i.complete(ctx, started, instances)
	return nil
}

func (i *Inventory) begin(started time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.schedule.begin(started, i.jitter)
	i.meters.begin(started)
}

// fail counts a pass that did not complete, and logs it when the one before did. A pass that was called off is neither.
func (i *Inventory) fail(ctx context.Context, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	i.meters.failed.Inc()
	news := i.putOff(err)
	logger := log.FromContext(ctx).WithName("inventory").WithValues("tag", i.tag)
	switch kind := cloud.KindOf(err); {
	case !news:
	case kind == cloud.Throttled: // it is as planned, and says when it goes on
		logger.Info("fleet is not listed for now; the last complete pass stays", "why", cloud.Message(err))
	default:
		logger.Error(err, "fleet cannot be listed; the last complete pass stays", "kind", kind.String())
	}
}

// putOff schedules the pass that follows a failure, and tells whether that is the first in a row.
func (i *Inventory) putOff(err error) (news bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now, wait := i.clock.Now(), cloud.RetryAfter(err)
	if cloud.KindOf(err) == cloud.Throttled && wait > 0 {
		i.schedule.throttle(now, wait)
	} else {
		i.schedule.fail(now, wait)
	}
	news = i.failing == nil
	i.failing = err
	return news
}

func (i *Inventory) complete(ctx context.Context, started time.Time, instances []cloud.Instance) {
	i.notify.Lock()
	defer i.notify.Unlock()
	before, _ := i.Latest()
	pass := newPass(instances)
	pass.Number, pass.StartedAt, pass.FinishedAt = before.Number+1, started, i.clock.Now()
	i.latest.Store(&pass)
	i.meters.complete.Inc()

	i.mu.Lock()
	i.schedule.complete(started, pass.Len(), i.jitter)
	recovered := i.failing != nil
	i.failing = nil
	i.mu.Unlock()
	if recovered {
		log.FromContext(ctx).WithName("inventory").Info("fleet is listed again", "tag", i.tag, "instances", pass.Len())
	}
	for _, l := range i.listeners {
		l.hear(pass)
	}
}
