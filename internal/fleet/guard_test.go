// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/testenv"
	"github.com/cedros-io/open-spawn/internal/tokenfile"
)

func TestATokenIsVerifiedOnce(t *testing.T) {
	p := newPost(t)
	for range 5 {
		p.wantFree()
		p.Step(time.Hour)
	}
	if n := p.Cloud.Requests("GET", account); n != 1 {
		t.Errorf("the team was asked for %d times, want once", n)
	}
}

func TestATokenOfAnotherTeamIsRefusedEveryAnswer(t *testing.T) {
	p := newPost(t)
	p.plant(testenv.Fleet)
	p.wantFree()
	p.SetToken(foreign)
	p.Cloud.ResetJournal()
	p.wantFrozen(spawnv1.AccountMismatchReason, true)
	for _, entry := range p.Cloud.Journal() {
		if entry.Route != account {
			t.Errorf("%s %s was sent with a token of another team", entry.Method, entry.Path)
		}
	}
	p.SetToken("token-1")
	p.wantFree()
	if said := p.said(); len(said) != 2 || !strings.HasPrefix(said[0], "Warning AccountMismatch") ||
		!strings.HasPrefix(said[1], "Normal FleetFree") {
		t.Errorf("the events are %q, want one when it froze and one when it thawed", said)
	}
}

func TestAMismatchIsLookedAtAgainEveryMinute(t *testing.T) {
	p := newPost(t)
	p.Cloud.SetTeam(dosim.Team{UUID: "7f000000-0000-4000-8000-000000000000"})
	p.wantFrozen(spawnv1.AccountMismatchReason, true)
	p.Cloud.SetTeam(dosim.Team{UUID: testenv.TeamUUID})
	p.Step(59 * time.Second)
	p.wantFrozen(spawnv1.AccountMismatchReason, true)
	if n := p.Cloud.Requests("GET", account); n != 1 {
		t.Errorf("the team was asked for %d times within a minute, want once", n)
	}
	p.Step(time.Second)
	p.wantFree()
}

func TestAVerdictStandsWhileTheTeamCannotBeAskedFor(t *testing.T) {
	p := newPost(t)
	p.SetToken(foreign)
	p.wantFrozen(spawnv1.AccountMismatchReason, true)
	p.Cloud.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Route: account, Status: 503, Count: dosim.Forever})
	p.Step(time.Hour)
	p.wantFrozen(spawnv1.AccountMismatchReason, true)
}

func TestWhatHappensToTheTeamRequestIsNoAnswerAboutAnInstance(t *testing.T) {
	for name, test := range map[string]struct {
		fault dosim.Fault
		want  cloud.Kind
	}{
		"down":      {dosim.Fault{Kind: dosim.FaultStatus, Status: 503}, cloud.Unavailable},
		"an edge":   {dosim.Fault{Kind: dosim.FaultStatus, Status: 504, HTML: true}, cloud.Unavailable},
		"not found": {dosim.Fault{Kind: dosim.FaultStatus, Status: 404}, cloud.Unavailable},
		"refused":   {dosim.Fault{Kind: dosim.FaultStatus, Status: 422}, cloud.Unavailable},
		"cut":       {dosim.Fault{Kind: dosim.FaultCutBody}, cloud.Unavailable},
		"dropped":   {dosim.Fault{Kind: dosim.FaultDropBefore}, cloud.Unavailable},
		"throttled": {dosim.Fault{Kind: dosim.FaultStatus, Status: 429, RetryAfter: time.Minute}, cloud.Throttled},
		"scope":     {dosim.Fault{Kind: dosim.FaultStatus, Status: 403}, cloud.Unauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			test.fault.Route, test.fault.Count = account, dosim.Forever
			p.Cloud.AddFault(test.fault)
			for op, call := range p.calls() {
				want := test.want
				if (op == "Create" || op == "Delete") && want == cloud.Unavailable {
					want = cloud.NotSent // it provably was not, and need not be looked for
				}
				if err := call(); cloud.KindOf(err) != want {
					t.Errorf("%s: %s (%v), want %s", op, cloud.KindOf(err), err, want)
				}
			}
			p.wantNoWrites()
			p.Cloud.ClearFaults()
			p.Step(time.Minute)
			p.wantFree()
		})
	}
}

// TestNoCallGoesOutWithATokenThatWasSwappedAfterTheCheck has the token change at every moment at which it is read.
func TestNoCallGoesOutWithATokenThatWasSwappedAfterTheCheck(t *testing.T) {
	e := testenv.New(t)
	e.Cloud.AddTeam(dosim.Team{}, foreign)
	const moments, calls = 8, 10 // more calls than moments, so that each change is met
	for moment := range moments {
		reads := 0
		p := newPostIn(t, e, func(_ *testenv.Env, o *fleet.Options) {
			o.Token = func() string {
				if reads++; reads > moment {
					return foreign
				}
				return "token-1"
			}
		})
		id := p.plant(testenv.Fleet)
		for range calls {
			if _, err := p.Get(t.Context(), id); err != nil && cloud.Reason(err) != spawnv1.AccountMismatchReason {
				t.Errorf("a token that changed at read %d: %v", moment, err)
			}
		}
		if err := p.Frozen(); err == nil {
			t.Errorf("a token that changed at read %d was not noticed", moment)
		}
	}
}

