// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"sync"
	"time"
)

// passLag is how old, at its beginning, the picture of a list may be: lists lag behind the instances themselves.
const passLag = 5 * time.Second

// sightings remember when each instance was last seen by asking for it, so that an older pass over the fleet does not
// overwrite what is known: a machine that was just powered off is still on in it. They are lost with the process, and
// so are its passes.
type sightings struct {
	mu   sync.Mutex
	seen map[int64]time.Time
}

func newSightings() *sightings { return &sightings{seen: map[int64]time.Time{}} }

func (s *sightings) note(id int64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[id] = now
}

// outdates tells whether the instance was seen later than a pass that began then.
func (s *sightings) outdates(id int64, passStartedAt time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, ok := s.seen[id]
	return ok && passStartedAt.Before(seen.Add(passLag))
}

func (s *sightings) forget(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, id)
}
