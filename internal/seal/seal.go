// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package seal encrypts what only one machine may read, with HPKE (RFC 9180: DHKEM over X25519 with HKDF-SHA256, and
// AES-256-GCM). The gateway, which relays it, cannot. What is sealed in one context, such as a machine and a config
// version, does not open in another.
package seal

import (
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/base64"
	"errors"
	"fmt"
)

// ErrNotOpened means that something was not sealed to this key in this context, or was changed since.
var ErrNotOpened = errors.New("this was not sealed for us")

// PublicKey is what is sealed to.
type PublicKey struct{ key hpke.PublicKey }

// PrivateKey opens what was sealed to its PublicKey.
type PrivateKey struct{ key hpke.PrivateKey }

func kem() hpke.KEM { return hpke.DHKEM(ecdh.X25519()) }

// NewKey makes a PrivateKey.
func NewKey() (PrivateKey, error) {
	key, err := kem().GenerateKey()
	if err != nil {
		return PrivateKey{}, fmt.Errorf("making a key to seal to: %w", err)
	}
	return PrivateKey{key}, nil
}

// ParsePrivateKey reads what Bytes has written.
func ParsePrivateKey(content []byte) (PrivateKey, error) {
	key, err := kem().NewPrivateKey(content)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("reading a private key: %w", err)
	}
	return PrivateKey{key}, nil
}

// Bytes is the key, to be kept where nobody else reads it.
func (k PrivateKey) Bytes() ([]byte, error) { return k.key.Bytes() }

// Public is what others seal to.
func (k PrivateKey) Public() PublicKey { return PublicKey{k.key.PublicKey()} }

// Open opens what was sealed in a context.
func (k PrivateKey) Open(context string, sealed []byte) ([]byte, error) {
	plain, err := hpke.Open(k.key, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(context), sealed)
	if err != nil {
		return nil, ErrNotOpened
	}
	return plain, nil
}

// ParsePublicKey reads what String has written: 32 bytes in base64.
func ParsePublicKey(text string) (PublicKey, error) {
	content, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return PublicKey{}, fmt.Errorf("a public key is 32 bytes in base64: %w", err)
	}
	key, err := kem().NewPublicKey(content)
	if err != nil {
		return PublicKey{}, fmt.Errorf("reading a public key: %w", err)
	}
	return PublicKey{key}, nil
}

// String is the key in base64.
func (k PublicKey) String() string { return base64.StdEncoding.EncodeToString(k.key.Bytes()) }

// Seal encrypts for the owner of the key, in a context that he names to open it.
func (k PublicKey) Seal(context string, plain []byte) ([]byte, error) {
	sealed, err := hpke.Seal(k.key, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(context), plain)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return sealed, nil
}
