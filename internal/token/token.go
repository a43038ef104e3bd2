// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
)

// Kind says what a token is good for.
type Kind string

// The kinds of token, as they begin.
const (
	// Registration is traded for a credential, once.
	Registration Kind = "osr1"
	// Credential is shown with every other request.
	Credential Kind = "osc1"
)

// secretLength is that of 256 bits in base64url without padding.
const secretLength = 43

// ErrMalformed means that something is no token of that kind.
var ErrMalformed = errors.New("this is no token of that kind")

// Token is a secret. Only Reveal shows it: printing and logging it does not.
type Token struct {
	kind            Kind
	machine, secret string
}

var _ slog.LogValuer = Token{}

// NewRegistration is the registration token of a machine. It follows from the fleet key, so that it can be rendered
// again and need not be stored.
func NewRegistration(fleetKey []byte, machine string) Token {
	mac := hmac.New(sha256.New, fleetKey)
	mac.Write([]byte("registration of " + machine))
	return Token{Registration, machine, encode(mac.Sum(nil))}
}

// NewCredential invents a credential for a machine.
func NewCredential(machine string) Token {
	bits := make([]byte, sha256.Size)
	_, _ = rand.Read(bits) // it never fails: see crypto/rand
	return Token{Credential, machine, encode(bits)}
}

// Parse reads a token of a kind. How long it takes does not depend on the secret part.
func Parse(kind Kind, text string) (Token, error) {
	prefix, rest, _ := strings.Cut(text, ".")
	machine, secret, _ := strings.Cut(rest, ".")
	if prefix != string(kind) || machine == "" || len(secret) != secretLength {
		return Token{}, ErrMalformed
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(secret); err != nil {
		return Token{}, ErrMalformed
	}
	return Token{kind, machine, secret}, nil
}

// Machine is the name of the machine that the token is of, or claims to be.
func (t Token) Machine() string { return t.machine }

// Reveal is the token as it is sent.
func (t Token) Reveal() string { return string(t.kind) + "." + t.machine + "." + t.secret }

// Hash is what may be stored of the token.
func (t Token) Hash() Hash { return sha256.Sum256([]byte(t.Reveal())) }

// String hides the secret part.
func (t Token) String() string { return string(t.kind) + "." + t.machine + ".…" }

// GoString hides the secret part.
func (t Token) GoString() string { return t.String() }

// LogValue hides the secret part.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText hides the secret part, so that no encoder writes it by accident.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

func encode(bits []byte) string { return base64.RawURLEncoding.EncodeToString(bits) }
