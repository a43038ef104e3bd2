// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cedros-io/open-spawn/internal/gateway/store"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

const (
	// watchesPerMachine is how many requests of one machine are held: one, and those that it has given up without our
	// having noticed.
	watchesPerMachine = 4
	// notHeld is when to ask again if a request cannot be held. The news is in the heartbeats too.
	notHeld = 30 * time.Second
	// answerWithin is how long an answer may take to be sent when the request was held.
	answerWithin = 15 * time.Second
)

// isDeliverable tells whether a machine may be given its config: it was sealed to the machine's key, and the machine
// that has registered is the one instance that may have it.
func isDeliverable(r store.Record) bool {
	return r.Content != nil && len(r.Content.Sealed) > 0 && r.Presence.Facts.InstanceID == r.Machine.InstanceID
}

// poll is a request for a config, and what is known to whoever makes it.
type poll struct {
	hash  token.Hash
	first store.Record
	tags  []string
	wait  time.Duration
}

// config gives a machine its config when it is another than the machine knows, and may wait for that.
func (g *Gateway) config(x *exchange) error {
	record, hash, err := g.identify(x)
	if err != nil {
		return err
	}
	p := poll{hash: hash, first: record, tags: tagsOf(x.r)}
	if p.wait, err = waitOf(x.r); err != nil {
		return err
	}
	if p.wait == 0 {
		return g.deliver(x, p, record)
	}
	if g.isDraining() {
		return g.deliverUnheld(x, p, unavailable(errors.New("this replica is about to end")))
	}
	if !g.watches.Enter() {
		return g.deliverUnheld(x, p, tooMany(notHeld, "too many requests are held"))
	}
	defer g.watches.Leave()
	if g.store.Watches(x.machine) >= watchesPerMachine {
		return g.deliverUnheld(x, p, tooMany(notHeld, "too many requests are held"))
	}
	return g.hold(x, p)
}

// deliverUnheld answers at once. If there is nothing new, the machine is to ask later rather than at once again.
func (g *Gateway) deliverUnheld(x *exchange, p poll, otherwise error) error {
	if isNews(p.first, p) {
		return g.deliver(x, p, p.first)
	}
	return otherwise
}

// hold waits for news.
func (g *Gateway) hold(x *exchange, p poll) error {
	// The server's own deadlines are meant for requests that are answered at once.
	until, control := g.o.Clock.Now().Add(p.wait+answerWithin), http.NewResponseController(x.w)
	_, _ = control.SetReadDeadline(until), control.SetWriteDeadline(until) // what has no deadline needs none
	changed, cancel := g.store.Watch(x.machine)
	defer cancel()
	timer := g.o.Clock.NewTimer(p.wait)
	defer timer.Stop()
	record := g.store.Lookup(x.machine)
	if compare(record, p.hash) == matchNone {
		record = p.first // the caches lag behind what was just looked up
	}
	for !isNews(record, p) {
		select {
		case <-changed:
			var err error
			if record, err = g.latest(x, p); err != nil {
				return err
			}
			continue
		case <-timer.C():
		case <-g.draining:
			x.w.Header().Set("Connection", "close")
		case <-x.r.Context().Done(): // and nobody reads the answer
		}
		break
	}
	return g.deliver(x, p, record)
}

// latest is what is known of a machine after a change, which may be that it was revoked.
func (g *Gateway) latest(x *exchange, p poll) (store.Record, error) {
	record := g.store.Lookup(x.machine)
	if compare(record, p.hash) != matchNone {
		return record, nil
	}
	record, err := g.live(x.r.Context(), x.machine)
	if err == nil && compare(record, p.hash) == matchNone {
		err = refuse(protocol.CodeUnauthorized, "the machine was revoked")
	}
	return record, err
}

// isNews tells whether a machine is to be told: there is a config, and it or the order to run is another.
func isNews(r store.Record, p poll) bool {
	if !isDeliverable(r) {
		return false
	}
	for _, tag := range p.tags {
		if tag == tagOf(r) || tag == versionOf(r) && r.Machine.Run == p.first.Machine.Run {
			return false
		}
	}
	return true
}

// deliver answers with the config, or that it is known already.
func (g *Gateway) deliver(x *exchange, p poll, r store.Record) error {
	if !isDeliverable(r) {
		return unavailable(errors.New("the machine has no config yet"))
	}
	x.w.Header().Set("ETag", strconv.Quote(tagOf(r)))
	if !isNews(r, p) {
		x.head(http.StatusNotModified)
		return nil
	}
	return x.answer(r.Content.For(r.Machine.Run))
}

// tagOf is the ETag of what a machine is given.
func tagOf(r store.Record) string {
	if r.Machine.Run {
		return versionOf(r) + "-run"
	}
	return versionOf(r) + "-stop"
}

func versionOf(r store.Record) string { return strconv.FormatInt(r.Content.Version, 10) }

// tagsOf are the ETags that a machine knows.
func tagsOf(r *http.Request) []string {
	var tags []string
	for _, line := range r.Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(line, ",") {
			tags = append(tags, strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`))
		}
	}
	return tags
}

// waitOf is how long a request may be held.
func waitOf(r *http.Request) (time.Duration, error) {
	text := r.URL.Query().Get(protocol.WaitParameter)
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 {
		return 0, &refusal{
			code: protocol.CodeBadRequest, cause: fmt.Errorf("%s is no duration: %w", protocol.WaitParameter, err),
		}
	}
	return min(wait, protocol.MaxWait), nil
}
