// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// sighting is a slot that was seen without a Bot.
type sighting struct {
	// slot is the slot as it was seen. One that was stamped anew is another.
	slot spawnv1.Slot
	// since is when it was first seen so.
	since time.Time
	// confirmed is when the API server itself first said so; zero before.
	confirmed time.Time
}

// early is how long it is still too early to ask the API server, for the first time or for the last.
func (s *sighting) early(now time.Time) time.Duration {
	due := s.since.Add(confirmedAfter)
	if !s.confirmed.IsZero() {
		due = s.since.Add(sweptAfter)
	}
	return due.Sub(now)
}

// sightings are remembered in memory, so a restart only delays what follows from them. The zero value is empty.
type sightings struct {
	mu       sync.Mutex
	accounts map[string]sighted
}

// sighted is what is remembered of one Account, by the key of the slot. An Account that was deleted and created anew is
// another Account.
type sighted struct {
	uid   types.UID
	slots map[string]*sighting
}

// of is what is remembered of the Account, to be changed by whoever reconciles it: nobody else does meanwhile.
func (s *sightings) of(account *spawnv1.Account) map[string]*sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.accounts[account.Name]
	if !ok || known.uid != account.UID {
		known = sighted{uid: account.UID, slots: map[string]*sighting{}}
		if s.accounts == nil {
			s.accounts = map[string]sighted{}
		}
		s.accounts[account.Name] = known
	}
	return known.slots
}

// forget is for an Account that does not exist.
func (s *sightings) forget(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.accounts, account)
}
