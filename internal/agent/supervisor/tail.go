// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"slices"
	"strings"
	"sync"
)

const (
	// kept is how much of what a program says last is kept.
	kept = 4 << 10
	// told is how much of that is told to others.
	told = 512
	// shortSecret is a value too short to be hidden: hiding it would hide half of all there is to say.
	shortSecret = 4
)

// tail is what a program has said last.
type tail struct {
	secrets []string

	mu   sync.Mutex
	said []byte
}

// Write implements io.Writer.
func (t *tail) Write(said []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said = append(t.said, said...)
	if more := len(t.said) - kept; more > 0 {
		t.said = slices.Delete(t.said, 0, more)
	}
	return len(said), nil
}

// String is the end of what it said, in one line and without any secret of its environment.
func (t *tail) String() string {
	t.mu.Lock()
	said := string(t.said)
	t.mu.Unlock()
	return digest(said, t.secrets)
}

// digest is the end of what was said, of which no more than kept is had, in one line and without any secret.
func digest(said string, secrets []string) string {
	if len(said) >= kept { // half a secret is not found: what is left of a first line goes
		_, said, _ = strings.Cut(said, "\n")
	}
	// The longest first: one secret may be a part of another.
	secrets = slices.SortedFunc(slices.Values(secrets), func(a, b string) int { return len(b) - len(a) })
	for _, secret := range secrets {
		if len(secret) > shortSecret {
			said = strings.ReplaceAll(said, secret, "…")
		}
	}
	said = strings.Join(strings.Fields(said), " ")
	if more := len(said) - told; more > 0 {
		said = "…" + strings.ToValidUTF8(said[more:], "")
	}
	return said
}

// lastWords are how it ended, and what it said before.
func lastWords(how, said string) string {
	if said != "" {
		return "it ended with " + how + ": " + said
	}
	return "it ended with " + how
}
