// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// FaultKind says what goes wrong.
type FaultKind string

// The ways in which a request can go wrong.
const (
	// FaultStatus answers with an error; nothing else happens.
	FaultStatus FaultKind = "status"
	// FaultStatusAfter makes the change and then answers with an error.
	FaultStatusAfter FaultKind = "status-after"
	// FaultDelay waits for Delay, then serves the request. A client that leaves meanwhile has changed nothing.
	FaultDelay FaultKind = "delay"
	// FaultHang never answers: the connection is closed after Delay, or when the client goes if Delay is zero.
	FaultHang FaultKind = "hang"
	// FaultCutBody makes the change and sends half of the reply's body.
	FaultCutBody FaultKind = "cut-body"
	// FaultDropBefore closes the connection; nothing else happens.
	FaultDropBefore FaultKind = "drop-before"
	// FaultDropAfter makes the change and closes the connection without an answer.
	FaultDropAfter FaultKind = "drop-after"
	// FaultLateCommit never answers, and makes the change at Delay after the client gave up. The client is made to
	// give up at once, by closing the connection, unless Hang says that it must leave by itself.
	FaultLateCommit FaultKind = "late-commit"
	// FaultIgnore answers 204 and does nothing: the DELETE that did not delete.
	FaultIgnore FaultKind = "ignore"
	// FaultErrored accepts the request, but the action that it started ends errored: a droplet that was to be
	// created was not placed and is gone, an action on a droplet had no effect.
	FaultErrored FaultKind = "errored"
)

// Forever as the Count of a fault applies it until the faults are cleared.
const Forever = -1

// Fault is one scripted misfortune. The first fault in the order of addition that matches a request and is not used
// up is applied to it. Requests that are refused for their token or by the rate limit meet no fault.
type Fault struct {
	// Kind says what goes wrong.
	Kind FaultKind
	// Method must equal the request's method; empty matches every method.
	Method string
	// Route must equal the request's route pattern, such as /v2/droplets/{id}/actions; empty matches every route.
	Route string
	// Contains must occur in the request's path, its query or its body; empty matches everything.
	Contains string
	// Skip is how many matching requests pass before the first that is hit.
	Skip int
	// Count is how many requests are hit; zero means one, and Forever means all.
	Count int
	// Status is the status of FaultStatus and FaultStatusAfter; zero means 500.
	Status int
	// ID and Message fill the JSON body of an error; defaults follow from Status.
	ID, Message string
	// HTML answers with a page of the edge network in place of the JSON body.
	HTML bool
	// RetryAfter sets the header of that name, in whole seconds, when it is not zero.
	RetryAfter time.Duration
	// Delay is how long FaultDelay, FaultHang and FaultLateCommit wait, on the simulator's clock.
	Delay time.Duration
	// Hang makes FaultLateCommit hold the connection until the client goes.
	Hang bool
}

// Validate tells why a fault cannot be applied.
func (f Fault) Validate() error {
	if _, ok := inflictions[f.Kind]; !ok || f.Kind == "" {
		return fmt.Errorf("unknown kind of fault %q", f.Kind)
	}
	if f.Count < Forever || min(f.Skip, int(f.Delay), int(f.RetryAfter)) < 0 {
		return fmt.Errorf("skip, delay and retry after must not be negative, and count not below %d", Forever)
	}
	if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		return fmt.Errorf("status %d is not an error", f.Status)
	}
	if !hasRoute(f.Route) {
		return fmt.Errorf("no route %q", f.Route)
	}
	return nil
}

func hasRoute(pattern string) bool {
	return pattern == "" || slices.ContainsFunc(routes, func(rt route) bool { return rt.pattern == pattern })
}

// scripted is a fault and what is left of it.
type scripted struct {
	Fault
	skip, left int
}

// AddFault scripts a fault. It panics if the fault does not validate, which is a mistake in the test.
func (s *Server) AddFault(f Fault) {
	if err := f.Validate(); err != nil {
		panic("dosim: " + err.Error())
	}
	defer s.enter()()
	s.addFault(f)
}

func (s *Server) addFault(f Fault) {
	if f.Count == 0 {
		f.Count = 1
	}
	if f.Status == 0 {
		f.Status = http.StatusInternalServerError
	}
	s.faults = append(s.faults, &scripted{Fault: f, skip: f.Skip, left: f.Count})
}

// Faults gives the faults that are not used up, each with the Skip and Count that are left.
func (s *Server) Faults() []Fault {
	defer s.enter()()
	rest := []Fault{}
	for _, f := range s.faults {
		if f.left != 0 {
			fault := f.Fault
			fault.Skip, fault.Count = f.skip, f.left
			rest = append(rest, fault)
		}
	}
	return rest
}

// ClearFaults forgets every fault. Late commits that are under way still happen.
func (s *Server) ClearFaults() {
	defer s.enter()()
	s.faults = nil
}

// fate takes the fault that hits this request, if there is one.
func (s *Server) fate(c *call) Fault {
	for _, f := range s.faults {
		if f.left == 0 || !f.matches(c) {
			continue
		}
		if f.skip > 0 {
			f.skip--
			continue
		}
		if f.left > 0 {
			f.left--
		}
		return f.Fault
	}
	return Fault{}
}

func (f Fault) matches(c *call) bool {
	return (f.Method == "" || f.Method == c.entry.Method) &&
		(f.Route == "" || f.Route == c.route.pattern) &&
		(f.Contains == "" || strings.Contains(c.entry.Path+"?"+c.entry.Query, f.Contains) ||
			strings.Contains(string(c.body), f.Contains))
}
