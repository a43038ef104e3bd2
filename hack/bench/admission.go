// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

const (
	// warmUps are created before anything is measured, so that connections are open and code is compiled.
	warmUps = 20
	// timedCreates is how many creates the latency is taken from, one at a time.
	timedCreates = 200
	// crowdRounds is how often one Account is filled, each time another one: to fill it once is over too soon.
	crowdRounds = 3
	// spreadAccounts have spreadBots each.
	spreadAccounts, spreadBots = 100, 10
)

// admissionReport is what is printed of admission.
type admissionReport struct {
	Admission struct {
		Without admitted `json:"without_webhook"`
		With    admitted `json:"with_webhook"`
		Timed   int      `json:"timed_creates"`
		Writers int      `json:"writers"`
	} `json:"admission"`
	Go   string `json:"go"`
	CPUs int    `json:"cpus"`
}

// admitted is how quickly Bots are created. Latency is of one create at a time; the rates are of many writers, on one
// Account of 100 Bots and on 100 Accounts.
type admitted struct {
	P50       float64 `json:"p50_create_ms"`
	P99       float64 `json:"p99_create_ms"`
	OneRate   float64 `json:"creates_per_second_on_one_account"`
	ManyRates float64 `json:"creates_per_second_on_100_accounts"`
}

// measureAdmission measures the creates of Bots, which nobody turns into machines: first without any webhook, then with
// a manager that is not the leader. It serves the webhooks as every replica does, and runs no controllers.
func (s *stage) measureAdmission(ctx context.Context) (r admissionReport, err error) {
	r.Go, r.CPUs = runtime.Version(), runtime.NumCPU()
	r.Admission.Timed, r.Admission.Writers = timedCreates, writers
	if err := s.withoutWebhooks(ctx); err != nil {
		return r, err
	}
	say("creating bots without the webhook")
	if r.Admission.Without, err = s.measureCreates(ctx, "without", false); err != nil {
		return r, fmt.Errorf("measuring creates without the webhook: %w", err)
	}
	if err := s.startStandby(ctx); err != nil {
		return r, err
	}
	say("creating bots with the webhook")
	if r.Admission.With, err = s.measureCreates(ctx, "with", true); err != nil {
		return r, fmt.Errorf("measuring creates with the webhook: %w", err)
	}
	return r, s.stillStandby(ctx)
}

// measureCreates measures all three. Every Bot has a slot afterwards, or none has.
func (s *stage) measureCreates(ctx context.Context, name string, slots bool) (a admitted, err error) {
	timed := newApplicants(name+"-timed", (warmUps+timedCreates)/botsPerAccount+1, botsPerAccount)
	if err := s.createAccounts(ctx, timed); err != nil {
		return a, err
	}
	milliseconds, err := s.timeCreates(ctx, timed.bots[:warmUps+timedCreates])
	if err != nil {
		return a, err
	}
	a.P50, a.P99 = round(percentile(milliseconds, 50)), round(percentile(milliseconds, 99))
	var crowds []applicants
	for i := range crowdRounds {
		crowds = append(crowds, newApplicants(fmt.Sprintf("%s-one-%d", name, i), 1, limitPerAccount))
	}
	if a.OneRate, err = s.rate(ctx, slots, crowds...); err != nil {
		return a, err
	}
	a.ManyRates, err = s.rate(ctx, slots, newApplicants(name+"-many", spreadAccounts, spreadBots))
	return a, err
}

// timeCreates creates one Bot after another, and returns how long each took after the first few, the quickest first.
func (s *stage) timeCreates(ctx context.Context, bots []client.Object) (milliseconds []float64, err error) {
	for i, bot := range bots {
		started := time.Now()
		if err := s.api.Create(ctx, bot); err != nil {
			return nil, fmt.Errorf("creating a bot: %w", err)
		}
		if i >= warmUps {
			milliseconds = append(milliseconds, float64(time.Since(started).Microseconds())/1000)
		}
	}
	slices.Sort(milliseconds)
	return milliseconds, nil
}

// rate creates the Bots of one crowd after another, many at once, and returns how many it does in a second.
func (s *stage) rate(ctx context.Context, slots bool, crowds ...applicants) (perSecond float64, err error) {
	var took time.Duration
	count := 0
	for _, crowd := range crowds {
		if err := s.createAccounts(ctx, crowd); err != nil {
			return 0, err
		}
		started := time.Now()
		err := each(ctx, crowd.bots, func(ctx context.Context, bot client.Object) error { return s.api.Create(ctx, bot) })
		if err != nil {
			return 0, fmt.Errorf("creating bots: %w", err)
		}
		took += time.Since(started)
		count += len(crowd.bots)
		if err := s.checkSlots(ctx, crowd, slots); err != nil {
			return 0, err
		}
	}
	return round(float64(count) / took.Seconds()), nil
}

// checkSlots is that the webhook was asked about every Bot, or about none.
func (s *stage) checkSlots(ctx context.Context, crowd applicants, slots bool) error {
	want, has := 0, 0
	if slots {
		want = len(crowd.bots)
	}
	for _, object := range crowd.accounts {
		var account spawnv1.Account
		if err := s.api.Get(ctx, client.ObjectKeyFromObject(object), &account); err != nil {
			return fmt.Errorf("counting slots: %w", err)
		}
		has += len(account.Status.Slots)
	}
	if has != want {
		return fmt.Errorf("%d bots of %d accounts have %d slots, want %d", len(crowd.bots), len(crowd.accounts), has, want)
	}
	return nil
}
