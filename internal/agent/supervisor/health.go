// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/utils/clock"
)

const (
	probeTimeout = 3 * time.Second
	// A program that starts is looked at often, because others wait for it, and one that works is not.
	probeStarting = time.Second
	probeWorking  = 10 * time.Second
	// tolerated is how many probes in a row may fail before a program that worked is said not to.
	tolerated = 2
)

// watchHealth says in the Status whether the program works, until it is stopped. It says nothing any more after the
// next Renewal.
func (k *Keeper) watchHealth(ctx context.Context, renewal int64) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if k.spec.Health == nil {
			if k.wait(ctx, k.spec.HealthyAfter) {
				k.judge(ctx, renewal, nil)
			}
			return
		}
		k.probeAgainAndAgain(ctx, renewal)
	}()
	return func() { cancel(); <-done }
}

func (k *Keeper) probeAgainAndAgain(ctx context.Context, renewal int64) {
	pause, failed, isNew := probeStarting, 0, true
	for k.wait(ctx, pause) {
		err := k.spec.Health(ctx, isNew)
		switch {
		case err == nil:
			pause, failed, isNew = probeWorking, 0, false
		case pause == probeWorking && failed < tolerated:
			failed++
			continue
		default:
			pause = probeStarting
		}
		k.judge(ctx, renewal, err)
	}
}

func (k *Keeper) judge(ctx context.Context, renewal int64, err error) {
	k.update(func(s *Status) {
		switch {
		case ctx.Err() != nil || s.Renewal != renewal || !s.Running: // it is another process that we have asked
		case err != nil:
			s.Healthy, s.Message = false, err.Error()
		default:
			s.Healthy, s.Message = true, ""
		}
	})
}

// SaysOK is the Health of a program that answers 200 at a URL when it works.
func SaysOK(url string) Health {
	asks := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: probeTimeout}
	return func(ctx context.Context, _ bool) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("asking how it is: %w", err)
		}
		response, err := asks.Do(request)
		if err != nil {
			return fmt.Errorf("asking how it is: %w", err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("it says %s when asked how it is", response.Status)
		}
		return nil
	}
}

// wait is false when ctx is done before the time has passed.
func (k *Keeper) wait(ctx context.Context, d time.Duration) bool { return pass(ctx, k.clock, d) }

// pass lets time pass; false when ctx is done before.
func pass(ctx context.Context, clock clock.Clock, d time.Duration) bool {
	timer := clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}
