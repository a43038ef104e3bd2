// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package renewal

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cedros-io/open-spawn/internal/gateway/store"
)

// tries is how often a beat is written when somebody else writes the same Lease at the same time.
const tries = 3

// The results of a write.
const (
	resultWritten = "written"
	resultLate    = "late"
	resultRevoked = "revoked"
	resultFailed  = "failed"
)

// Run writes what is in line until the context ends, at our share of the budget.
func (q *Queue) Run(ctx context.Context) error {
	var writing sync.WaitGroup
	defer writing.Wait()
	room := make(chan struct{}, atOnce)
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		b := q.next(ctx)
		if b == nil {
			return nil
		}
		writing.Go(func() {
			q.write(ctx, b)
			<-room
		})
		q.rest(ctx)
	}
}

// next waits for the next beat; nil when the context has ended.
func (q *Queue) next(ctx context.Context) *beat {
	for {
		if b := q.take(); b != nil {
			return b
		}
		select {
		case <-q.more:
		case <-ctx.Done():
			return nil
		}
	}
}

// rest waits until the next write may be made.
func (q *Queue) rest(ctx context.Context) {
	share := q.o.PerSecond * q.o.Leases.Share(q.o.Gateway, q.Serves())
	select {
	case <-q.o.Clock.After(time.Duration(float64(time.Second) / share)):
	case <-ctx.Done():
	}
}

// write writes one beat. What could not be written goes back into line.
func (q *Queue) write(ctx context.Context, b *beat) {
	result, err := q.try(ctx, b)
	q.o.Written(result)
	if result == resultFailed && ctx.Err() == nil {
		q.o.Logger.V(1).Info("a Lease was not renewed", "machine", b.machine, "error", err.Error())
		if q.again(b) {
			return
		}
	}
	b.written = result == resultWritten
	close(b.done)
}

func (q *Queue) try(ctx context.Context, b *beat) (result string, err error) {
	r := b.record // the cache may know less than what the machine was identified by
	for range tries {
		if r.Presence == nil {
			return resultRevoked, nil
		}
		now := b.onto(r.Presence, q.o.Gateway, b.grace+q.Window(b.interval))
		if now == nil {
			return resultLate, nil
		}
		err = q.o.Leases.Update(ctx, r, now)
		switch {
		case err == nil:
			return resultWritten, nil
		case errors.Is(err, store.ErrRevoked):
			return resultRevoked, nil
		case !errors.Is(err, store.ErrChanged):
			return resultFailed, err
		}
		if r, err = q.o.Leases.Live(ctx, b.machine); err != nil {
			return resultFailed, err
		}
	}
	return resultFailed, store.ErrChanged
}

// again puts a beat back into line, behind the others, unless there is a newer one; it tells whether it did.
func (q *Queue) again(b *beat) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.pending[b.machine] != nil {
		return false
	}
	b.urgent = false
	q.pending[b.machine] = b
	q.others.add(b.machine, q.o.Clock.Now())
	q.wake()
	return true
}
