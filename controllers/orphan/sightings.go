// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"time"

	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/inventory"
)

// sighting is what is remembered of an instance that nobody claims. It is lost with the process, which only delays.
type sighting struct {
	instance cloud.Instance
	// since is when it was first seen unclaimed.
	since time.Time
	// passes counts the complete passes that began after that and found it unclaimed again. At 0 it may just be on its
	// way out: a pass is older than the objects that it is compared with.
	passes int
	// told is that the event was recorded.
	told bool
	// askedAt is when its destruction was last asked for.
	askedAt time.Time
}

// sightings are by instance id.
type sightings map[int64]*sighting

// update takes in what a pass shows unclaimed, and gives what is not so any more.
func (s sightings) update(orphans []cloud.Instance, pass inventory.Pass, now time.Time) (ended []*sighting) {
	seen := make(map[int64]bool, len(orphans))
	for _, instance := range orphans {
		seen[instance.ID] = true
		known := s[instance.ID]
		if known == nil || known.instance.Name != instance.Name {
			s[instance.ID] = &sighting{instance: instance, since: now}
			continue
		}
		known.instance = instance
		if pass.StartedAt.After(known.since) {
			known.passes++
		}
	}
	for id, known := range s {
		if !seen[id] {
			ended = append(ended, known)
			delete(s, id)
		}
	}
	return ended
}

// confirmed counts those that were found more than once.
func (s sightings) confirmed() int {
	n := 0
	for _, known := range s {
		if known.passes > 0 {
			n++
		}
	}
	return n
}

// isRipe tells whether it was seen often enough, and is old enough by the cloud's own word.
func (s *sighting) isRipe(needed int, minAge time.Duration, now time.Time) bool {
	created := s.instance.CreatedAt
	return s.passes >= needed && !created.IsZero() && now.Sub(created) >= minAge
}

// isAsked tells whether its destruction was asked for so recently that it is not asked for again.
func (s *sighting) isAsked(now time.Time) bool {
	return !s.askedAt.IsZero() && now.Sub(s.askedAt) < destroyAgain
}
