// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
)

const (
	// quotaPause is long enough not to spend the budget on a full account, and short enough that raising the limit is
	// noticed within a coffee break.
	quotaPause = 15 * time.Minute
	// credentialsPause is how soon a mended token is noticed.
	credentialsPause = time.Minute
	// throttlePause stands in for a retry-after that was not given.
	throttlePause = time.Minute
	// busyPause is about as long as a small action takes.
	busyPause = 5 * time.Second
	// unsentPause follows a request that never left: a dial that failed, or a lease that was lost.
	unsentPause = 10 * time.Second
	// refusedPause follows a look or a destruction that was refused: nobody knows what would mend it, so it is rare.
	refusedPause = time.Minute
	// unclaimedPause follows a request that was stopped because the Bot did not claim the machine.
	unclaimedPause = 30 * time.Second
)

// trouble is what a failed call means: the reason and words for a condition, and when to try again. A zero wait means
// that nothing but a change of spec makes another try worthwhile.
type trouble struct {
	reason  string
	message string
	wait    time.Duration
}

// lookTroubleOf reads a failed call that was not a create: the reasons that speak of the create request do not fit it,
// and its refusal is no verdict on the spec.
func lookTroubleOf(err error, now time.Time) trouble {
	t := troubleOf(err, now)
	switch t.reason {
	case spawnv1.CreateRefusedReason:
		return trouble{spawnv1.CloudUnavailableReason, t.message + "; trying again", refusedPause}
	case spawnv1.CreateNotSentReason:
		t.reason = spawnv1.CloudUnavailableReason
	}
	return t
}

// troubleOf reads a failed create. The time of the next try is in the message where a person would ask for it.
func troubleOf(err error, now time.Time) trouble {
	message := cloud.Message(err)
	if errors.Is(err, errUnclaimed) {
		return trouble{spawnv1.UnclaimedReason, err.Error() + "; nothing was asked for", unclaimedPause}
	}
	switch cloud.KindOf(err) {
	case cloud.Unauthorized:
		return trouble{spawnv1.CredentialsInvalidReason,
			"DigitalOcean refuses the token: " + message + "; replace the token, or give it the missing scope", credentialsPause}
	case cloud.Frozen:
		return trouble{cloud.Reason(err), message, credentialsPause}
	case cloud.Throttled:
		wait := cmp.Or(max(cloud.RetryAfter(err), 0), throttlePause)
		return trouble{spawnv1.ThrottledReason,
			fmt.Sprintf("%s; next try at %s", throttledBy(err), clockTime(now.Add(wait).Round(time.Second))), wait}
	case cloud.Exhausted:
		return trouble{spawnv1.QuotaExceededReason,
			fmt.Sprintf("DigitalOcean: %s; next try at %s", message, clockTime(now.Add(quotaPause))), quotaPause}
	case cloud.Refused, cloud.NotFound:
		return trouble{spawnv1.CreateRefusedReason, "DigitalOcean: " + message, 0}
	case cloud.Busy:
		return trouble{spawnv1.CloudUnavailableReason, "DigitalOcean: " + message + "; trying again", busyPause}
	case cloud.NotSent:
		return trouble{spawnv1.CreateNotSentReason, message + "; trying again", unsentPause}
	case cloud.Unavailable:
	}
	return trouble{spawnv1.CloudUnavailableReason, message + "; trying again", unsentPause}
}

// throttledBy says who holds us back: DigitalOcean, or our own budget, which has words for why.
func throttledBy(err error) string {
	if isBudget(err) {
		return cloud.Message(err)
	}
	return "DigitalOcean asks us to slow down"
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04:05 MST") }

func microTime(t time.Time) metav1.MicroTime {
	return metav1.NewMicroTime(t.Truncate(time.Microsecond))
}
