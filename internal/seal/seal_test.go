// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cedros-io/open-spawn/internal/seal"
)

func newKey(t *testing.T) seal.PrivateKey {
	t.Helper()
	key, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestOnlyTheOwnerOpensAndOnlyWhatWasMeantForHim(t *testing.T) {
	owner, plain := newKey(t), []byte("sk-a-key-of-a-model")
	public, err := seal.ParsePublicKey(owner.Public().String())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := public.Seal("scout-1/7", plain)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, plain) {
		t.Error("it can be read")
	}
	content, err := owner.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := seal.ParsePrivateKey(content)
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := again.Open("scout-1/7", sealed); err != nil || !bytes.Equal(opened, plain) {
		t.Errorf("opened %q (%v)", opened, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for what, open := range map[string]func() ([]byte, error){
		"another's key":   func() ([]byte, error) { return newKey(t).Open("scout-1/7", sealed) },
		"another context": func() ([]byte, error) { return owner.Open("scout-1/8", sealed) },
		"a change":        func() ([]byte, error) { return owner.Open("scout-1/7", changed) },
		"nothing":         func() ([]byte, error) { return owner.Open("scout-1/7", nil) },
	} {
		if opened, err := open(); !errors.Is(err, seal.ErrNotOpened) {
			t.Errorf("with %s it is opened: %q (%v)", what, opened, err)
		}
	}
	if twice, err := public.Seal("scout-1/7", plain); err != nil || bytes.Equal(sealed, twice) {
		t.Error("sealing twice is the same (or fails)")
	}
}

func TestWhatIsNoKey(t *testing.T) {
	for _, text := range []string{"", "AAAA", "not base64!", newKey(t).Public().String() + "AAAA"} {
		if _, err := seal.ParsePublicKey(text); err == nil {
			t.Errorf("%q is a public key", text)
		}
	}
	for _, content := range [][]byte{nil, []byte("short"), make([]byte, 33)} {
		if _, err := seal.ParsePrivateKey(content); err == nil {
			t.Errorf("%d bytes are a private key", len(content))
		}
	}
}
