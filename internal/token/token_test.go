// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package token_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cedros-io/open-spawn/internal/token"
)

const machine = "scout-k3v9x2m1qab7c"

func TestATokenIsWhatWasSent(t *testing.T) {
	key := []byte("the fleet's key")
	for _, test := range []struct {
		kind  token.Kind
		token token.Token
	}{
		{token.Registration, token.NewRegistration(key, machine)}, {token.Credential, token.NewCredential(machine)},
	} {
		read, err := token.Parse(test.kind, test.token.Reveal())
		if err != nil || read != test.token || read.Machine() != machine {
			t.Errorf("%s: read %v (%v)", test.kind, read, err)
		}
		if !read.Hash().Equal(test.token.Hash()) {
			t.Errorf("%s: the hashes differ", test.kind)
		}
		if parts := strings.Split(test.token.Reveal(), "."); len(parts) != 3 || len(parts[2]) != 43 {
			t.Errorf("%s: %d parts", test.kind, len(parts))
		}
	}
}

func TestARegistrationTokenFollowsFromTheFleetAndTheMachineOnly(t *testing.T) {
	one := token.NewRegistration([]byte("key"), machine)
	if again := token.NewRegistration([]byte("key"), machine); one != again {
		t.Error("rendered again it is another")
	}
	for what, other := range map[string]token.Token{
		"another machine": token.NewRegistration([]byte("key"), "scout-k3v9x2m1qab7d"),
		"another fleet":   token.NewRegistration([]byte("yek"), machine),
	} {
		if other.Hash() == one.Hash() || strings.HasSuffix(other.Reveal(), one.Reveal()[len(one.Reveal())-43:]) {
			t.Errorf("%s has the same token", what)
		}
	}
	if one, other := token.NewCredential(machine), token.NewCredential(machine); one == other {
		t.Error("two credentials are the same")
	}
}

func TestWhatIsNoToken(t *testing.T) {
	good := token.NewCredential(machine).Reveal()
	secret := good[len(good)-43:]
	for _, text := range []string{
		"", ".", "..", "osc1", "osc1." + machine, "osc1.." + secret, "osr1" + good[4:], "OSC1" + good[4:], " " + good,
		good[:len(good)-1], good + "A", good + ".", good + ".A", good[:len(good)-1] + "!", good[:len(good)-1] + "=",
	} {
		if _, err := token.Parse(token.Credential, text); !errors.Is(err, token.ErrMalformed) {
			t.Errorf("%q is a token (%v)", text, err)
		}
	}
	// The last character has two bits more than there are: no token is written in two ways.
	last, ways := good[:len(good)-1], 0
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		if _, err := token.Parse(token.Credential, last+string(c)); err == nil {
			ways++
		}
	}
	if ways != 16 {
		t.Errorf("the last character may be one of %d, want 16", ways)
	}
}

func TestATokenIsNeverPrinted(t *testing.T) {
	secret := token.NewCredential(machine)
	hidden := secret.Reveal()[len(secret.Reveal())-43:]
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("token", "token", secret, "in", map[string]any{"token": secret})
	marshalled, err := json.Marshal(map[string]any{"token": secret})
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{
		fmt.Sprint(secret), fmt.Sprintf("%v %+v %#v %s %q", secret, secret, secret, secret, secret), string(marshalled),
		log.String(), fmt.Sprint(struct{ T token.Token }{secret}), fmt.Sprint([]token.Token{secret}),
	} {
		if strings.Contains(printed, hidden) {
			t.Errorf("printed: %s", printed)
		}
	}
}

func TestHashes(t *testing.T) {
	h := token.NewCredential(machine).Hash()
	if read, err := token.ParseHash(h.String()); err != nil || !read.Equal(h) {
		t.Errorf("read %v (%v)", read, err)
	}
	for _, text := range []string{"", "abc", h.String()[1:], h.String() + "0", strings.Repeat("g", 64)} {
		if _, err := token.ParseHash(text); err == nil {
			t.Errorf("%q is a hash", text)
		}
	}
	if (token.Hash{}).Equal(token.Hash{}) {
		t.Error("no token is equal to no token")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(token.NewCredential(machine).Reveal())
	f.Add("osr1.a.b")
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []token.Kind{token.Registration, token.Credential} {
			if read, err := token.Parse(kind, text); err == nil && read.Reveal() != text {
				t.Errorf("%q is read as %q", text, read.Reveal())
			}
		}
	})
}
