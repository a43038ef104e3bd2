// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	"github.com/cedros-io/open-spawn/internal/status"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) *metav1.Time {
	t := metav1.NewTime(noon.Add(d))
	return &t
}

func TestWhatANextMachineBeginsFrom(t *testing.T) {
	for name, test := range map[string]struct {
		snapshot         int64
		redeploy, before *metav1.Time
		want             int64
	}{
		"nothing but the image":                     {},
		"a snapshot":                                {snapshot: 7, before: at(-time.Hour), want: 7},
		"a redeploy since the last machine":         {snapshot: 7, redeploy: at(0), before: at(-time.Hour)},
		"a redeploy that has not come":              {snapshot: 7, redeploy: at(1), before: at(-time.Hour), want: 7},
		"a redeploy before the last machine":        {snapshot: 7, redeploy: at(-2), before: at(-1), want: 7},
		"a redeploy as old as it":                   {snapshot: 7, redeploy: at(-1), before: at(-1), want: 7},
		"a last machine of which nobody knows when": {snapshot: 7, redeploy: at(0), want: 7},
	} {
		bot := &spawnv1.Bot{Spec: spawnv1.BotSpec{RedeployAt: test.redeploy}, Status: spawnv1.BotStatus{
			SnapshotID: test.snapshot, MachineCreatedAt: test.before,
		}}
		if got := restoresFrom(bot, noon); got != test.want {
			t.Errorf("%s: from %d, want %d", name, got, test.want)
		}
	}
}

func TestThePowerOfAMachine(t *testing.T) {
	for _, test := range []struct {
		desired  spawnv1.BotDesiredState
		admitted string
		has      spawnv1.PowerState
		want     spawnv1.PowerState
	}{
		{spawnv1.BotRunning, spawnv1.AdmittedReason, spawnv1.PowerOff, spawnv1.PowerOn},
		{spawnv1.BotRunning, spawnv1.AccountSuspendedReason, spawnv1.PowerOn, spawnv1.PowerOff},
		{spawnv1.BotRunning, spawnv1.AccountNotFoundReason, spawnv1.PowerOn, spawnv1.PowerOn},
		{spawnv1.BotRunning, spawnv1.AccountNotFoundReason, spawnv1.PowerOff, spawnv1.PowerOff},
		{spawnv1.BotRunning, spawnv1.AccountDeletingReason, spawnv1.PowerOn, spawnv1.PowerOn},
		{spawnv1.BotRunning, spawnv1.AccountDeletingReason, spawnv1.PowerOff, spawnv1.PowerOff},
		{spawnv1.BotPaused, spawnv1.AdmittedReason, spawnv1.PowerOn, spawnv1.PowerOff},
		{spawnv1.BotHibernated, spawnv1.AccountNotFoundReason, spawnv1.PowerOn, spawnv1.PowerOff},
	} {
		bot := &spawnv1.Bot{Spec: spawnv1.BotSpec{DesiredState: test.desired}}
		status.Set(bot, noon, status.False(spawnv1.AdmittedCondition, test.admitted, "said"))
		if got := desiredPower(bot, test.has); got != test.want {
			t.Errorf("%+v: powerState %s", test, got)
		}
	}
}

func TestWhatATroubleOfTheCloudMakesOfARedeploy(t *testing.T) {
	throttled := func(wait time.Duration) error {
		return &cloud.Error{Kind: cloud.Throttled, Message: "busy", RetryAfter: wait}
	}
	for name, test := range map[string]struct {
		err    error
		reason string
		wait   time.Duration
	}{
		"a moment over budget":   {throttled(time.Second), "", time.Second},
		"long over budget":       {throttled(time.Hour), spawnv1.ThrottledReason, time.Hour},
		"a cloud that is down":   {errors.New("down"), spawnv1.RedeployBlockedReason, blockedAgain},
		"a fleet that is frozen": {&cloud.Error{Kind: cloud.Frozen}, spawnv1.RedeployBlockedReason, blockedAgain},
	} {
		c, wait := hinders(test.err, noon)
		reason := ""
		if c != nil {
			reason = c.Reason
		}
		if reason != test.reason || wait != test.wait {
			t.Errorf("%s: %q and %s, want %q and %s", name, reason, wait, test.reason, test.wait)
		}
	}
}

func TestHowManyAbsentBotsAreTooMany(t *testing.T) {
	for _, test := range []struct {
		census
		mass bool
	}{
		{census{bots: 0, droplets: 1, absent: 1}, true},
		{census{bots: 1, droplets: 2, absent: 1}, false},
		{census{bots: 1, droplets: 3, absent: 2}, true},
		{census{bots: 8, droplets: 10, absent: 2}, false},
		{census{bots: 7, droplets: 10, absent: 3}, true},
		{census{bots: 95, droplets: 100, absent: 5}, false},
		{census{bots: 94, droplets: 100, absent: 6}, true},
		{census{bots: 980, droplets: 1000, absent: 20}, false},
		{census{bots: 979, droplets: 1000, absent: 21}, true},
	} {
		if got := test.isMass(); got != test.mass {
			t.Errorf("%+v: mass %v, want %v", test.census, got, test.mass)
		}
	}
}

func TestADropletIsLeftToABotThatMayBeRestored(t *testing.T) {
	bare := spawnv1.Droplet{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: *at(-time.Hour)}}
	old, tried, made := bare, bare, bare
	old.CreationTimestamp = *at(-24 * time.Hour)
	tried.Status.Attempt = &spawnv1.Attempt{}
	made.Status.InstanceID = 5
	for name, test := range map[string]struct {
		droplet *spawnv1.Droplet
		want    time.Duration
	}{
		"an hour old":        {&bare, 23 * time.Hour},
		"a day old":          {&old, 0},
		"one that has asked": {&tried, 0},
		"one that has":       {&made, 0},
	} {
		if got := mayBeRestored(test.droplet, noon); got != test.want {
			t.Errorf("%s: left for %s, want %s", name, got, test.want)
		}
	}
}

func TestACreationIsCountedByOurClock(t *testing.T) {
	droplet := &spawnv1.Droplet{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: *at(-time.Hour)}}
	if got := droplet.CreatedAt(); !got.Equal(at(-time.Hour)) {
		t.Errorf("created at %s, want as the API server says", got)
	}
	droplet.Annotations = map[string]string{spawnv1.CreatedAtAnnotation: noon.Format(time.RFC3339)}
	if got := droplet.CreatedAt(); !got.Equal(at(0)) {
		t.Errorf("created at %s, want as we have said", got)
	}
	droplet.Annotations[spawnv1.CreatedAtAnnotation] = "yesterday"
	if got := droplet.CreatedAt(); !got.Equal(at(-time.Hour)) {
		t.Errorf("created at %s, want as the API server says", got)
	}
}
