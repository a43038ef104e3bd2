// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// Server is the simulated service: an http.Handler, and methods by which a test looks behind it, acts like a person
// in the web console, or breaks it. It is safe for concurrent use.
type Server struct {
	clock  clock.Clock
	mux    *http.ServeMux
	admin  http.Handler
	closed chan struct{}
	close  sync.Once
	// machines are never nil.
	machines Machines

	mu        sync.Mutex // guards everything below
	opts      Options
	now       time.Time // the instant that is being simulated
	timeline  timeline
	ids       identities
	catalogue catalogue
	addresses addresses
	main      *account
	accounts  []*account
	tokens    map[string]*account
	limiters  map[string]*limiter
	faults    []*scripted
	journal   []*Entry
	requests  int64
	lives     uint64 // counts births and deaths, so that simultaneity does not depend on the clock
}

// New makes a simulator of an account without droplets. It panics if the options do not validate. Close it at the end.
func New(opts Options) *Server {
	if err := opts.Validate(); err != nil {
		panic("dosim: " + err.Error())
	}
	if opts.Clock == nil {
		opts.Clock = clock.RealClock{}
	}
	if opts.DropletLimit == 0 {
		opts.DropletLimit = generousDropletLimit
	}
	s := &Server{
		clock:     opts.Clock,
		mux:       http.NewServeMux(),
		closed:    make(chan struct{}),
		opts:      opts,
		now:       opts.Clock.Now(),
		ids:       identities{seed: opts.Seed},
		catalogue: newCatalogue(),
		tokens:    map[string]*account{},
		limiters:  map[string]*limiter{},
		machines:  opts.Machines,
	}
	if s.machines == nil {
		s.machines = noMachines{}
	}
	s.main = s.newAccount(Team{UUID: opts.TeamUUID, Name: opts.TeamName, AccountUUID: opts.AccountUUID})
	for _, token := range opts.Tokens {
		s.tokens[token] = s.main
	}
	for _, rt := range routes {
		s.mux.HandleFunc(rt.method+" "+rt.pattern, s.serve(rt))
	}
	s.mux.HandleFunc("/", s.serve(route{handle: unknownRoute}))
	if opts.Admin {
		s.admin = s.adminHandler()
	}
	return s
}

// ServeHTTP answers one request to the API, or to the admin endpoint if that is mounted.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.admin != nil && strings.HasPrefix(r.URL.Path, adminPrefix) {
		s.admin.ServeHTTP(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Close lets go of every request that a fault is holding. The simulator must not be used afterwards.
func (s *Server) Close() { s.close.Do(func() { close(s.closed) }) }

// CatchUp lets everything happen that is due, as every request does. Without Machines it makes no difference when.
func (s *Server) CatchUp() { s.enter()() }

// enter takes the lock and brings the simulation up to now; what it returns releases the lock.
func (s *Server) enter() (leave func()) {
	s.mu.Lock()
	s.advance(s.clock.Now())
	return s.mu.Unlock
}

// advance lets everything happen that is due. An event may schedule others, which happen too if they are due.
func (s *Server) advance(now time.Time) {
	for {
		e, ok := s.timeline.due(now)
		if !ok {
			break
		}
		if e.at.After(s.now) {
			s.now = e.at
		}
		e.happen()
	}
	s.now = now
}

// serve is the way of every request: read, admitted or refused, and then served as its fate will have it.
func (s *Server) serve(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := s.arrive(rt, w, r)
		x := &exchange{s: s, c: c, w: w, r: r}
		switch refusal := s.admit(c); {
		case refusal != nil:
			x.send(*refusal)
		case err != nil:
			x.send(unprocessable("The request body could not be read."))
		default:
			inflictions[c.fault.Kind](x)
		}
	}
}

// admit looks at the token and the limits, and decides the request's fate. Nil means that the request may pass.
func (s *Server) admit(c *call) *reply {
	defer s.enter()()
	s.requests++
	c.entry.Seq = s.requests
	c.entry.Time = s.now
	c.entry.RequestID = s.ids.uuid()
	s.journal = append(s.journal, c.entry)

	account, ok := s.authenticate(c.token)
	if !ok {
		c.limits = strangerLimits(&s.opts, s.now)
		refusal := refuse(http.StatusUnauthorized, "unauthorized", "Unable to authenticate you.")
		return &refusal
	}
	c.account = account
	if refusal := s.limit(c); refusal != nil {
		return refusal
	}
	c.fault = s.fate(c)
	c.entry.Fault = c.fault.Kind
	return nil
}

// commit hands the request to its handler: the one moment at which it reads and changes the simulated world.
func (s *Server) commit(c *call) reply {
	defer s.enter()()
	return s.commitNow(c)
}

func (s *Server) commitNow(c *call) reply {
	answer := c.route.handle(c)
	c.entry.Committed = true
	return answer
}
