// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package limit says who has asked too much. It remembers a bounded number of those who ask, whoever they claim to be:
// when there are more, it forgets those that were silent for longest.
package limit

import (
	"container/list"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// Buckets allow everybody so many in a minute. Who was silent for a minute may spend them at once.
type Buckets struct {
	clock     clock.PassiveClock
	perMinute int
	capacity  int

	mu      sync.Mutex
	buckets map[string]*list.Element
	order   *list.List // the latest first
}

type bucket struct {
	key  string
	left float64
	at   time.Time
}

// New makes Buckets for at most capacity keys.
func New(now clock.PassiveClock, perMinute, capacity int) *Buckets {
	return &Buckets{
		clock: now, perMinute: perMinute, capacity: capacity, buckets: map[string]*list.Element{}, order: list.New(),
	}
}

// Take takes one, or says how long to wait for the next.
func (b *Buckets) Take(key string) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	mine := b.of(key)
	if mine.left < 1 {
		return time.Duration((1 - mine.left) * float64(time.Minute) / float64(b.perMinute)), false
	}
	mine.left--
	return 0, true
}

// Return gives one back, when it turns out that it was taken by somebody who may.
func (b *Buckets) Return(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	mine := b.of(key)
	mine.left = min(mine.left+1, float64(b.perMinute))
}

// Len is how many keys are remembered.
func (b *Buckets) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.order.Len()
}

// of is a key's bucket, filled up to now.
func (b *Buckets) of(key string) *bucket {
	now, full := b.clock.Now(), float64(b.perMinute)
	element, known := b.buckets[key]
	if !known {
		if b.order.Len() >= b.capacity {
			b.forget(b.order.Back())
		}
		b.buckets[key] = b.order.PushFront(&bucket{key: key, left: full, at: now})
		return valueOf(b.buckets[key])
	}
	b.order.MoveToFront(element)
	mine := valueOf(element)
	if passed := now.Sub(mine.at); passed > 0 {
		mine.left = min(mine.left+passed.Minutes()*full, full)
	}
	mine.at = now
	return mine
}

func (b *Buckets) forget(element *list.Element) {
	delete(b.buckets, valueOf(element).key)
	b.order.Remove(element)
}

func valueOf(element *list.Element) *bucket {
	mine, _ := element.Value.(*bucket) // nothing else is in the list
	return mine
}
