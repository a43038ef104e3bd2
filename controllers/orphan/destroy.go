// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/inventory"
)

const (
	// destroysPerPass keeps short what lies between the last look at the objects and the last of the requests; the rest
	// follows after the next pass.
	destroysPerPass = 10
	// destroyAgain is how long a destruction may go unobeyed before it is asked for again.
	destroyAgain = 60 * time.Second
)

// ripe are the orphans that were seen often enough, are old enough, and are ours, oldest first.
func (s *Sweeper) ripe(now time.Time) []*sighting {
	var found []*sighting
	for _, known := range s.seen {
		if known.isRipe(s.settings.Sightings, s.settings.MinAge, now) && isOurs(known.instance, s.fleet) {
			found = append(found, known)
		}
	}
	slices.SortFunc(found, func(a, b *sighting) int { return cmp.Compare(a.instance.ID, b.instance.ID) })
	return found
}

// destroy destroys what is ripe if it is still an orphan after another look at the cloud, and then at the objects.
func (s *Sweeper) destroy(ctx context.Context, ripe []*sighting, pass inventory.Pass) error {
	now := s.clock.Now()
	ripe = slices.DeleteFunc(ripe, func(known *sighting) bool { return known.isAsked(now) })
	if len(ripe) == 0 || s.isFrozen() || !s.mayDestroy(ctx) {
		return nil
	}
	ripe = ripe[:min(len(ripe), destroysPerPass)]
	matching, err := s.lookAgain(ctx, ripe)
	if len(matching) == 0 {
		return err
	}
	objects, readErr := s.readClaims(ctx, s.live, pass)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	for _, known := range matching {
		if objects.isClaimed(known.instance) {
			log.FromContext(ctx).Info("orphan was claimed in the last moment", logged(known.instance)...)
			delete(s.seen, known.instance.ID)
			continue
		}
		err = errors.Join(err, s.ask(ctx, known))
	}
	return err
}

func (s *Sweeper) isFrozen() bool { return s.freeze.Frozen() != nil }

// lookAgain gives those that the cloud still shows by the same id, name and tag.
func (s *Sweeper) lookAgain(ctx context.Context, ripe []*sighting) ([]*sighting, error) {
	var matching []*sighting
	var errs []error
	for _, known := range ripe {
		instance, err := s.cloud.ForDestroy("", "").Get(ctx, known.instance.ID)
		switch {
		case cloud.IsNotFound(err): // the next pass will not show it
		case err != nil:
			errs = append(errs, fmt.Errorf("looking at orphan %d: %w", known.instance.ID, err))
		case !s.isSame(known, instance):
			log.FromContext(ctx).Info("orphan has changed and is left alone", logged(instance)...)
			delete(s.seen, instance.ID)
		default:
			matching = append(matching, known)
		}
	}
	return matching, errors.Join(errs...)
}

// isSame tells whether a fresh look shows the instance that was seen before, and that it is ours.
func (s *Sweeper) isSame(known *sighting, instance cloud.Instance) bool {
	return instance.ID == known.instance.ID && instance.Name == known.instance.Name && isOurs(instance, s.fleet)
}

// ask asks for the destruction of one instance, by id, if this process still leads and the fleet is still free.
func (s *Sweeper) ask(ctx context.Context, known *sighting) error {
	if err := s.leader.Held(ctx); err != nil {
		return fmt.Errorf("destroying orphan %d: %w", known.instance.ID, err)
	}
	if err := s.freeze.Frozen(); err != nil {
		return err
	}
	log.FromContext(ctx).Info("destroying orphan", append(logged(known.instance), "again", !known.askedAt.IsZero())...)
	err := cloud.IgnoreNotFound(s.cloud.ForDestroy("", "").Delete(ctx, known.instance.ID))
	if err == nil || !cloud.IsDefinite(err) { // a lost reply too: it may have been obeyed
		known.askedAt = s.clock.Now()
	}
	if err != nil {
		return fmt.Errorf("destroying orphan %d: %w", known.instance.ID, err)
	}
	return nil
}

// confirm looks whether what we have asked the cloud to destroy, and the pass does not show any more, is gone.
func (s *Sweeper) confirm(ctx context.Context, ended []*sighting, pass inventory.Pass) error {
	var errs []error
	for _, known := range ended {
		if _, listed := pass.ByID(known.instance.ID); listed || known.askedAt.IsZero() {
			if known.told {
				log.FromContext(ctx).Info("instance is no orphan any more", logged(known.instance)...)
			}
			continue
		}
		instance, err := s.cloud.ForDestroy("", "").Get(ctx, known.instance.ID)
		switch {
		case cloud.IsNotFound(err):
			s.tellDestroyed(ctx, known.instance)
		case err != nil:
			errs = append(errs, fmt.Errorf("looking whether orphan %d is gone: %w", known.instance.ID, err))
			s.seen[known.instance.ID] = known // until the next pass
		case s.isSame(known, instance):
			s.seen[known.instance.ID] = known
		}
	}
	return errors.Join(errs...)
}
