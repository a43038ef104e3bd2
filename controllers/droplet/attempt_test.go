// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package droplet

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

var (
	epoch  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	window = 5 * time.Minute
)

func at(offset time.Duration) *metav1.Time { return &metav1.Time{Time: epoch.Add(offset)} }

func TestTheNextMoveFollowsFromTheStoredStatus(t *testing.T) {
	const generation = 3
	for name, test := range map[string]struct {
		status spawnv1.DropletStatus
		want   move
	}{
		"nothing is known: create": {want: moveCreate},
		"the id is known: observe": {
			status: spawnv1.DropletStatus{InstanceID: 7, Attempt: &spawnv1.Attempt{State: spawnv1.AttemptDone}},
			want:   moveObserve,
		},
		"the id is known though the attempt is pending: observe": {
			status: spawnv1.DropletStatus{InstanceID: 7, Attempt: &spawnv1.Attempt{State: spawnv1.AttemptPending}},
			want:   moveObserve,
		},
		"the attempt is pending: resolve": {
			status: spawnv1.DropletStatus{Attempt: &spawnv1.Attempt{State: spawnv1.AttemptPending}}, want: moveResolve,
		},
		"the attempt is done but the id was lost: resolve": {
			status: spawnv1.DropletStatus{Attempt: &spawnv1.Attempt{State: spawnv1.AttemptDone}}, want: moveResolve,
		},
		"the attempt has expired: create": {
			status: spawnv1.DropletStatus{Attempt: &spawnv1.Attempt{State: spawnv1.AttemptExpired}}, want: moveCreate,
		},
		"refused for good: wait for another spec": {
			status: spawnv1.DropletStatus{Attempt: &spawnv1.Attempt{
				State: spawnv1.AttemptRefused, Generation: generation,
			}}, want: moveWait,
		},
		"refused for good, and the spec has changed: create": {
			status: spawnv1.DropletStatus{Attempt: &spawnv1.Attempt{
				State: spawnv1.AttemptRefused, Generation: generation - 1,
			}}, want: moveCreate,
		},
		"refused for now: wait": {
			status: spawnv1.DropletStatus{Attempt: &spawnv1.Attempt{
				State: spawnv1.AttemptRefused, Generation: generation, RetryAt: at(time.Second),
			}}, want: moveWait,
		},
		"refused, and its time has come: create": {
			status: spawnv1.DropletStatus{Attempt: &spawnv1.Attempt{
				State: spawnv1.AttemptRefused, Generation: generation, RetryAt: at(0),
			}}, want: moveCreate,
		},
	} {
		t.Run(name, func(t *testing.T) {
			droplet := &spawnv1.Droplet{Status: test.status}
			droplet.Generation = generation
			if got := nextMove(droplet, epoch); got != test.want {
				t.Errorf("the next move is %d, want %d", got, test.want)
			}
		})
	}
}

func TestTheNextAttemptIsNumberedAfterTheLast(t *testing.T) {
	droplet := &spawnv1.Droplet{}
	droplet.Generation = 4
	now := epoch.Add(1234567 * time.Nanosecond)

	first := nextAttempt(droplet, now, "manager-1")
	if first.Number != 1 || first.State != spawnv1.AttemptPending || first.Generation != 4 || first.Leader != "manager-1" {
		t.Errorf("the first attempt is %+v", first)
	}
	if want := epoch.Add(1234 * time.Microsecond); !first.StartedAt.Time.Equal(want) {
		t.Errorf("it starts at %s, want %s: what is compared later is what the API server stores", first.StartedAt, want)
	}
	first.EmptyLooks, first.RetryAt, droplet.Status.Attempt = 5, at(0), first
	second := nextAttempt(droplet, now, "manager-2")
	if second.Number != 2 || second.EmptyLooks != 0 || second.RetryAt != nil {
		t.Errorf("the second attempt is %+v, want number 2 from the start", second)
	}
}

func TestALookIsDueByTheScheduleWhateverWasMissed(t *testing.T) {
	for name, test := range map[string]struct {
		looks int32
		after time.Duration
		want  time.Duration
	}{
		"the first after 5 s":             {0, 0, 5 * time.Second},
		"the second after 15 s":           {1, 5 * time.Second, 10 * time.Second},
		"the third after 30 s":            {2, 15 * time.Second, 15 * time.Second},
		"the fourth after 60 s":           {3, 30 * time.Second, 30 * time.Second},
		"the fifth after 2 min":           {4, time.Minute, time.Minute},
		"the last after 5 min":            {5, 2 * time.Minute, 3 * time.Minute},
		"none after the last":             {9, 2 * time.Minute, 3 * time.Minute},
		"at once when it is overdue":      {1, time.Minute, -45 * time.Second},
		"at once when everything is over": {0, time.Hour, 5*time.Second - time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			attempt := &spawnv1.Attempt{StartedAt: metav1.NewMicroTime(epoch), EmptyLooks: test.looks}
			if got := lookIn(attempt, window, epoch.Add(test.after)); got != test.want {
				t.Errorf("the next look is in %s, want %s", got, test.want)
			}
		})
	}
}

func TestADoubtIsSettledByTimeAndByLooks(t *testing.T) {
	for name, test := range map[string]struct {
		looks int32
		after time.Duration
		want  bool
	}{
		"neither":                       {0, 0, false},
		"looks without the time":        {6, window - time.Microsecond, false},
		"the time without enough looks": {2, time.Hour, false},
		"both":                          {3, window, true},
		"both, long ago":                {6, time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			attempt := &spawnv1.Attempt{StartedAt: metav1.NewMicroTime(epoch), EmptyLooks: test.looks}
			if got := hasSettled(attempt, window, epoch.Add(test.after)); got != test.want {
				t.Errorf("settled is %v, want %v", got, test.want)
			}
		})
	}
}
