// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
)

// Hash is the SHA-256 of a token. The zero Hash is that of none.
type Hash [sha256.Size]byte

// ParseHash reads 64 hexadecimal digits.
func ParseHash(text string) (Hash, error) {
	var h Hash
	if len(text) != hex.EncodedLen(len(h)) {
		return Hash{}, fmt.Errorf("a SHA-256 has 64 hexadecimal digits, and this has %d characters", len(text))
	}
	if _, err := hex.Decode(h[:], []byte(text)); err != nil {
		return Hash{}, fmt.Errorf("a SHA-256 has hexadecimal digits only: %w", err)
	}
	return h, nil
}

// String is the Hash in 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero tells whether there is none.
func (h Hash) IsZero() bool { return h == Hash{} }

// Equal compares in constant time. No Hash is equal to none, which is stored where there is no token.
func (h Hash) Equal(other Hash) bool {
	return subtle.ConstantTimeCompare(h[:], other[:])&boolToInt(!h.IsZero()) == 1
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
