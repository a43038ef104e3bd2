// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// waitInterval is how often a wait looks again, and progressInterval how often it says how far it is.
const (
	waitInterval     = 50 * time.Millisecond
	progressInterval = 5 * time.Second
)

// life is when a Bot was applied, Ready for the first time, and gone, on our own clock: the times in objects are whole
// seconds.
type life struct{ applied, ready, gone time.Time }

// lives are those of all Bots, kept up to date by a watch.
type lives struct {
	// also is told of every Bot that is seen.
	also func(*spawnv1.Bot, time.Time)

	mu          sync.Mutex
	byKey       map[types.NamespacedName]*life
	ready, gone int
	lastReady   time.Time
}

// watchLives watches Bots until ctx ends.
func (s *stage) watchLives(ctx context.Context, also func(*spawnv1.Bot, time.Time)) (*lives, error) {
	l := &lives{also: also, byKey: map[types.NamespacedName]*life{}}
	bots, err := cache.New(s.plane.Config(), cache.Options{Scheme: s.scheme})
	if err != nil {
		return nil, fmt.Errorf("watching bots: %w", err)
	}
	informer, err := bots.GetInformer(ctx, &spawnv1.Bot{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watching bots: %w", err)
	}
	if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { l.seen(obj, time.Now()) },
		UpdateFunc: func(_, obj any) { l.seen(obj, time.Now()) },
		DeleteFunc: func(obj any) { l.missed(obj, time.Now()) },
	}); err != nil {
		return nil, fmt.Errorf("watching bots: %w", err)
	}
	go func() { _ = bots.Start(ctx) }() // it ends with ctx
	if !bots.WaitForCacheSync(ctx) {
		return nil, errors.New("watching bots: no answer")
	}
	return l, nil
}

// apply notes that a Bot is about to be created.
func (l *lives) apply(bot client.Object, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byKey[client.ObjectKeyFromObject(bot)] = &life{applied: now}
}

func (l *lives) seen(obj any, now time.Time) {
	bot, ok := obj.(*spawnv1.Bot)
	if ok {
		l.also(bot, now)
	}
	if !ok || !meta.IsStatusConditionTrue(bot.Status.Conditions, spawnv1.ReadyCondition) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if life := l.byKey[client.ObjectKeyFromObject(bot)]; life != nil && life.ready.IsZero() {
		life.ready, l.lastReady = now, now
		l.ready++
	}
}

func (l *lives) missed(obj any, now time.Time) {
	if last, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	bot, ok := obj.(*spawnv1.Bot)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if life := l.byKey[client.ObjectKeyFromObject(bot)]; life != nil && life.gone.IsZero() {
		life.gone = now
		l.gone++
	}
}

func (l *lives) readyCount() int { l.mu.Lock(); defer l.mu.Unlock(); return l.ready }
func (l *lives) goneCount() int  { l.mu.Lock(); defer l.mu.Unlock(); return l.gone }

// secondsToReady are those of every Bot, the quickest first.
func (l *lives) secondsToReady() []float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var seconds []float64
	for _, life := range l.byKey {
		seconds = append(seconds, life.ready.Sub(life.applied).Seconds())
	}
	slices.Sort(seconds)
	return seconds
}

// await waits until the count is complete, saying how far it is, and fails early when the manager ends.
func (s *stage) await(ctx context.Context, want int, what string, count func() int) error {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute+time.Duration(want)*time.Second)
	defer cancel()
	look, progress := time.NewTicker(waitInterval), time.NewTicker(progressInterval)
	defer look.Stop()
	defer progress.Stop()
	for count() < want {
		select {
		case <-look.C:
		case <-progress.C:
			say("%d of %d bots %s (%d s)", count(), want, what, int(time.Since(started).Seconds()))
		case <-s.manager.Ended():
			return fmt.Errorf("waiting for bots to be %s: the manager ended with %s", what, s.manager.Ending())
		case <-ctx.Done():
			return fmt.Errorf("waiting for bots to be %s: %d of %d are: %w", what, count(), want, ctx.Err())
		}
	}
	say("%d of %d bots %s (%.1f s)", want, want, what, time.Since(started).Seconds())
	return nil
}
