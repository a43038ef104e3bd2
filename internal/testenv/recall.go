// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// recall answers what was asked before, word for word as the API server did, until something of that kind is written.
// Nobody but this process writes to the API server of a package, so nothing changes in between; and half of what tests
// and controllers read, they have just read.
type recall struct {
	next http.RoundTripper

	mu sync.Mutex
	// answers are by kind, and by URL and what is accepted.
	answers map[string]map[string]answer
	// writes counts what was written of each kind, and underWay what is being written, for all that we know.
	writes, underWay map[string]int
}

type answer struct {
	header http.Header
	body   []byte
}

// recalled is what all clients of a package's API server share.
var recalled = &recall{answers: map[string]map[string]answer{}, writes: map[string]int{}, underWay: map[string]int{}}

// config is how a client reaches the package's API server.
func config() *rest.Config {
	c := rest.CopyConfig(plane.Config())
	c.Wrap(func(next http.RoundTripper) http.RoundTripper {
		recalled.mu.Lock()
		defer recalled.mu.Unlock()
		if recalled.next == nil {
			recalled.next = next
		}
		return recalled
	})
	return c
}

// RoundTrip implements http.RoundTripper.
func (r *recall) RoundTrip(request *http.Request) (*http.Response, error) {
	kind := kindAt(request.URL.Path)
	if request.Method != http.MethodGet {
		r.begin(kind)
		response, err := r.next.RoundTrip(request)
		if err == nil { // else it may still be done
			r.end(kind)
		}
		return response, err
	}
	if request.URL.Query().Has("watch") || kind == "" {
		return r.next.RoundTrip(request)
	}
	key := request.URL.String() + " " + request.Header.Get("Accept")
	known, isKnown, writes := r.look(key, kind)
	if isKnown {
		return known.to(request), nil
	}
	response, err := r.next.RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		return nil, err
	}
	said := answer{response.Header, body}
	r.keep(key, kind, said, writes)
	return said.to(request), nil
}

func (a answer) to(request *http.Request) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)),
		Request: request,
	}
}

func (r *recall) begin(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.answers, kind)
	r.writes[kind]++
	r.underWay[kind]++
}

func (r *recall) end(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes[kind]++ // what was asked for meanwhile may have been answered before it was done
	r.underWay[kind]--
}

// count is how many writes of a kind there were, and whether none is under way.
func (r *recall) count(kind string) (writes int, atRest bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writes[kind], r.underWay[kind] == 0
}

// look is the answer to what was asked since the last write, and how many writes there were.
func (r *recall) look(key, kind string) (answer, bool, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, is := r.answers[kind][key]
	return known, is, r.writes[kind]
}

// keep remembers an answer if nothing of its kind is being written, or was since it was asked for.
func (r *recall) keep(key, kind string, said answer, writes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writes[kind] != writes || r.underWay[kind] != 0 {
		return
	}
	if r.answers[kind] == nil {
		r.answers[kind] = map[string]answer{}
	}
	r.answers[kind][key] = said
}

// kindAt is the kind of what is at a path, such as /apis/spawn.cedros.io/v1alpha1/bots; empty when it is not about
// objects.
func kindAt(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		parts = parts[3:]
	default:
		return ""
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		return parts[2]
	}
	return parts[0]
}
