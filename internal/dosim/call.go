// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxBody is well above the largest request that the API takes: 64 KiB of user data, escaped as JSON.
const maxBody = 1 << 20

// call is one request to the API, apart from the connection that it came by: it can be handled after that is gone.
type call struct {
	s       *Server
	route   route
	account *account
	token   string
	vars    func(name string) string
	query   url.Values
	body    []byte
	origin  string // scheme and host by which the client knows us
	entry   *Entry
	fault   Fault
	limits  limits
}

// arrive reads a request completely. A broken body is reported only after the token was looked at.
func (s *Server) arrive(rt route, w http.ResponseWriter, r *http.Request) (*call, error) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	c := &call{
		s: s, route: rt, vars: r.PathValue, query: r.URL.Query(), origin: scheme + "://" + r.Host,
		entry: &Entry{
			Method: r.Method, Route: rt.pattern, Path: r.URL.Path, Query: r.URL.RawQuery, UserAgent: r.UserAgent(),
		},
	}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		c.token = token
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	c.body = body
	return c, err
}

// decode reads the body into the shape that v points to. Unknown fields are ignored, as the service does.
func (c *call) decode(v any) *reply {
	if err := json.Unmarshal(c.body, v); err != nil {
		problem := refuse(http.StatusBadRequest, "bad_request", "The request body is not the JSON that was expected.")
		return &problem
	}
	return nil
}

// id reads a numeric path variable; 0, which is no id, stands for everything that is not a number.
func (c *call) id(name string) int64 {
	id, err := strconv.ParseInt(c.vars(name), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// droplet finds the droplet that the path names, and notes it in the journal.
func (c *call) droplet() (*droplet, bool) {
	d, ok := c.account.byID[c.id("id")]
	if !ok || d.shownAt.After(c.s.now) {
		return nil, false
	}
	c.touch(d)
	return d, true
}

func (c *call) touch(d *droplet) {
	if !slices.Contains(c.entry.DropletIDs, d.id) {
		c.entry.DropletIDs = append(c.entry.DropletIDs, d.id)
	}
}

// dooms tells whether the actions that this request starts will end errored.
func (c *call) dooms() bool { return c.fault.Kind == FaultErrored }
