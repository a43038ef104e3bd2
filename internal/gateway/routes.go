// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/cedros-io/open-spawn/internal/gateway/limit"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// route is one call.
type route struct {
	// name is that of the call in logs and metrics.
	name string
	// pool is how many are served at once; nil means that it does not matter.
	pool *limit.Pool
	// frequent calls are not logged when all is well.
	frequent bool
	serve    func(*exchange) error
}

// table are all calls, by path and method. What is not here is not there.
func (g *Gateway) table() map[string]map[string]route {
	beats, configs := limit.NewPool(beatsAtOnce), limit.NewPool(configsAtOnce+g.o.MaxWatches)
	return map[string]map[string]route{
		protocol.RegisterPath: {http.MethodPost: {
			name: "register", pool: limit.NewPool(registrationsAtOnce), serve: g.register,
		}},
		protocol.HeartbeatPath: {http.MethodPost: {name: "heartbeat", pool: beats, frequent: true, serve: g.heartbeat}},
		protocol.ConfigPath:    {http.MethodGet: {name: "config", pool: configs, frequent: true, serve: g.config}},
		protocol.CredentialPath: {http.MethodPost: {
			name: "credential", pool: limit.NewPool(rotationsAtOnce), serve: g.rotate,
		}},
		protocol.AgentPath: {http.MethodGet: {name: "agent", pool: limit.NewPool(agentsAtOnce), serve: g.agent}},
		healthPath:         {http.MethodGet: {name: "probe", frequent: true, serve: g.health}},
		readyPath:          {http.MethodGet: {name: "probe", frequent: true, serve: g.ready}},
	}
}

// find is the call that is asked for. Paths are compared as they are: nothing is cleaned, and nobody is sent elsewhere.
func (g *Gateway) find(r *http.Request) (route, error) {
	path := r.URL.Path
	if rest, ok := strings.CutPrefix(path, protocol.AgentPath); ok && rest != "" {
		path = protocol.AgentPath
	} else if ok {
		path = ""
	}
	methods, known := g.routes[path]
	if !known {
		return route{name: "none"}, refuse(protocol.CodeNotFound, "no such path")
	}
	found, known := methods[r.Method]
	if !known {
		return route{name: "none"}, refuse(protocol.CodeMethodNotAllowed, "no such method")
	}
	return found, nil
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := newExchange(w, r, g.o.Clock.Now())
	if g.isDraining() {
		w.Header().Set("Connection", "close") // the next request goes to another replica
	}
	found, err := g.find(r)
	done := g.meters.began(found.name)
	if err == nil {
		err = x.within(found)
	}
	var code protocol.Code
	if err != nil {
		refused := refusalOf(err)
		code = refused.code
		if x.status == 0 {
			x.refuse(refused)
		}
	}
	took := g.o.Clock.Since(x.began)
	done(x.status, took)
	g.logAccess(x, found, code, err, took)
}

// within serves a call in its pool. A mistake of ours ends one request, and says nothing of itself.
func (x *exchange) within(found route) (err error) {
	if found.pool != nil {
		if err := enter(found.pool); err != nil {
			return err
		}
		defer found.pool.Leave()
	}
	defer func() {
		if mistake := recover(); mistake != nil {
			err = fmt.Errorf("panic: %v", mistake)
		}
	}()
	return found.serve(x)
}
