// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// accountsTimeout bounds the wait for the Accounts; alone it takes a fraction of a second.
const accountsTimeout = time.Minute

// measure runs the fleet up and down again, and reports once every invariant has held.
func (s *stage) measure(ctx context.Context, bots int) (report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	edits := newEdits()
	lives, err := s.watchLives(ctx, edits.seen)
	if err != nil {
		return report{}, err
	}
	if err := s.startAgents(ctx, edits.given); err != nil {
		return report{}, err
	}
	fleet := newFleet(bots)
	if err := s.create(ctx, append(fleet.needs, fleet.accounts...)); err != nil {
		return report{}, err
	}
	r := newReport(bots)
	if err := s.runAll(ctx, &r, fleet, lives, edits); err != nil {
		return report{}, err
	}
	r.MemoryPeak = peakMemory(s.manager.PID())
	if err := s.manager.Stop(); err != nil { // so that both logs are complete
		return report{}, err
	}
	census, err := s.simulator.Census(ctx)
	if err != nil {
		return report{}, err
	}
	traffic, err := readTraffic(s.plane.AuditLogPath(), lives.lastReady)
	if err != nil {
		return report{}, err
	}
	r.times(lives.secondsToReady())
	r.requests(traffic)
	r.calls(census.Calls)
	err = errors.Join(census.Check(bots), s.nothingLeft(ctx))
	if len(traffic.forbidden) > 0 {
		err = errors.Join(err, fmt.Errorf("the manager was refused what its Role does not allow: %v", traffic.forbidden))
	}
	return r, err
}

// runAll is the life of the whole fleet.
func (s *stage) runAll(ctx context.Context, r *report, fleet fleet, lives *lives, edits *edits) (err error) {
	if r.SecondsToReady, err = s.runUp(ctx, fleet, lives); err != nil {
		return err
	}
	if r.EditToDelivered, r.EditToApplied, err = s.runEdits(ctx, fleet, edits); err != nil {
		return err
	}
	r.SecondsToGone, err = s.runDown(ctx, fleet, lives)
	return err
}

// runUp applies the Bots and waits until each has been Ready.
func (s *stage) runUp(ctx context.Context, fleet fleet, lives *lives) (seconds float64, err error) {
	say("applying %d bots of %d accounts", len(fleet.bots), len(fleet.accounts))
	started := time.Now()
	err = each(ctx, fleet.bots, func(ctx context.Context, bot client.Object) error {
		lives.apply(bot, time.Now())
		return s.api.Create(ctx, bot)
	})
	if err != nil {
		return 0, fmt.Errorf("applying bots: %w", err)
	}
	say("applied (%.1f s)", time.Since(started).Seconds())
	err = s.await(ctx, len(fleet.bots), "Ready", lives.readyCount)
	return lives.lastReady.Sub(started).Seconds(), err
}

// runDown deletes the Bots, waits until they are gone, and deletes the Accounts.
func (s *stage) runDown(ctx context.Context, fleet fleet, lives *lives) (seconds float64, err error) {
	say("deleting %d bots", len(fleet.bots))
	started := time.Now()
	remove := func(ctx context.Context, object client.Object) error { return s.api.Delete(ctx, object) }
	if err := each(ctx, fleet.bots, remove); err != nil {
		return 0, fmt.Errorf("deleting bots: %w", err)
	}
	if err := s.await(ctx, len(fleet.bots), "gone", lives.goneCount); err != nil {
		return 0, err
	}
	seconds = time.Since(started).Seconds()
	if err := each(ctx, fleet.accounts, remove); err != nil {
		return 0, fmt.Errorf("deleting accounts: %w", err)
	}
	return seconds, s.awaitNoAccounts(ctx)
}

// nothingLeft is an error when an object of ours is left.
func (s *stage) nothingLeft(ctx context.Context) error {
	var wrong []error
	for _, list := range []client.ObjectList{&spawnv1.AccountList{}, &spawnv1.BotList{}, &spawnv1.DropletList{}} {
		count, err := s.count(ctx, list)
		if err == nil && count > 0 {
			err = fmt.Errorf("%d objects are left in %T", count, list)
		}
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

func (s *stage) count(ctx context.Context, list client.ObjectList) (int, error) {
	if err := s.api.List(ctx, list); err != nil {
		return 0, fmt.Errorf("listing what is left: %w", err)
	}
	return meta.LenList(list), nil
}

// awaitNoAccounts waits for the Accounts, which go by themselves once no Bot refers to them.
func (s *stage) awaitNoAccounts(ctx context.Context) error {
	err := wait.PollUntilContextTimeout(ctx, waitInterval, accountsTimeout, true,
		func(ctx context.Context) (bool, error) {
			count, err := s.count(ctx, &spawnv1.AccountList{})
			return count == 0, err
		})
	if err != nil {
		return fmt.Errorf("waiting for the accounts to be gone: %w", err)
	}
	return nil
}
