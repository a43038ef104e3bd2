// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"time"

	"github.com/cedros-io/open-spawn/internal/seal"
	"github.com/cedros-io/open-spawn/internal/token"
)

const identityFile = "identity.json"

// Identity is who the agent is. It is invented once, and known to the disk before anybody else hears of it.
type Identity struct {
	// Machine is the name of the machine.
	Machine string
	// Credential proves it. Next is the one that is about to take its place; the zero Token when none is.
	Credential, Next token.Token
	// SealKey opens what was sealed for the machine.
	SealKey seal.PrivateKey
	// Registered tells whether a gateway has taken the credential.
	Registered bool
	// Since is when the credential was invented.
	Since time.Time
}

// storedIdentity is the only place where secrets are spelled out.
type storedIdentity struct {
	Machine    string    `json:"machine"`
	Credential string    `json:"credential"`
	Next       string    `json:"next,omitempty"`
	SealKey    []byte    `json:"sealKey"`
	Registered bool      `json:"registered"`
	Since      time.Time `json:"since"`
}

// Identity is the machine's, invented if there is none. That of another machine, whose disk this was copied from, is
// forgotten with all that belongs to it: it is not ours to use.
func (d *Dir) Identity(machine string, now time.Time) (id Identity, invented bool, err error) {
	id, err = d.readIdentity()
	if err == nil && id.Machine == machine {
		return id, false, nil
	}
	if err != nil && !errors.Is(err, errAbsent) {
		return Identity{}, false, err
	}
	if err := d.forget(); err != nil {
		return Identity{}, false, fmt.Errorf("forgetting what was of another identity: %w", err)
	}
	key, err := seal.NewKey()
	if err != nil {
		return Identity{}, false, err
	}
	id = Identity{Machine: machine, Credential: token.NewCredential(machine), SealKey: key, Since: now}
	return id, true, d.SaveIdentity(id)
}

// SaveIdentity replaces the identity.
func (d *Dir) SaveIdentity(id Identity) error {
	key, err := id.SealKey.Bytes()
	if err != nil {
		return fmt.Errorf("writing the seal key: %w", err)
	}
	stored := storedIdentity{
		Machine: id.Machine, Credential: id.Credential.Reveal(), SealKey: key, Registered: id.Registered, Since: id.Since,
	}
	if id.Next != (token.Token{}) {
		stored.Next = id.Next.Reveal()
	}
	return d.put(identityFile, stored)
}

func (d *Dir) readIdentity() (Identity, error) {
	var stored storedIdentity
	if err := d.get(identityFile, &stored); err != nil {
		return Identity{}, err
	}
	id := Identity{Machine: stored.Machine, Registered: stored.Registered, Since: stored.Since}
	var err error
	if id.Credential, err = token.Parse(token.Credential, stored.Credential); err != nil {
		return Identity{}, fmt.Errorf("reading the credential: %w", err)
	}
	if stored.Next != "" {
		if id.Next, err = token.Parse(token.Credential, stored.Next); err != nil {
			return Identity{}, fmt.Errorf("reading the next credential: %w", err)
		}
	}
	id.SealKey, err = seal.ParsePrivateKey(stored.SealKey)
	return id, err
}
