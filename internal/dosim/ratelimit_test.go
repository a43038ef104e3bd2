// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package dosim_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/cedros-io/open-spawn/internal/dosim"
)

// limits are the headers that every answer carries.
func (r answer) limits() string {
	h := r.header
	return fmt.Sprintf("%d %s of %s reset +%s retry %q", r.status, h.Get("Ratelimit-Remaining"),
		h.Get("Ratelimit-Limit"), sinceNoon(h.Get("Ratelimit-Reset")), h.Get("Retry-After"))
}

func sinceNoon(unix string) time.Duration {
	var at int64
	if _, err := fmt.Sscan(unix, &at); err != nil {
		return -1
	}
	return time.Unix(at, 0).Sub(noon)
}

func TestHourlyLimitSlides(t *testing.T) {
	a := start(t, func(o *dosim.Options) { o.HourlyLimit = 3 })
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, `200 2 of 3 reset +1h0m0s retry ""`},
		{10 * time.Minute, `200 1 of 3 reset +1h0m0s retry ""`},
		{10 * time.Minute, `200 0 of 3 reset +1h0m0s retry ""`},
		{10 * time.Minute, `429 0 of 3 reset +1h0m0s retry ""`},
		{30*time.Minute - 1, `429 0 of 3 reset +1h0m0s retry ""`},
		{1, `200 0 of 3 reset +1h10m0s retry ""`}, // one slot is free, and is taken
		{0, `429 0 of 3 reset +1h10m0s retry ""`},
	} {
		a.clock.Step(step.after)
		got := a.do(http.MethodGet, "/v2/account", nil)
		if got.limits() != step.want {
			t.Errorf("at %s: %s, want %s", a.clock.Since(noon), got.limits(), step.want)
		}
		if got.status == 429 && got.text("id") != "too_many_requests" {
			t.Errorf("body: %s", got.raw)
		}
	}
}

func TestMinuteLimitSaysWhenToComeBack(t *testing.T) {
	a := start(t, func(o *dosim.Options) { o.HourlyLimit, o.MinuteLimit = 100, 2 })
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, `200 99 of 100 reset +1h0m0s retry ""`},
		{time.Second, `200 98 of 100 reset +1h0m0s retry ""`},
		{500 * time.Millisecond, `429 0 of 100 reset +1h0m0s retry "59"`},
		{58*time.Second + 500*time.Millisecond, `200 97 of 100 reset +1h0m0s retry ""`},
		{0, `429 0 of 100 reset +1h0m0s retry "1"`},
	} {
		a.clock.Step(step.after)
		if got := a.do(http.MethodGet, "/v2/account", nil).limits(); got != step.want {
			t.Errorf("at %s: %s, want %s", a.clock.Since(noon), got, step.want)
		}
	}
}

func TestLimitsCountPerToken(t *testing.T) {
	a := start(t, func(o *dosim.Options) { o.HourlyLimit, o.Tokens = 5, []string{token, "second"} })
	a.sim.SpendRequests(token, 4)
	a.get("/v2/account")
	a.want(429, http.MethodGet, "/v2/account", nil)
	a.token = "second"
	if got := a.get("/v2/account").limits(); got != `200 4 of 5 reset +1h0m0s retry ""` {
		t.Errorf("the other token: %s", got)
	}
}

func TestUnlimitedStillHasHeaders(t *testing.T) {
	a := start(t)
	for range 3 {
		a.get("/v2/account")
	}
	if got := a.get("/v2/account").limits(); got != `200 5000 of 5000 reset +0s retry ""` {
		t.Errorf("%s", got)
	}
}

func TestKeyListHasALimitOfItsOwn(t *testing.T) {
	a := start(t, func(o *dosim.Options) { o.MinuteLimit = 250 })
	for range 10 {
		a.get("/v2/account/keys")
	}
	got := a.want(429, http.MethodGet, "/v2/account/keys", nil)
	if got.header.Get("Retry-After") != "60" {
		t.Errorf("header %v", got.header)
	}
	a.get("/v2/account")
	a.clock.Step(time.Minute)
	a.get("/v2/account/keys")
}
