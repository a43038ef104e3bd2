// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/token"
)

func TestCRIT001_OneOfAHundredRegistrationsWins(t *testing.T) {
	var replicas []*replica
	for i := range 3 {
		replicas = append(replicas, startReplica(t, fmt.Sprintf("one-of-%d", i)))
	}
	const unlimited = 25 // so many at once are few enough that none is told to come later
	for round, perRound := range []int{unlimited, unlimited, unlimited, 100} {
		name := fmt.Sprintf("race%d-k3v9x2m1qab7c", round)
		givenMachine(t, name)
		credentials, replies := make([]token.Token, perRound), make([]reply, perRound)
		var all sync.WaitGroup
		for i := range perRound {
			credentials[i] = token.NewCredential(name)
			all.Go(func() { replies[i] = replicas[i%3].register(t, name, credentials[i]) })
		}
		all.Wait()
		var winner token.Token
		won, bodies := 0, map[string]bool{}
		for i, got := range replies {
			switch {
			case got.status == http.StatusOK:
				won, winner = won+1, credentials[i]
			case got.status == http.StatusConflict && got.problem() == protocol.CodeTokenUsed:
				bodies[withoutID(got.body)] = true
			case perRound > unlimited && got.header.Get("Retry-After") != "":
			default:
				t.Errorf("registration %d: %d %s (%v)", i, got.status, got.body, got.err)
			}
		}
		if won != 1 || len(bodies) != 1 {
			t.Fatalf("%d of %d won, and the others have %d bodies", won, perRound, len(bodies))
		}
		if p := presenceOf(t, name); !p.Credential.Equal(winner.Hash()) || p.Conflicts == 0 {
			t.Errorf("the Lease has another credential, or does not say that there were others: %+v", p)
		}
		for _, r := range replicas {
			if got := r.beat(t, winner); !got.Run {
				t.Errorf("the winner is not to run: %+v", got)
			}
		}
	}
}

// withoutID is a body without what is in no other.
func withoutID(body string) string {
	before, _, _ := strings.Cut(body, `"requestId"`)
	return before
}

func TestCRIT001_ALostReplyIsAskedForAgain(t *testing.T) {
	one, other := startReplica(t, "again-1"), startReplica(t, "again-2")
	name := nameOf(t)
	givenMachine(t, name)
	credential := token.NewCredential(name)
	first := one.register(t, name, credential)
	version := leaseOf(t, name).ResourceVersion
	for _, r := range []*replica{other, one, other} {
		if got := r.register(t, name, credential); got.status != http.StatusOK || got.body != first.body {
			t.Errorf("again: %d %s, want %s", got.status, got.body, first.body)
		}
	}
	// Also when the token has run out since.
	tell(t, name, func(m *delivery.Machine) *delivery.Content {
		m.Registration.NotAfter = clock.RealClock{}.Now().Add(-time.Hour)
		return nil
	})
	if got := one.register(t, name, credential); got.status != http.StatusOK {
		t.Errorf("after the token's end: %d %s", got.status, got.body)
	}
	if now := leaseOf(t, name).ResourceVersion; now != version {
		t.Errorf("the Lease was written: %s, was %s", now, version)
	}
}

