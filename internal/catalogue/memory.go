// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package catalogue

import (
	"context"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// memory holds answers by key, each with the time at which it was asked for. The zero memory is empty.
type memory[T any] struct {
	flights singleflight.Group
	mu      sync.Mutex
	known   map[string]answer[T]
}

type answer[T any] struct {
	value T
	asked time.Time
}

func (m *memory[T]) get(key string, now time.Time, maxAge time.Duration) (T, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.known[key]
	return a.value, ok && now.Sub(a.asked) <= maxAge
}

// put also forgets what is too old to be of use: the keys are what people have written.
func (m *memory[T]) put(key string, a answer[T]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]answer[T]{}
	}
	maps.DeleteFunc(m.known, func(_ string, old answer[T]) bool { return a.asked.Sub(old.asked) > keep })
	m.known[key] = a
}

// recall is what the memory holds under a key, if it is not too old, else what ask says now. One call for a key is
// under way at a time, and answers all who wait for it: it outlives the one who began it and ends by its own deadline.
// Failures are not remembered.
func (m *memory[T]) recall(
	ctx context.Context, now func() time.Time, key string, maxAge time.Duration, ask func(context.Context) (T, error),
) (T, error) {
	if value, ok := m.get(key, now(), maxAge); ok {
		return value, nil
	}
	flight := m.flights.DoChan(key, func() (any, error) {
		if value, ok := m.get(key, now(), doubt); ok {
			return value, nil // another flight has landed since we looked
		}
		asked := now()
		value, err := ask(context.WithoutCancel(ctx))
		if err == nil {
			m.put(key, answer[T]{value, asked})
		}
		return value, err
	})
	select {
	case landed := <-flight:
		value, _ := landed.Val.(T)
		return value, landed.Err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
