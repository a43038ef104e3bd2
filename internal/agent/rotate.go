// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent/client"
	"github.com/cedros-io/open-spawn/internal/agent/state"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

const (
	// rotation is how long a credential is used.
	rotation = 24 * time.Hour
	// rotationSpread is within which time after that it is replaced, so that a fleet does not do so at once.
	rotationSpread = time.Hour
)

// rotate replaces the credential when it is old.
func (a *agent) rotate(ctx context.Context) {
	backoff := client.Backoff{Random: a.Random}
	for a.wait(ctx, a.untilRotation(), nil) {
		for ctx.Err() == nil {
			err := a.rotateOnce(ctx)
			if err == nil {
				backoff.Reset()
				break
			}
			pause := backoff.Next(err)
			a.Log.Warn("the credential is not replaced, and stays good", "error", err, "againIn", pause)
			a.wait(ctx, pause, nil)
		}
	}
}

// untilRotation is how long the credential may still be used. A clock that was put back does not make that longer than
// it ever is.
func (a *agent) untilRotation() time.Duration {
	id, _ := a.keys.get()
	spread := time.Duration(a.Random() * float64(rotationSpread))
	if id.Next != (token.Token{}) {
		return spread // one was prepared by a life that has ended
	}
	return min(max(0, rotation-a.Clock.Now().Sub(id.Since)), rotation) + spread
}

// rotateOnce announces the next credential, which is on the disk before anybody hears of it. The old one is good until
// a call is made with the new one, and the next heartbeat makes it.
func (a *agent) rotateOnce(ctx context.Context) error {
	id, offered := a.keys.get()
	if offered {
		return nil // the next heartbeat shows whether it was taken
	}
	if id.Next == (token.Token{}) {
		next := token.NewCredential(id.Machine)
		if err := a.keys.change(func(id *state.Identity) { id.Next = next }); err != nil {
			return err
		}
		id.Next = next
	}
	err := a.client.Rotate(ctx, id.Credential, protocol.Rotation{CredentialSHA256: id.Next.Hash().String()})
	a.keys.setOffered(id.Next, true) // also after a failure: the answer may have been lost
	if err != nil {
		return err
	}
	a.Log.Info("the credential is being replaced")
	tell(a.news)
	return nil
}
