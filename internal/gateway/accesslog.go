// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"time"

	"github.com/cedros-io/open-spawn/internal/protocol"
)

// logAccess writes one line for a request: who, what, and what became of it. Of what was sent it says nothing, so no
// secret gets into it.
func (g *Gateway) logAccess(x *exchange, found route, code protocol.Code, err error, took time.Duration) {
	log := g.o.Logger
	if !g.isWorthALine(x, found, err) {
		log = log.V(1)
	}
	values := []any{
		"requestId", x.id, "call", found.name, "status", x.status, "milliseconds", took.Milliseconds(),
		"from", x.from.String(),
	}
	if x.machine != "" {
		values = append(values, "machine", x.machine)
	}
	if err != nil {
		values = append(values, "code", string(code), "reason", err.Error())
	}
	log.Info("request", values...)
}

// isWorthALine tells whether a request is to be logged for everybody: not what happens all the time, and only so many
// refusals of those who do not stop.
func (g *Gateway) isWorthALine(x *exchange, found route, err error) bool {
	if err == nil {
		return !found.frequent
	}
	_, ok := g.limits.lines.Take(x.network())
	return ok
}