func TestCRIT001_WhoIsRefusedAndHow(t *testing.T) {
	r := startReplica(t, "refuses")
	name, other := nameOf(t), "other-k3v9x2m1qab7c"
	givenMachine(t, name)
	givenMachine(t, other)
	right, credential := token.NewRegistration(fleetKey, name), token.NewCredential(name)
	stored := right.Hash().String()
	bodies := map[int]map[string]bool{}
	for what, test := range map[string]struct {
		header []string
		change func(*protocol.Registration)
		status int
	}{
		"no header":            {status: 401},
		"two headers":          {header: append(bearer(right), bearer(right)...), status: 401},
		"another scheme":       {header: []string{"Authorization", "Basic " + right.Reveal()}, status: 401},
		"no scheme":            {header: []string{"Authorization", right.Reveal()}, status: 401},
		"a wrong token":        {header: bearer(token.NewRegistration([]byte("another key"), name)), status: 401},
		"another bot's token":  {header: []string{"Authorization", "Bearer " + swap(right, other)}, status: 401},
		"the stored hash":      {header: []string{"Authorization", "Bearer osr1." + name + "." + stored[:43]}, status: 401},
		"a credential":         {header: bearer(credential), status: 401},
		"an unknown machine's": {header: bearer(token.NewRegistration(fleetKey, "gone-k3v9x2m1qab7c")), status: 401},
		"a gateway's":          {header: bearer(token.NewRegistration(fleetKey, "gateway.refuses")), status: 401},
		"another instance": {
			header: bearer(right), change: func(r *protocol.Registration) { r.InstanceID++ }, status: 401,
		},
		"no hash": {
			header: bearer(right), change: func(r *protocol.Registration) { r.CredentialSHA256 = "x" }, status: 400,
		},
		"no key": {
			header: bearer(right), change: func(r *protocol.Registration) { r.SealKey = "x" }, status: 400,
		},
	} {
		asks := registration(credential)
		if test.change != nil {
			test.change(&asks)
		}
		got := r.call(t, http.MethodPost, protocol.RegisterPath, asks, test.header...)
		if got.status != test.status || got.header.Get("Content-Type") != protocol.ProblemType {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
		if bodies[got.status] == nil {
			bodies[got.status] = map[string]bool{}
		}
		bodies[got.status][withoutID(got.body)] = true
		if leaseOf(t, name) != nil || leaseOf(t, other) != nil {
			t.Fatalf("%s: the token was used", what)
		}
	}
	for status, different := range bodies {
		if len(different) != 1 {
			t.Errorf("%d has several bodies: %v", status, different)
		}
	}
	if text := r.log.String(); strings.Contains(text, right.Reveal()[len(right.Reveal())-43:]) {
		t.Error("the token is in the log")
	}
	if got := r.register(t, name, credential); got.status != http.StatusOK {
		t.Errorf("after all that the right one is answered %d %s", got.status, got.body)
	}
}

// swap puts another machine's name into a token.
func swap(of token.Token, machine string) string {
	return "osr1." + machine + of.Reveal()[len("osr1.")+len(of.Machine()):]
}

func TestCRIT001_TooEarlyTooLateAndElsewhere(t *testing.T) {
	r := startReplica(t, "times")
	for what, test := range map[string]struct {
		change func(*delivery.Machine)
		status int
	}{
		"an instance that is not known yet": {func(m *delivery.Machine) { m.InstanceID = 0 }, 503},
		"a token that has expired":          {func(m *delivery.Machine) { m.Registration.NotAfter = time.Unix(1e9, 0) }, 410},
		"no token":                          {func(m *delivery.Machine) { m.Registration = nil }, 401},
		"no hash of a token":                {func(m *delivery.Machine) { m.Registration.SHA256 = "" }, 401},
		"another address":                   {func(m *delivery.Machine) { m.Addresses = []string{"203.0.113.7"} }, 401},
		"one of its addresses": {
			func(m *delivery.Machine) { m.Addresses = []string{"203.0.113.7", "127.0.0.1"} }, 200,
		},
	} {
		name := strings.ReplaceAll(strings.ToLower(what), " ", "-") + "-k3v9x2m1qab7c"
		givenMachine(t, name, test.change)
		got := r.register(t, name, token.NewCredential(name))
		if got.status != test.status || (leaseOf(t, name) != nil) != (test.status == 200) {
			t.Errorf("%s: %d %s, want %d", what, got.status, got.body, test.status)
		}
		if after := got.header.Get("Retry-After"); (after != "") != (test.status == 503) {
			t.Errorf("%s: Retry-After is %q", what, after)
		}
	}
	// Once the instance is known, the token is as good as it was.
	name := "an-instance-that-is-not-known-yet-k3v9x2m1qab7c"
	tell(t, name, func(m *delivery.Machine) *delivery.Content {
		m.InstanceID = instance
		return nil
	})
	if got := r.register(t, name, token.NewCredential(name)); got.status != http.StatusOK {
		t.Errorf("when it is known: %d %s", got.status, got.body)
	}
}

func TestCRIT001_AMachineThatIsGoneStaysGone(t *testing.T) {
	one, other := startReplica(t, "gone-1"), startReplica(t, "gone-2")
	name := nameOf(t)
	credential := givenRegistered(t, one, name)
	other.beat(t, credential)
	revoke(t, name)
	for _, r := range []*replica{one, other} {
		eventually(t, "the credential is dead", func() bool {
			return r.call(t, http.MethodPost, protocol.HeartbeatPath, "{}", bearer(credential)...).status == 401
		})
		if got := r.register(t, name, credential); got.status != 401 {
			t.Errorf("registering again: %d %s", got.status, got.body)
		}
	}
	if leaseOf(t, name) != nil {
		t.Error("a late heartbeat has brought it back")
	}
}
