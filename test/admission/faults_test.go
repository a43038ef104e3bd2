// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// faults are what can go wrong between the API server and the webhooks. All of them end by themselves or with the test,
// and only tests that do not run in parallel cause any.
type faults struct {
	// lose decides, before anything is passed back to the API server, whether the connection is closed instead, once.
	lose atomic.Pointer[func() bool]
	// gone is the number of the server that is not reached, from 1; none when it is 0.
	gone atomic.Int64
	// open are the connections from the API server.
	open sync.Map
}

// isGone tells whether a server, counted from 0, is not reached.
func (f *faults) isGone(number int) bool { return int(f.gone.Load()) == number+1 }

// opened notes a connection from the API server, and returns what forgets it.
func (f *faults) opened(from net.Conn) (closed func()) {
	f.open.Store(from, nil)
	return func() { f.open.Delete(from) }
}

// hangUp closes every connection, so that the API server has to make new ones.
func (f *faults) hangUp() {
	f.open.Range(func(from, _ any) bool {
		if connection, ok := from.(net.Conn); ok {
			_ = connection.Close()
		}
		return true
	})
}

// replies is what is passed back to the API server, unless it is to be lost.
type replies struct {
	net.Conn

	faults *faults
}

func (r replies) Write(content []byte) (int, error) {
	if lose := r.faults.lose.Load(); lose != nil && (*lose)() && r.faults.lose.CompareAndSwap(lose, nil) {
		return 0, net.ErrClosed // and who copies closes both sides
	}
	return r.Conn.Write(content)
}

func TestCRIT002_ALostReplyCostsNoSecondSlot(t *testing.T) {
	givenAccount(t, "lost", 1)
	hasSlot := func() bool {
		var account spawnv1.Account
		err := shared.api.Get(t.Context(), client.ObjectKey{Name: "lost"}, &account)
		return err == nil && len(account.Status.Slots) > 0
	}
	// Handshakes are before the slot, and the answer is after it.
	shared.proxy.lose.Store(&hasSlot)
	t.Cleanup(func() { shared.proxy.lose.Store(nil) })

	err := shared.api.Create(t.Context(), newBot("lost", "lost"))
	if !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), "failed calling webhook") {
		t.Fatalf("creating while the reply is lost: %v, want a failed call", err)
	}
	if shared.proxy.lose.Load() != nil {
		t.Fatal("no reply was lost")
	}
	// The slot is the name's now: not another's, and not one more for the same.
	key := slots.KeyOf(newBot("lost", "lost"))
	if slot, ok := accountNow(t, "lost").Status.Slots[key]; !ok || slot.UID != "" {
		t.Errorf("after a lost reply, the slot of %s is %+v", key, slot)
	}
	if err := shared.api.Create(t.Context(), newBot("lost", "other")); !apierrors.IsForbidden(err) {
		t.Errorf("creating another while the slot is reserved: %v, want a refusal", err)
	}
	if err := shared.api.Create(t.Context(), newBot("lost", "lost")); err != nil {
		t.Fatalf("creating once more: %v", err)
	}
	slotsAreBots(t, "lost", 1)
}

func TestCRIT002_AServerGoesAway(t *testing.T) {
	const limit = 4
	givenAccount(t, "gone", limit)
	t.Cleanup(func() { shared.proxy.gone.Store(0) })
	unreached := 0
	for round := range 10 {
		var bots []*spawnv1.Bot
		for i := range attempts {
			bots = append(bots, newBot("gone", fmt.Sprintf("gone-r%d-%d", round, i)))
		}
		// Another of the three each time, and with it every connection there is, also those that wait for a reply.
		shared.proxy.gone.Store(int64(round%replicas) + 1)
		cut := make(chan struct{})
		go func() {
			defer close(cut)
			shared.proxy.hangUp()
		}()
		refused, again := stubbornly(t, bots)
		<-cut
		unreached += again
		if refused != attempts-limit {
			t.Fatalf("round %d: %d refused, want %d", round, refused, attempts-limit)
		}
		slotsAreBots(t, "gone", limit)
		if err := removeBots(t.Context(), "gone"); err != nil {
			t.Fatal(err)
		}
	}
	if unreached == 0 {
		t.Error("nobody was refused for want of a server")
	}
}

// stubbornly creates Bots at once, and those again that nobody judged, until each is accepted or refused for want of a
// slot. It returns how many were refused, and how many tries there were for which no server was reached.
func stubbornly(t *testing.T, bots []*spawnv1.Bot) (refused, unreached int) {
	t.Helper()
	const tries = 30
	for range tries {
		var again []*spawnv1.Bot
		for i, a := range all(t.Context(), bots) {
			switch {
			case a.err == nil:
			case apierrors.IsInternalError(a.err) && strings.Contains(a.err.Error(), "failed calling webhook"):
				unreached++
				again = append(again, bots[i])
			case strings.Contains(a.err.Error(), "try again"):
				again = append(again, bots[i])
			case apierrors.IsForbidden(a.err):
				refused++
			default:
				t.Fatal(a.err)
			}
		}
		if bots = again; len(bots) == 0 {
			return refused, unreached
		}
	}
	t.Fatalf("after %d tries, %d are still not judged", tries, len(bots))
	return refused, unreached
}
