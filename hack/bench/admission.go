// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

const (
	// warmUps are created before anything is measured, so that connections are open and code is compiled.
	warmUps = 20
	// timedCreates is how many creates the latency is taken from, one at a time.
	timedCreates = 200
	// spreadAccounts have spreadBots each.
	spreadAccounts, spreadBots = 100, 10
	// maxTries is how often a Bot is tried that nobody judges in time.
	maxTries = 20
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
	// Again are the creates of both that were not judged in time, and were tried again at once.
	Again int64 `json:"creates_tried_again"`
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

// measureCreates measures latency and both rates. Every Bot has a slot afterwards, or none has.
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
	var again atomic.Int64
	if a.OneRate, err = s.rate(ctx, slots, &again, newApplicants(name+"-one", 1, limitPerAccount)); err != nil {
		return a, err
	}
	a.ManyRates, err = s.rate(ctx, slots, &again, newApplicants(name+"-many", spreadAccounts, spreadBots))
	a.Again = again.Load()
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

// rate creates Bots, many at once, and returns how many it does in a second.
func (s *stage) rate(
	ctx context.Context, slots bool, again *atomic.Int64, crowd applicants,
) (perSecond float64, err error) {
	if err := s.createAccounts(ctx, crowd); err != nil {
		return 0, err
	}
	started := time.Now()
	err = each(ctx, crowd.bots, func(ctx context.Context, bot client.Object) error {
		return s.createStubbornly(ctx, bot, again)
	})
	if err != nil {
		return 0, fmt.Errorf("creating bots: %w", err)
	}
	perSecond = round(float64(len(crowd.bots)) / time.Since(started).Seconds())
	return perSecond, s.checkSlots(ctx, crowd, slots)
}

// createStubbornly creates a Bot, and tries again, as its user would, while nobody has judged it in time.
func (s *stage) createStubbornly(ctx context.Context, bot client.Object, again *atomic.Int64) error {
	for try := 1; ; try++ {
		err := s.api.Create(ctx, bot)
		unjudged := err != nil && (apierrors.IsInternalError(err) || strings.Contains(err.Error(), "try again"))
		if !unjudged || try == maxTries {
			return err
		}
		again.Add(1)
	}
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
