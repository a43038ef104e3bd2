// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/agent/client"
	"github.com/cedros-io/open-spawn/internal/agent/state"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

const machine = "scout-k3v9x2m1qab7c"

func openKeyring(t *testing.T, path string) *keyring {
	t.Helper()
	dir, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	now := func() time.Time { return time.Unix(2e9, 0).UTC() }
	keys, err := newKeyring(dir, machine, slog.New(slog.DiscardHandler), now)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestBothCredentialsAreTriedUntilItIsKnownWhichIsGood has a life that ended between writing the next credential and
// hearing what became of it.
func TestBothCredentialsAreTriedUntilItIsKnownWhichIsGood(t *testing.T) {
	refused := &client.Refusal{Problem: &protocol.Problem{Code: protocol.CodeUnauthorized}}
	down := errors.New("no gateway answers")
	for name, test := range map[string]struct {
		says          func(next bool) error
		calls         []string
		err           error
		isNext, again bool
	}{
		"the next was taken": {
			says:  func(bool) error { return nil },
			calls: []string{"next"}, isNext: true,
		},
		"the next was never heard of": {
			says: func(next bool) error {
				if next {
					return refused
				}
				return nil
			},
			calls: []string{"next", "old"},
		},
		"nobody answers": {
			says:  func(bool) error { return down },
			calls: []string{"next"}, err: down, again: true,
		},
		"neither is good": {
			says:  func(bool) error { return refused },
			calls: []string{"next", "old"}, err: refused, again: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			before := openKeyring(t, path)
			next := token.NewCredential(machine)
			if err := before.change(func(id *state.Identity) { id.Next = next }); err != nil {
				t.Fatal(err)
			}
			was, _ := before.get()
			if err := before.dir.Close(); err != nil {
				t.Fatal(err)
			}
			keys := openKeyring(t, path)
			var calls []string
			err := keys.with(func(credential token.Token) error {
				calls = append(calls, map[bool]string{true: "next", false: "old"}[credential == next])
				return test.says(credential == next)
			})
			id, offered := keys.get()
			if !errors.Is(err, test.err) || !slices.Equal(calls, test.calls) || offered != test.again {
				t.Errorf("calls %v, offered %v (%v), want %+v", calls, offered, err, test)
			}
			if want := map[bool]token.Token{true: next, false: was.Credential}[test.isNext]; id.Credential != want {
				t.Error("the credential is another")
			}
		})
	}
}

func TestACallThatWasOvertakenByANewCredentialIsMadeWithIt(t *testing.T) {
	keys := openKeyring(t, t.TempDir())
	next, calls := token.NewCredential(machine), 0
	err := keys.with(func(credential token.Token) error {
		calls++
		if credential == next {
			return nil
		}
		if err := keys.change(func(id *state.Identity) { id.Credential = next }); err != nil {
			t.Fatal(err)
		}
		return &client.Refusal{Problem: &protocol.Problem{Code: protocol.CodeUnauthorized}}
	})
	if err != nil || calls != 2 {
		t.Errorf("after %d calls: %v", calls, err)
	}
}

func TestWhatIsNotOnTheDiskIsNotUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	keys := openKeyring(t, path)
	was, _ := keys.get()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := keys.change(func(id *state.Identity) { id.Next = token.NewCredential(machine) }); err == nil {
		t.Fatal("it is written to nowhere")
	}
	if is, _ := keys.get(); is.Next != was.Next {
		t.Error("it would be used")
	}
}
