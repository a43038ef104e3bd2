// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"errors"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cedros-io/open-spawn/internal/cloud"
)

// start is a whole second, so that times that people are told are exact.
var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

var errDown = &cloud.Error{Kind: cloud.Unavailable, Op: "reading instance", Message: "HTTP 503"}

// bench is a Budget with its clock.
type bench struct {
	*testing.T
	*Budget
	clock *clocktesting.FakeClock
}

// fresh is a Budget that has just begun.
func fresh(t *testing.T) *bench {
	t.Helper()
	c := clocktesting.NewFakeClock(start)
	return &bench{t, New(Options{Clock: c, Jitter: func(time.Duration) time.Duration { return 0 }}), c}
}

// warm is a Budget whose first minute, in which it goes slowly, is over.
func warm(t *testing.T) *bench {
	t.Helper()
	b := fresh(t)
	b.current()
	b.clock.Step(2 * time.Minute)
	return b
}

// told makes the budget believe that so much of 5,000 is left.
func (b *bench) told(remaining int) {
	b.Observe(cloud.Answer{Status: 200, Limit: 5000, Remaining: remaining})
}

func act(account, bot string) Request {
	return Request{Class: Act, Account: account, Bot: bot, Cost: 2, Operations: 1}
}

// call asks once, and reports success; it returns why not and how long to wait.
func (b *bench) call(r Request) (Reason, time.Duration) {
	b.Helper()
	return b.callThen(r, nil)
}

func (b *bench) callThen(r Request, outcome error) (Reason, time.Duration) {
	b.Helper()
	permit, refusal := b.Admit(r)
	if refusal != nil {
		if refusal.Wait <= 0 {
			b.Errorf("%+v is refused for %s without a wait", r, refusal.Reason)
		}
		return refusal.Reason, refusal.Wait
	}
	permit.Report(max(r.Cost, 1), outcome)
	return "", 0
}

// want fails the test unless the request is admitted, for "", or refused for the reason.
func (b *bench) want(when string, r Request, want Reason) time.Duration {
	b.Helper()
	got, wait := b.call(r)
	if got != want {
		b.Errorf("%s: %s of %s is refused for %q, want %q", when, r.Class, r.Account, got, want)
	}
	return wait
}

// count asks as often as it is admitted.
func (b *bench) count(r func(i int) Request) int {
	for i := 0; ; i++ {
		if _, refusal := b.Admit(r(i)); refusal != nil {
			return i
		}
	}
}

// operations is how often something was done to the bot's machines within the hour.
func (b *bench) operations(bot string) int {
	if o, ok := b.current().shares.bots[bot]; ok {
		return o.count(b.clock.Now())
	}
	return 0
}

func throttle(t *testing.T, err error) *cloud.Error {
	t.Helper()
	var refusal *cloud.Error
	if !errors.As(err, &refusal) || refusal.Kind != cloud.Throttled || !cloud.IsDefinite(err) {
		t.Fatalf("error %v, want a definite refusal", err)
	}
	return refusal
}
