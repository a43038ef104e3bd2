// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"errors"
	"testing"

	dto "github.com/prometheus/client_model/go"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	webhookadmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/admission"
)

func TestAdviceNamesTheFieldAndBlocksNobody(t *testing.T) {
	live := func(r *spawnv1.Risk) func(*spawnv1.Bot) {
		return func(b *spawnv1.Bot) { b.Spec.Trading.Mode, b.Spec.Risk = spawnv1.TradingLive, r }
	}
	for name, test := range map[string]struct {
		prices shop
		bot    func(*spawnv1.Bot)
		want   []string
	}{
		"tight limits": {bot: live(risk(2500, 1000, 3000, 1000))},
		"loose limits": {
			bot: live(risk(2501, 1001, 3001, 1001)),
			want: []string{
				"spec.risk.maxPositionSizeBps is 2501, and the bot trades with real money: above 2500 is loose",
				"spec.risk.maxDailyLossBps is 1001", "spec.risk.maxDrawdownBps is 3001", "spec.risk.maxTradesPerDay is 1001",
			},
		},
		"loose limits on paper": {bot: func(b *spawnv1.Bot) { b.Spec.Risk = risk(10000, 10000, 10000, 10000) }},
		"a size that does not exist": {
			bot:  func(b *spawnv1.Bot) { b.Spec.Machine.Size = "s-9" },
			want: []string{`spec.machine: size "s-9" does not exist`},
		},
		"a region without the size": {
			bot:  func(b *spawnv1.Bot) { b.Spec.Machine.Region = "xyz1" },
			want: []string{`spec.machine: size "s-1vcpu-2gb" is not offered in region "xyz1" now; it is in nyc3`},
		},
		"prices that are not known": {
			prices: shop{err: errors.New("down")},
			want:   []string{`DigitalOcean's prices are not known now; size "s-1vcpu-2gb" is judged again`},
		},
		"prices that do not come": {
			prices: shop{hangs: true},
			want:   []string{`DigitalOcean's prices are not known now`},
		},
		"a Secret that is not there, and a key that is not": {
			bot: func(b *spawnv1.Bot) {
				b.Spec.LLM.APIKeySecretRef.Key = "claude"
				b.Spec.Channels = []spawnv1.Channel{{
					Type: spawnv1.ChannelTelegram, AllowFrom: []string{"1"},
					TokenSecretRef: spawnv1.SecretKeyReference{Name: "telegram", Key: "token"},
				}}
			},
			want: []string{
				`spec.llm.apiKeySecretRef: Secret "keys" has no key "claude"; the bot waits for it`,
				`spec.channels[Telegram].tokenSecretRef: there is no Secret "telegram"`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.options.Prices = test.prices
			w.serve()
			w.givenAccount(func(a *spawnv1.Account) { a.Spec.LiveTrading = spawnv1.PermissionAllowed })
			bot := w.newBot("scout")
			if test.bot != nil {
				test.bot(bot)
			}
			w.create(bot)
			w.wantWarnings(test.want...)
			w.wantSlots("scout")
		})
	}
}

func TestAWarningOrARefusalTellsNoSecret(t *testing.T) {
	w := newWorld(t)
	w.givenAccount()
	w.givenSecret("closed", func(s *corev1.Secret) { s.Labels = nil })
	bot := w.newBot("scout")
	bot.Spec.LLM.APIKeySecretRef.Key = "other"
	w.create(bot)
	w.wantWarnings("has no key")
	bot = w.newBot("hawk")
	bot.Spec.LLM.APIKeySecretRef.Name = "closed"
	w.wantDenied(w.Create(t.Context(), bot), "is not open")
}

func TestAnswersAreCounted(t *testing.T) {
	w := newWorld(t)
	w.givenAccount()
	w.create(w.newBot("scout"))
	w.create(w.newBot("hawk"))
	w.wantDenied(w.Create(t.Context(), w.newBot("drifter")))
	w.options.Live = broken{}
	w.serve()
	_ = w.Create(t.Context(), w.newBot("drifter"))
	forged := webhookadmission.Request{AdmissionRequest: admissionv1.AdmissionRequest{Operation: "FORGED"}}
	if admission.NewBots(w.options).Handle(t.Context(), forged).Allowed {
		t.Error("an operation that does not exist is allowed")
	}
	families, err := w.meters.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.Metric {
			key := family.GetName()
			for _, label := range metric.Label {
				key += " " + label.GetValue()
			}
			if got[key] = metric.GetCounter().GetValue(); family.GetType() == dto.MetricType_HISTOGRAM {
				got[key] = float64(metric.GetHistogram().GetSampleCount())
			}
		}
	}
	for key, want := range map[string]float64{
		"openspawn_admission_requests_total Bot CREATE allowed": 2,
		"openspawn_admission_requests_total Bot CREATE denied":  1,
		"openspawn_admission_requests_total Bot CREATE error":   1,
		"openspawn_admission_requests_total Bot other error":    1,
		"openspawn_admission_duration_seconds Bot CREATE":       4,
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
}
