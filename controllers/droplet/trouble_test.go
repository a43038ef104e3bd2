// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
)

func failure(kind cloud.Kind) error {
	return fmt.Errorf("destroying surplus instance 7: %w", &cloud.Error{Kind: kind, Op: "testing", Message: "so it said"})
}

func TestATroubleSaysItsCauseAndWhenItIsTriedAgain(t *testing.T) {
	throttled := &cloud.Error{Kind: cloud.Throttled, RetryAfter: 7 * time.Second}
	for name, test := range map[string]struct {
		err        error
		wantReason string
		wantSays   string
		wantWait   time.Duration
		// wantOfALook is the reason when the call was no create; empty means the same.
		wantOfALook string
		wantLook    time.Duration
	}{
		"a bad token": {failure(cloud.Unauthorized), spawnv1.CredentialsInvalidReason,
			"so it said; replace the token", time.Minute, "", time.Minute},
		"too fast, and told": {throttled, spawnv1.ThrottledReason,
			"next try at 03:04:12 UTC", 7 * time.Second, "", 7 * time.Second},
		"too fast, and not told": {failure(cloud.Throttled), spawnv1.ThrottledReason,
			"next try at 03:05:05 UTC", time.Minute, "", time.Minute},
		"a full quota": {failure(cloud.Exhausted), spawnv1.QuotaExceededReason,
			"so it said; next try at 03:19:05 UTC", 15 * time.Minute, "", 15 * time.Minute},
		"refused": {failure(cloud.Refused), spawnv1.CreateRefusedReason,
			"DigitalOcean: so it said", 0, spawnv1.CloudUnavailableReason, time.Minute},
		"not found": {failure(cloud.NotFound), spawnv1.CreateRefusedReason,
			"DigitalOcean: so it said", 0, spawnv1.CloudUnavailableReason, time.Minute},
		"busy": {failure(cloud.Busy), spawnv1.CloudUnavailableReason,
			"so it said; trying again", 5 * time.Second, "", 5 * time.Second},
		"never sent": {failure(cloud.NotSent), spawnv1.CreateNotSentReason,
			"so it said; trying again", 10 * time.Second, spawnv1.CloudUnavailableReason, 10 * time.Second},
		"no answer": {failure(cloud.Unavailable), spawnv1.CloudUnavailableReason,
			"so it said; trying again", 10 * time.Second, "", 10 * time.Second},
		"a stranger's error": {errors.New("etcd is away"), spawnv1.CloudUnavailableReason,
			"etcd is away; trying again", 10 * time.Second, "", 10 * time.Second},
		"unclaimed": {fmt.Errorf("asking: %w", errUnclaimed), spawnv1.UnclaimedReason,
			"nothing was asked for", 30 * time.Second, "", 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			got := troubleOf(test.err, epoch)
			if got.reason != test.wantReason || got.wait != test.wantWait || !strings.Contains(got.message, test.wantSays) {
				t.Errorf("trouble is %+v, want %s in %s saying %q", got, test.wantReason, test.wantWait, test.wantSays)
			}
			if test.wantOfALook == "" {
				test.wantOfALook = test.wantReason
			}
			if look := lookTroubleOf(test.err, epoch); look.reason != test.wantOfALook || look.wait != test.wantLook {
				t.Errorf("trouble of a look is %+v, want %s in %s", look, test.wantOfALook, test.wantLook)
			}
		})
	}
}

func TestEveryKindOfFailureHasATroubleThatEnds(t *testing.T) {
	for kind := cloud.Unavailable; kind <= cloud.Unauthorized; kind++ {
		if got := lookTroubleOf(failure(kind), epoch); got.wait <= 0 || got.reason == "" || got.message == "" {
			t.Errorf("a look that failed for %s is never tried again: %+v", kind, got)
		}
	}
}
