// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// gate is the road to a server, on loopback. A request can be held on it, on the way there or on the way back, as a
// network does that a test commands.
type gate struct {
	// URL is where it listens.
	URL string

	next http.Handler
	// open, when set, tells that nothing is held yet.
	open     func() bool
	requests atomic.Int64
	closed   chan struct{}

	mu    sync.Mutex
	holds []*hold
}

// hold stops a request.
type hold struct {
	matches func(r *http.Request, body []byte) bool
	// obeyed tells that the server has done what is asked, and that the reply is held.
	obeyed   bool
	used     bool // by a request
	first    sync.Once
	reached  chan struct{}
	released chan struct{}
	over     sync.Once
	dropped  bool
}

func newGate(t *testing.T, next http.Handler) *gate {
	t.Helper()
	g := &gate{next: next, closed: make(chan struct{})}
	server := httptest.NewServer(g)
	g.URL = server.URL
	t.Cleanup(func() {
		close(g.closed)
		server.CloseClientConnections()
		server.Close()
	})
	return g
}

// holdRequest holds the next request of that method with that in its path, query or body before it is obeyed, and those
// that come after it because nobody waits that long for a reply. What is held is let go at the end of the test.
func (g *gate) holdRequest(t *testing.T, method, contains string) *hold {
	t.Helper()
	return g.hold(t, method, contains, false)
}

// holdReply holds the reply to the next such request, after it was obeyed.
func (g *gate) holdReply(t *testing.T, method, contains string) *hold {
	t.Helper()
	return g.hold(t, method, contains, true)
}

func (g *gate) hold(t *testing.T, method, contains string, obeyed bool) *hold {
	t.Helper()
	h := &hold{
		matches: func(r *http.Request, body []byte) bool {
			return r.Method == method &&
				(strings.Contains(r.URL.RequestURI(), contains) || bytes.Contains(body, []byte(contains)))
		},
		obeyed: obeyed, reached: make(chan struct{}), released: make(chan struct{}),
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holds = append(g.holds, h)
	t.Cleanup(h.release)
	return h
}

// await waits until the request is held.
func (h *hold) await(t *testing.T, what string) {
	t.Helper()
	select {
	case <-h.reached:
	case <-time.After(soonEnough):
		t.Fatalf("%s never came", what)
	}
}

// release lets the request go on, even if nobody waits for its reply any more.
func (h *hold) release() { h.over.Do(func() { close(h.released) }) }

// drop closes the connection instead.
func (h *hold) drop() {
	h.over.Do(func() {
		h.dropped = true
		close(h.released)
	})
}

// ServeHTTP hands a request over, and holds it if that was asked for.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.requests.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	h := g.take(r, body)
	switch {
	case h == nil:
		g.next.ServeHTTP(w, r)
	case h.obeyed:
		reply := httptest.NewRecorder()
		g.next.ServeHTTP(reply, r)
		g.keep(h)
		maps.Copy(w.Header(), reply.Header())
		w.WriteHeader(reply.Code)
		_, _ = w.Write(reply.Body.Bytes())
	default:
		g.keep(h)
		g.next.ServeHTTP(w, r)
	}
}

func (g *gate) take(r *http.Request, body []byte) *hold {
	if g.open != nil && g.open() {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, h := range g.holds {
		if h.wants() && h.matches(r, body) {
			h.used = true
			return h
		}
	}
	return nil
}

// wants tells whether another request is to be held.
func (h *hold) wants() bool {
	select {
	case <-h.released:
		return false
	default:
		return !h.used || !h.obeyed
	}
}

func (g *gate) keep(h *hold) {
	h.first.Do(func() { close(h.reached) })
	select {
	case <-h.released:
		if !h.dropped {
			return
		}
	case <-g.closed:
	}
	panic(http.ErrAbortHandler)
}
