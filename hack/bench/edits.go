// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// editTimeout bounds the wait for one edit to be applied.
const editTimeout = 30 * time.Second

// edits measure how long an edit takes from the answer to its apply until the machine has it, and until the Bot says
// that it is applied.
type edits struct {
	mu sync.Mutex
	// delivered is when each model was first given to a machine, and applied when a Bot first said that it runs the
	// version of its spec.
	delivered map[string]time.Time
	applied   map[client.ObjectKey]appliedAt
}

type appliedAt struct {
	version int64
	at      time.Time
}

func newEdits() *edits {
	return &edits{delivered: map[string]time.Time{}, applied: map[client.ObjectKey]appliedAt{}}
}

func (e *edits) given(_, model string, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, known := e.delivered[model]; !known {
		e.delivered[model] = at
	}
}

// seen notes which version a Bot says that it runs.
func (e *edits) seen(bot *spawnv1.Bot, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := client.ObjectKeyFromObject(bot)
	if version := bot.Status.Config.AppliedVersion; version != e.applied[key].version {
		e.applied[key] = appliedAt{version, now}
	}
}

// arrived is when an edit was delivered, and when it was applied, if both are so.
func (e *edits) arrived(key client.ObjectKey, model string, after int64) (delivered, applied time.Time, done bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	at, has := e.delivered[model]
	now := e.applied[key]
	return at, now.at, has && now.version > after
}

func (e *edits) version(key client.ObjectKey) int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.applied[key].version
}

// latency is how long edits took, in seconds.
type latency struct {
	P50 float64 `json:"p50_seconds"`
	P99 float64 `json:"p99_seconds"`
}

func latencyOf(seconds []float64) latency {
	slices.Sort(seconds)
	return latency{fine(percentile(seconds, 50)), fine(percentile(seconds, 99))}
}

// runEdits edits one bot after the other, while all the others are connected.
func (s *stage) runEdits(ctx context.Context, fleet fleet, e *edits) (delivered, applied latency, err error) {
	say("editing %d bots, one after the other", len(fleet.bots))
	var toDelivered, toApplied []float64
	for i, object := range fleet.bots {
		key, model := client.ObjectKeyFromObject(object), fmt.Sprintf("model-%05d", i)
		before := e.version(key)
		patch := fmt.Appendf(nil, `{"spec":{"llm":{"model":%q}}}`, model)
		bot := &spawnv1.Bot{}
		bot.Namespace, bot.Name = key.Namespace, key.Name
		if err := s.api.Patch(ctx, bot, client.RawPatch("application/merge-patch+json", patch)); err != nil {
			return latency{}, latency{}, fmt.Errorf("editing a bot: %w", err)
		}
		answered := time.Now()
		for {
			got, runs, done := e.arrived(key, model, before)
			if done {
				toDelivered = append(toDelivered, max(got.Sub(answered), 0).Seconds())
				toApplied = append(toApplied, max(runs.Sub(answered), 0).Seconds())
				break
			}
			if time.Since(answered) > editTimeout || !pause(ctx, time.Millisecond) {
				return latency{}, latency{}, fmt.Errorf("the edit of bot %s was not applied within %s", key, editTimeout)
			}
		}
	}
	return latencyOf(toDelivered), latencyOf(toApplied), nil
}
