// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway/store"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// writeTries is how often a Lease is written when others write it at the same time.
const writeTries = 4

// match tells which of a machine's credentials was shown.
type match int

const (
	matchNone match = iota
	matchCurrent
	matchNext
)

// bearer is the token that a request shows.
func bearer(r *http.Request, kind token.Kind) (token.Token, error) {
	shown := r.Header.Values("Authorization")
	if len(shown) != 1 {
		return token.Token{}, refuse(protocol.CodeUnauthorized, "not exactly one Authorization header")
	}
	scheme, text, _ := strings.Cut(shown[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return token.Token{}, refuse(protocol.CodeUnauthorized, "another scheme than Bearer")
	}
	parsed, err := token.Parse(kind, text)
	if err != nil {
		return token.Token{}, &refusal{code: protocol.CodeUnauthorized, cause: err}
	}
	return parsed, nil
}

// identify finds out who asks, by the credential that is shown. Whoever is not known is looked up live before he is
// told so: another replica may have registered him a moment ago. That takes as long for a name that nobody has.
func (g *Gateway) identify(x *exchange) (store.Record, token.Hash, error) {
	shown, err := bearer(x.r, token.Credential)
	if err != nil {
		return store.Record{}, token.Hash{}, err
	}
	hash := shown.Hash()
	record := g.store.Lookup(shown.Machine())
	which := compare(record, hash)
	if which == matchNone {
		if record, which, err = g.lookAgain(x, shown.Machine(), hash); err != nil {
			return store.Record{}, hash, err
		}
	}
	x.machine = shown.Machine()
	if err := take(g.limits.bots, x.machine, "this machine asks too often"); err != nil {
		return store.Record{}, hash, err
	}
	if which == matchNext {
		record, err = g.promote(x.r.Context(), x.machine, record, hash)
	}
	return record, hash, err
}

// compare always compares with both, and with none where there is none.
func compare(r store.Record, hash token.Hash) match {
	var stored delivery.Presence
	if r.Machine != nil && r.Presence != nil {
		stored = *r.Presence
	}
	current, next := stored.Credential.Equal(hash), stored.Next.Equal(hash)
	switch {
	case current:
		return matchCurrent
	case next:
		return matchNext
	}
	return matchNone
}

// lookAgain asks the API server itself, as often as one network may be wrong.
func (g *Gateway) lookAgain(x *exchange, machine string, hash token.Hash) (store.Record, match, error) {
	if err := take(g.limits.strangers, x.network(), "too many unknown credentials from this network"); err != nil {
		return store.Record{}, matchNone, err
	}
	record, err := g.live(x.r.Context(), machine)
	if err != nil {
		g.limits.strangers.Return(x.network())
		return store.Record{}, matchNone, err
	}
	which := compare(record, hash)
	if which == matchNone {
		return record, which, refuse(protocol.CodeUnauthorized, "this is no machine's credential")
	}
	g.limits.strangers.Return(x.network())
	return record, which, nil
}

// live reads from the API server itself, few at once.
func (g *Gateway) live(ctx context.Context, machine string) (store.Record, error) {
	if err := enter(g.limits.live); err != nil {
		return store.Record{}, err
	}
	defer g.limits.live.Leave()
	record, err := g.store.Live(ctx, machine)
	if err != nil {
		return record, unavailable(err)
	}
	return record, nil
}

// promote makes the next credential, which is used for the first time, the only one.
func (g *Gateway) promote(ctx context.Context, machine string, r store.Record, hash token.Hash) (store.Record, error) {
	return g.change(ctx, machine, r, func(p *delivery.Presence) (bool, error) {
		switch {
		case p.Next.Equal(hash):
			p.Credential, p.Next = hash, token.Hash{}
			return true, nil
		case p.Credential.Equal(hash):
			return false, nil // another replica has done it
		}
		return false, refuse(protocol.CodeUnauthorized, "the credential was replaced")
	})
}

// change writes a machine's Lease. If somebody else has written it, edit is asked again with what it says now; it tells
// whether there is anything to write.
func (g *Gateway) change(
	ctx context.Context, machine string, r store.Record, edit func(*delivery.Presence) (bool, error),
) (store.Record, error) {
	for range writeTries {
		if r.Machine == nil || r.Presence == nil {
			return r, refuse(protocol.CodeUnauthorized, "the machine was revoked")
		}
		now := *r.Presence
		isToWrite, err := edit(&now)
		if err != nil || !isToWrite {
			return r, err
		}
		err = g.store.Update(ctx, r, &now)
		switch {
		case err == nil:
			r.Presence = &now
			return r, nil
		case errors.Is(err, store.ErrRevoked):
			return r, refuse(protocol.CodeUnauthorized, "the machine was revoked")
		case !errors.Is(err, store.ErrChanged):
			return r, unavailable(err)
		}
		if r, err = g.live(ctx, machine); err != nil {
			return r, err
		}
	}
	return r, unavailable(store.ErrChanged)
}
