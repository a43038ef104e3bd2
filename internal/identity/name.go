// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package identity owns the two identifiers by which a fleet knows its machines at the cloud: the machine name and the
// tags. Their formats must not change: every instance alive was found by them.
package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"
)

const (
	hashLength   = 8
	randomLength = 5
	// alphabet has 32 characters, so that a random byte's low five bits choose one without bias.
	alphabet = "abcdefghijklmnopqrstuvwxyz234567"
)

// SuffixLength is how many random characters follow a Prefix.
const SuffixLength = randomLength

// Prefix is what the names of all machines of one bot begin with: <bot>-<8 of hash(fleet, namespace, bot)>. It survives
// backup and restore, which a uid does not.
func Prefix(fleet, namespace, bot string) string {
	// Lengths come first, so that no two different triples are written the same.
	h := sha256.New()
	for _, part := range []string{fleet, namespace, bot} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	encoded := base32.StdEncoding.EncodeToString(h.Sum(nil))
	return bot + "-" + strings.ToLower(encoded[:hashLength])
}

// NewName is a fresh machine name of a bot: its Prefix and 5 random characters. A bot name is at most 40 characters, so
// a machine name is at most 54, and a valid host name.
func NewName(fleet, namespace, bot string) string {
	suffix := make([]byte, randomLength)
	_, _ = rand.Read(suffix) // never fails: crypto/rand ends the program rather than return less
	for i, b := range suffix {
		suffix[i] = alphabet[b&31]
	}
	return Prefix(fleet, namespace, bot) + string(suffix)
}

// shape is what every machine name looks like, whatever the fleet, the namespace and the bot.
var shape = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,38}[a-z0-9])?-[a-z2-7]{8}[a-z0-9]{5}$`)

// HasShape tells whether a name could be that of a machine. Which fleet's it is does not show: the hash tells only
// those who know the namespace.
func HasShape(name string) bool { return shape.MatchString(name) }

// PrefixOf is what would be the Prefix if the name is that of a machine.
func PrefixOf(name string) string { return name[:max(0, len(name)-SuffixLength)] }
