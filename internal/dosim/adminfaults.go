// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"net/http"
	"time"
)

// faultJSON is Fault as JSON, with durations as people write them.
type faultJSON struct {
	Kind       FaultKind `json:"kind"`
	Method     string    `json:"method,omitempty"`
	Route      string    `json:"route,omitempty"`
	Contains   string    `json:"contains,omitempty"`
	Skip       int       `json:"skip,omitempty"`
	Count      int       `json:"count,omitempty"`
	Status     int       `json:"status,omitempty"`
	ID         string    `json:"id,omitempty"`
	Message    string    `json:"message,omitempty"`
	HTML       bool      `json:"html,omitempty"`
	RetryAfter Duration  `json:"retry_after,omitzero"`
	Delay      Duration  `json:"delay,omitzero"`
	Hang       bool      `json:"hang,omitempty"`
}

func (f faultJSON) fault() Fault {
	return Fault{
		Kind: f.Kind, Method: f.Method, Route: f.Route, Contains: f.Contains, Skip: f.Skip, Count: f.Count,
		Status: f.Status, ID: f.ID, Message: f.Message, HTML: f.HTML,
		RetryAfter: time.Duration(f.RetryAfter), Delay: time.Duration(f.Delay), Hang: f.Hang,
	}
}

func (f Fault) json() faultJSON {
	return faultJSON{
		Kind: f.Kind, Method: f.Method, Route: f.Route, Contains: f.Contains, Skip: f.Skip, Count: f.Count,
		Status: f.Status, ID: f.ID, Message: f.Message, HTML: f.HTML,
		RetryAfter: Duration(f.RetryAfter), Delay: Duration(f.Delay), Hang: f.Hang,
	}
}

func (s *Server) adminFaults(*http.Request) (any, error) {
	shown := []faultJSON{}
	for _, f := range s.Faults() {
		shown = append(shown, f.json())
	}
	return map[string]any{"faults": shown}, nil
}

func (s *Server) adminAddFault(r *http.Request) (any, error) {
	var request faultJSON
	if err := readJSON(r, &request); err != nil {
		return nil, err
	}
	fault := request.fault()
	if err := fault.Validate(); err != nil {
		return nil, err
	}
	s.AddFault(fault)
	return s.adminFaults(r)
}

func (s *Server) adminClearFaults(*http.Request) (any, error) {
	s.ClearFaults()
	return struct{}{}, nil
}
