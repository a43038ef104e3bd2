// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"log/slog"
	"sync"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent/client"
	"github.com/cedros-io/open-spawn/internal/agent/state"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

// keyring knows with which credential to call: there are two while one takes the other's place.
type keyring struct {
	dir *state.Dir
	log *slog.Logger
	now func() time.Time

	mu sync.Mutex
	id state.Identity
	// offered tells that a gateway may know the next credential: it was told of it, or we cannot remember whether it was.
	offered bool
}

func newKeyring(dir *state.Dir, machine string, log *slog.Logger, now func() time.Time) (*keyring, error) {
	id, invented, err := dir.Identity(machine, now())
	if err != nil {
		return nil, err
	}
	if invented {
		log.Info("a credential was invented")
	}
	return &keyring{dir: dir, log: log, now: now, id: id, offered: id.Next != token.Token{}}, nil
}

func (k *keyring) get() (id state.Identity, offered bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.id, k.offered
}

// change changes the identity, on the disk first: what is not there must not be known to anybody.
func (k *keyring) change(to func(*state.Identity)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	id := k.id
	to(&id)
	if err := k.dir.SaveIdentity(id); err != nil {
		return err
	}
	k.id = id
	return nil
}

// with makes a call with the credential that is good. If that may be the next one it is tried first; the old one dies
// as soon as the next is used.
func (k *keyring) with(call func(token.Token) error) error {
	id, offered := k.get()
	if offered {
		err := call(id.Next)
		if err == nil {
			k.promote(id.Next)
		}
		if client.CodeOf(err) != protocol.CodeUnauthorized {
			return err
		}
	}
	err := call(id.Credential)
	now, _ := k.get()
	switch {
	case client.CodeOf(err) == protocol.CodeUnauthorized && now.Credential != id.Credential:
		return call(now.Credential) // it took the other's place while this call was on its way
	case err == nil && offered:
		k.setOffered(id.Next, false)
	}
	return err
}

// promote makes the next credential the only one.
func (k *keyring) promote(next token.Token) {
	err := k.change(func(id *state.Identity) {
		if id.Next == next {
			id.Credential, id.Next, id.Since = next, token.Token{}, k.now()
		}
	})
	if err != nil {
		k.log.Error("a gateway has taken the new credential, and the disk has not: both are kept", "error", err)
		return
	}
	k.setOffered(next, false)
}

// setOffered says whether a gateway may know the next credential, if it is still that one.
func (k *keyring) setOffered(next token.Token, offered bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.id.Next == next || !offered && k.id.Next == (token.Token{}) {
		k.offered = offered
	}
}
