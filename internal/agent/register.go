// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent/client"
	"github.com/cedros-io/open-spawn/internal/agent/state"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
	"github.com/cedros-io/open-spawn/internal/version"
)

var errNoToken = errors.New("this machine has not registered, and its configuration has no registration token")

// refusals are what a refusal means to the person who reads our log.
var refusals = map[protocol.Code]string{
	protocol.CodeUnauthorized: "the registration token is not for this machine, or not for this instance",
	protocol.CodeTokenUsed:    "the registration token was used with another credential: somebody else has it",
	protocol.CodeTokenExpired: "the registration token has expired",
	protocol.CodeBadRequest:   "the gateway does not understand how this agent registers",
}

// register trades the token for our credential, unless that was done. It gives up only with ctx: a registration can be
// reopened.
func (a *agent) register(ctx context.Context) error {
	if id, _ := a.keys.get(); id.Registered {
		return nil
	}
	if a.config.RegistrationToken == "" {
		return errNoToken
	}
	backoff := client.Backoff{Random: a.Random}
	for {
		err := a.registerOnce(ctx)
		if err == nil {
			return nil
		}
		pause := backoff.Next(err)
		if _, refused := refusals[client.CodeOf(err)]; refused {
			// Nothing that comes by itself changes that: somebody must see it first.
			pause = max(pause, a.spread(client.LongestBackoff))
		}
		a.logRefusal(err, pause)
		if !a.wait(ctx, pause, nil) {
			return ctx.Err()
		}
	}
}

func (a *agent) logRefusal(err error, pause time.Duration) {
	if says, refused := refusals[client.CodeOf(err)]; refused {
		a.Log.Error("the registration is refused: "+says, "error", err, "againIn", pause)
		return
	}
	a.Log.Warn("the registration has failed", "error", err, "againIn", pause)
}

// registerOnce asks with the one credential that we have: an answer that was lost is given again.
func (a *agent) registerOnce(ctx context.Context) error {
	registration, err := token.Parse(token.Registration, a.config.RegistrationToken)
	if err != nil {
		return errNoToken
	}
	id, _ := a.keys.get()
	_, err = a.client.Register(ctx, registration, protocol.Registration{
		InstanceID: a.instance, CredentialSHA256: id.Credential.Hash().String(), SealKey: id.SealKey.Public().String(),
		AgentVersion: version.Version(),
	})
	if err != nil {
		return err
	}
	a.Log.Info("the machine has registered")
	if err := a.keys.change(func(id *state.Identity) { id.Registered = true }); err != nil {
		a.Log.Error("the registration cannot be remembered, and is made again in the next life", "error", err)
	}
	return nil
}

// spread is a time from half of one to the whole of it.
func (a *agent) spread(d time.Duration) time.Duration {
	return d/2 + time.Duration(a.Random()*float64(d/2))
}
