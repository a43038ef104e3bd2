// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"log/slog"
	"slices"

	"github.com/cedros-io/open-spawn/internal/agent/client"
	"github.com/cedros-io/open-spawn/internal/agent/state"
	"github.com/cedros-io/open-spawn/internal/protocol"
)

// routes are the ways to gateways: those that they told last, those that worked before, and those that the machine was
// made with. Only the heartbeats' loop uses it.
type routes struct {
	dir        *state.Dir
	client     *client.Client
	log        *slog.Logger
	configured state.Route
	newest     state.Route
}

func newRoutes(dir *state.Dir, c *client.Client, log *slog.Logger, configured state.Route) (*routes, error) {
	r := &routes{dir: dir, client: c, log: log, configured: configured, newest: configured}
	told, any, err := dir.Routes()
	if err != nil {
		return nil, err
	}
	if !any {
		return r, c.Use(configured)
	}
	if err := r.use(told); err != nil {
		log.Warn("the gateways that were told are not used", "error", err)
		return r, c.Use(configured)
	}
	return r, nil
}

// take follows a gateway that says where gateways are from now on. That is on the disk before it is used: an agent that
// forgets it might know no gateway that still exists.
func (r *routes) take(orders protocol.Orders) {
	next := state.Route{URLs: slices.Clone(r.newest.URLs), CA: r.newest.CA}
	if len(orders.Gateways) > 0 {
		next.URLs = callable(orders.Gateways)
	}
	if orders.GatewayCA != "" {
		next.CA = orders.GatewayCA
	}
	if same(next, r.newest) {
		return
	}
	if err := client.Check(next); err != nil {
		r.log.Warn("a gateway tells of gateways that cannot be used", "error", err)
		return
	}
	told := state.Routes{Newest: next, Before: r.before(next)}
	if err := r.dir.SaveRoutes(told); err != nil {
		r.log.Error("the new gateways cannot be remembered, and are not used", "error", err)
		return
	}
	if err := r.use(told); err != nil {
		r.log.Error("the new gateways cannot be used", "error", err)
		return
	}
	r.log.Info("gateways have changed", "gateways", next.URLs)
}

// callable are the URLs that we can call: a gateway of a later version may tell of others too.
func callable(urls []string) []string {
	return slices.DeleteFunc(slices.Clone(urls), func(url string) bool {
		return client.Check(state.Route{URLs: []string{url}}) != nil
	})
}

// before is the way to go back to when another leads nowhere: the one that has worked, which is not the newest when
// that was a mistake already.
func (r *routes) before(next state.Route) *state.Route {
	way := r.client.Proven()
	if len(way.URLs) == 0 || same(way, next) {
		way = r.newest
	}
	return &way
}

func (r *routes) use(told state.Routes) error {
	ways := []state.Route{told.Newest}
	if told.Before != nil {
		ways = append(ways, *told.Before)
	}
	if !slices.ContainsFunc(ways, func(way state.Route) bool { return same(way, r.configured) }) {
		ways = append(ways, r.configured)
	}
	if err := r.client.Use(ways...); err != nil {
		return err
	}
	r.newest = told.Newest
	return nil
}

func same(a, b state.Route) bool { return a.CA == b.CA && slices.Equal(a.URLs, b.URLs) }
