// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"slices"
	"time"
)

// Entry is one request in the journal. It holds no header and no body, so no credential and no user data.
type Entry struct {
	// Seq numbers the requests from 1 in the order of their arrival; a reset does not restart it.
	Seq int64 `json:"seq"`
	// Time is when the request arrived.
	Time time.Time `json:"time"`
	// Method is the request's method.
	Method string `json:"method"`
	// Route is the pattern that matched, such as /v2/droplets/{id}; empty when none did.
	Route string `json:"route"`
	// Path is the request's path.
	Path string `json:"path"`
	// Query is the request's raw query.
	Query string `json:"query,omitempty"`
	// UserAgent is what the client calls itself.
	UserAgent string `json:"user_agent,omitempty"`
	// Status is what was answered; 0 while there is no answer, and for ever when the reply was dropped.
	Status int `json:"status"`
	// Committed tells that the request reached its handler, so that whatever it asked for was done or refused.
	Committed bool `json:"committed"`
	// DropletIDs are the droplets that the request read by id, created, changed or destroyed.
	DropletIDs []int64 `json:"droplet_ids,omitempty"`
	// RequestID is the x-request-id that was answered.
	RequestID string `json:"request_id"`
	// Fault is the fault that was applied; empty when none was.
	Fault FaultKind `json:"fault,omitempty"`
}

// Journal gives a copy of every request since the last reset, in the order of arrival.
func (s *Server) Journal() []Entry { return s.JournalSince(0) }

// JournalSince gives a copy of every request whose Seq is greater than seq.
func (s *Server) JournalSince(seq int64) []Entry {
	defer s.enter()()
	entries := make([]Entry, 0, len(s.journal))
	for _, e := range s.journal {
		if e.Seq > seq {
			entry := *e
			entry.DropletIDs = slices.Clone(e.DropletIDs)
			entries = append(entries, entry)
		}
	}
	return entries
}

// ResetJournal forgets every request so far. Seq goes on counting.
func (s *Server) ResetJournal() {
	defer s.enter()()
	s.journal = nil
}

// Requests counts the journal's requests of that method to that route; an empty string matches everything.
func (s *Server) Requests(method, route string) int {
	defer s.enter()()
	n := 0
	for _, e := range s.journal {
		if (method == "" || e.Method == method) && (route == "" || e.Route == route) {
			n++
		}
	}
	return n
}