func TestACallUnderWayKeepsItsToken(t *testing.T) {
	p := newPost(t)
	id := p.plant(testenv.Fleet)
	swapped := newPostIn(t, p.Env, func(e *testenv.Env, o *fleet.Options) {
		inner := o.Dial
		o.Dial = func(token string) (fleet.Cloud, error) {
			api, err := inner(token)
			return swapping{api, func() { e.SetToken(foreign) }}, err
		}
	})
	if _, err := swapped.Get(t.Context(), id); err != nil {
		t.Errorf("a call that was under way when the token changed: %v", err)
	}
	swapped.wantFrozen(spawnv1.AccountMismatchReason, true)
}

// swapping replaces the token once a call has passed the guard.
type swapping struct {
	fleet.Cloud
	swap func()
}

func (s swapping) Get(ctx context.Context, id int64) (cloud.Instance, error) {
	s.swap()
	return s.Cloud.Get(ctx, id)
}

func TestHIGH004_ABadTokenIsAMetricAndAnEventAndIsMendedWithoutARestart(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "blank": " \n", "two lines": "token-1\nand more", "a NUL": "token-1\x00", "revoked": "dop_v1_revoked",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token")
			write := func(content string) {
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(content)
			p := newPost(t, func(e *testenv.Env, o *fleet.Options) {
				file, err := tokenfile.Open(path, e.Clock)
				if err != nil {
					t.Fatal(err)
				}
				o.Token = file.Token
			})
			for op, call := range p.calls() {
				if err := call(); cloud.KindOf(err) != cloud.Unauthorized {
					t.Errorf("%s: %v, want it unauthorized", op, err)
				}
			}
			p.wantMetric(spawnv1.CredentialsInvalidReason)
			if p.Frozen() != nil {
				t.Errorf("a Droplet at rest would not be Ready: %v", p.Frozen())
			}
			write("token-1\n")
			p.Step(6 * time.Second)
			p.wantFree()
			said := p.said()
			if len(said) != 2 || !strings.HasPrefix(said[0], "Warning CredentialsInvalid") {
				t.Errorf("the events are %q", said)
			}
			if all := strings.Join(said, " "); strings.Contains(all, "token-1") || strings.Contains(all, "dop_v1") {
				t.Errorf("the events show the token: %s", all)
			}
		})
	}
}

func TestHIGH004_ATokenThatIsRevokedLaterIsNoticed(t *testing.T) {
	p := newPost(t)
	p.wantFree()
	p.Cloud.SetTokens("token-2")
	for range 2 {
		if _, err := p.FindByName(t.Context(), "scout"); cloud.KindOf(err) != cloud.Unauthorized {
			t.Errorf("%v, want it unauthorized", err)
		}
	}
	p.wantMetric(spawnv1.CredentialsInvalidReason)
	p.SetToken("token-2")
	p.wantFree()
}

func TestNoTokenIsShownByTheGuard(t *testing.T) {
	const secret = "no-known-shape-0123456789"
	p := newPost(t)
	p.wantFree()
	p.SetToken(secret)
	for op, call := range p.calls() {
		if err := call(); err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
			t.Errorf("%s: %v", op, err)
		}
	}
}

func TestACallerThatLeavesTellsNobodyThatTheVerificationFailed(t *testing.T) {
	p := newPost(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Get(ctx, 7)
	if cloud.KindOf(err) != cloud.NotSent || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want it not sent", err)
	}
	p.wantFree()
}

func TestTheGuardVerifiesByItselfAndWakesWhoListens(t *testing.T) {
	var token atomic.Value
	token.Store("token-1")
	p := newPost(t, unrecorded, func(_ *testenv.Env, o *fleet.Options) {
		o.Token = func() string { s, _ := token.Load().(string); return s }
	})
	heard := make(chan error, 10)
	stop := p.OnChange(func() { heard <- p.Frozen() })
	defer stop()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.Start(ctx) }()
	await := func() {
		for !p.Clock.HasWaiters() {
			runtime.Gosched()
		}
	}
	await()
	if p.FleetRecord() == nil {
		t.Error("the record of a new fleet is not written at the start")
	}
	token.Store(foreign)
	p.Step(5 * time.Second)
	if err := <-heard; cloud.Reason(err) != spawnv1.AccountMismatchReason {
		t.Errorf("heard %v, want a mismatch", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Start: %v", err)
	}
}
