// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/gateway/store"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/seal"
	"github.com/cedros-io/open-spawn/internal/token"
)

// The results of a registration, as the metric has them.
const (
	registeredNew      = "registered"
	registeredAgain    = "again"
	registeredConflict = "conflict"
	registeredForeign  = "foreign"
	registeredRefused  = "refused"
)

// applicant is who wants to register.
type applicant struct {
	machine    string
	token      token.Hash
	asks       protocol.Registration
	credential token.Hash
	from       netip.Addr
}

// register trades a registration token for a credential. Making the Lease is what uses the token.
func (g *Gateway) register(x *exchange) error {
	shown, err := bearer(x.r, token.Registration)
	if err != nil {
		return err
	}
	if err := take(g.limits.registering, x.network(), "too many registrations from this network"); err != nil {
		return err
	}
	a := applicant{machine: shown.Machine(), token: shown.Hash(), from: x.from}
	record, err := g.live(x.r.Context(), a.machine)
	if err != nil {
		return err
	}
	if !tokenOf(record).Equal(a.token) {
		g.meters.registrations.WithLabelValues(registeredRefused).Inc()
		return refuse(protocol.CodeUnauthorized, "this is not the machine's registration token")
	}
	g.limits.registering.Return(x.network())
	x.machine = a.machine
	if err := take(g.limits.registered, a.machine, "this machine registers too often"); err != nil {
		return err
	}
	if err := x.readRegistration(&a); err != nil {
		return err
	}
	result, err := g.admit(x.r.Context(), a, record)
	g.meters.registrations.WithLabelValues(result).Inc()
	if err != nil {
		return err
	}
	// The same body however often it is asked for: what changes is told in the answer to the first heartbeat.
	return x.answer(protocol.Registered{
		Machine: a.machine, HeartbeatSeconds: record.Machine.IntervalSeconds,
	})
}

// tokenOf is the hash of the token that a machine may register with: none's when there is no machine.
func tokenOf(r store.Record) token.Hash {
	if r.Machine == nil {
		return token.Hash{}
	}
	return r.Machine.Registration.Hash()
}

func (x *exchange) readRegistration(a *applicant) error {
	if err := x.read(&a.asks); err != nil {
		return err
	}
	hash, err := token.ParseHash(a.asks.CredentialSHA256)
	if err != nil || hash.IsZero() {
		return refuse(protocol.CodeBadRequest, "credentialSHA256 is no SHA-256")
	}
	if _, err := seal.ParsePublicKey(a.asks.SealKey); err != nil {
		return &refusal{code: protocol.CodeBadRequest, cause: err}
	}
	if a.asks.InstanceID <= 0 {
		return refuse(protocol.CodeBadRequest, "instanceID is none")
	}
	a.credential, a.asks.AgentVersion = hash, clip(a.asks.AgentVersion, maxVersion)
	return nil
}

// admit decides on an applicant whose token is right, and gives the result for the metric.
func (g *Gateway) admit(ctx context.Context, a applicant, r store.Record) (result string, err error) {
	switch {
	case r.Machine.InstanceID == 0:
		// The token is not touched: it is only too early.
		return registeredRefused, unavailable(errors.New("the machine's instance is not known yet"))
	case r.Machine.InstanceID != a.asks.InstanceID:
		return registeredForeign, g.alarm(ctx, a, r, refuse(protocol.CodeUnauthorized, "another instance registers"))
	case !comesFrom(r.Machine.Addresses, a.from):
		return registeredForeign, g.alarm(ctx, a, r, refuse(protocol.CodeUnauthorized, "it comes from elsewhere"))
	}
	if r.Presence != nil {
		return g.admitAgain(ctx, a, r)
	}
	return g.admitNew(ctx, a, r)
}

// admitNew makes the Lease. Whoever finds that it was made meanwhile has not been first.
func (g *Gateway) admitNew(ctx context.Context, a applicant, r store.Record) (result string, err error) {
	if !g.o.Clock.Now().Before(r.Machine.Registration.NotAfter) {
		return registeredRefused, refuse(protocol.CodeTokenExpired, "the registration token has expired")
	}
	err = g.store.Register(ctx, a.machine, r.Machine, g.newPresence(a, r))
	switch {
	case err == nil:
		return registeredNew, nil
	case !errors.Is(err, store.ErrRegistered):
		return registeredRefused, unavailable(err)
	}
	if r, err = g.live(ctx, a.machine); err != nil {
		return registeredRefused, err
	}
	return g.admitAgain(ctx, a, r)
}

// admitAgain decides on an applicant whose machine has registered. The answer to it may have been lost; and if it was
// with another credential, somebody else has the token.
func (g *Gateway) admitAgain(ctx context.Context, a applicant, r store.Record) (result string, err error) {
	if r.Machine == nil || r.Presence == nil {
		return registeredRefused, unavailable(errors.New("the machine was revoked while it registered"))
	}
	if r.Presence.Credential.Equal(a.credential) {
		return registeredAgain, nil
	}
	why := refuse(protocol.CodeTokenUsed, "the token was used for another credential")
	return registeredConflict, g.alarm(ctx, a, r, why)
}

func (g *Gateway) newPresence(a applicant, r store.Record) *delivery.Presence {
	interval := time.Duration(r.Machine.IntervalSeconds) * time.Second
	return &delivery.Presence{
		Credential: a.credential, SealKey: a.asks.SealKey, ReceivedBy: g.o.Name, Renewed: g.o.Clock.Now(),
		Facts:    protocol.Heartbeat{InstanceID: a.asks.InstanceID, AgentVersion: a.asks.AgentVersion},
		Duration: time.Duration(r.Machine.GraceSeconds)*time.Second + g.queue.Window(interval),
	}
}

// alarm says that a token is in the wrong hands: in the log, and in the machine's Lease if there is one, where the bot
// controller sees it. It gives back why the applicant is refused. Registrations are limited, and so is how often it
// writes.
func (g *Gateway) alarm(ctx context.Context, a applicant, r store.Record, why error) error {
	g.o.Logger.Info("a registration token is used by somebody else", "machine", a.machine,
		"namespace", r.Machine.Namespace, "bot", r.Machine.Bot, "from", a.from.String(),
		"instanceID", a.asks.InstanceID, "reason", why.Error())
	if r.Presence == nil {
		return why
	}
	_, err := g.change(ctx, a.machine, r, func(p *delivery.Presence) (bool, error) {
		p.Conflicts++
		return true, nil
	})
	if err != nil {
		g.o.Logger.Error(err, "could not note it in the Lease", "machine", a.machine)
	}
	return why
}

// comesFrom tells whether an address is one of a machine's; when none is known, any is.
func comesFrom(addresses []string, from netip.Addr) bool {
	return len(addresses) == 0 || slices.ContainsFunc(addresses, func(text string) bool {
		address, err := netip.ParseAddr(text)
		return err == nil && address.Unmap() == from
	})
}
