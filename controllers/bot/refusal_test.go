// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// outdated is a market that remembers sizes which DigitalOcean has withdrawn since.
type outdated struct{}

func (outdated) Refuses(context.Context, spawnv1.Machine) (string, error) { return "", nil }
func (outdated) HourlyMicroUSD(context.Context, string) (int64, error)    { return 17860, nil }

func TestASizeThatWasWithdrawnIsToldInDigitalOceansWordsAndCorrected(t *testing.T) {
	e := testenv.New(t)
	e.Market = outdated{}
	e.Restart()
	e.GivenAccount()
	bot := e.GivenBot("scout", func(b *spawnv1.Bot) { b.Spec.Machine.Size = "s-99vcpu-1gb" })
	e.Settle()
	stuck := e.Bot("scout")
	e.WantCondition(stuck, spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.CreateRefusedReason,
		"You specified an invalid size for Droplet creation.")
	e.WantCondition(stuck, spawnv1.DropletReadyCondition, metav1.ConditionFalse, spawnv1.CreateRefusedReason)
	wantOnly(t, stuck, spawnv1.StalledCondition)
	if e.Creates() != 1 {
		t.Errorf("%d create requests for a size that does not exist, want 1", e.Creates())
	}
	droplet := e.DropletOf("scout")

	e.Update(bot, func() { bot.Spec.Machine.Size = "s-2vcpu-2gb" })
	untilReady(e, "scout")
	if now := e.DropletOf("scout"); now.UID != droplet.UID || now.Spec.Size != "s-2vcpu-2gb" {
		t.Errorf("droplet %s of size %s, want the same one with the new size", now.Name, now.Spec.Size)
	}
	wantInstances(t, e, "scout", 1, 1)
}

func TestAnUnknownRegionIsCorrectedWithAnotherDroplet(t *testing.T) {
	e := testenv.New(t)
	e.GivenAccount()
	bot := e.GivenBot("scout", func(b *spawnv1.Bot) { b.Spec.Machine.Region = "mars1" })
	e.Settle()
	e.WantCondition(e.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.CreateRefusedReason,
		"invalid region")
	wantOnly(t, e.Bot("scout"), spawnv1.StalledCondition)
	droplet := e.DropletOf("scout")

	e.Update(bot, func() { bot.Spec.Machine.Region = "ams3" })
	untilReady(e, "scout")
	if now := e.DropletOf("scout"); now.UID == droplet.UID || now.Spec.Region != "ams3" {
		t.Errorf("droplet %s in %s, want another one in ams3", now.Name, now.Spec.Region)
	}
	wantInstances(t, e, "scout", 1, 1)
}

func TestAnUnknownRegionIsNotCorrectedWhileTheAccountIsSuspended(t *testing.T) {
	e := testenv.New(t)
	account := e.GivenAccount()
	bot := e.GivenBot("scout", func(b *spawnv1.Bot) { b.Spec.Machine.Region = "mars1" })
	e.Settle()
	e.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountSuspended })
	e.Update(bot, func() { bot.Spec.Machine.Region = "ams3" })
	e.Settle()
	e.WantCondition(e.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.AccountSuspendedReason)
	if now := e.DropletOf("scout"); now.Spec.Region != "mars1" {
		t.Errorf("the droplet was replaced while the account is suspended: %+v", now.Spec)
	}

	e.Update(account, func() { account.Spec.DesiredState = spawnv1.AccountActive })
	untilReady(e, "scout")
	wantInstances(t, e, "scout", 1, 1)
}

func TestAFullDigitalOceanAccountIsTriedAgainByItself(t *testing.T) {
	e := testenv.New(t)
	e.Cloud.SetDropletLimit(0)
	e.GivenAccount()
	e.GivenBot("scout")
	e.Settle()
	e.WantCondition(e.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.QuotaExceededReason,
		"droplet limit", "next try at")
	wantOnly(t, e.Bot("scout"), spawnv1.ReconcilingCondition)

	e.Cloud.SetDropletLimit(1)
	untilReady(e, "scout")
	wantInstances(t, e, "scout", 1, 1)
}

func TestARegionWithoutRoomCanBeLeftForAnother(t *testing.T) {
	e := testenv.New(t)
	e.Cloud.SetDropletLimit(0)
	e.GivenAccount()
	bot := e.GivenBot("scout")
	e.Settle()
	e.Cloud.SetDropletLimit(1)
	e.Update(bot, func() { bot.Spec.Machine.Region = "fra1" })
	started := e.Clock.Now()
	untilReady(e, "scout")
	if e.DropletOf("scout").Spec.Region != "fra1" || e.Clock.Since(started).Minutes() > 5 {
		t.Errorf("in %s after %s, want fra1 without waiting for the next try",
			e.DropletOf("scout").Spec.Region, e.Clock.Since(started))
	}
	wantInstances(t, e, "scout", 1, 1)
}
