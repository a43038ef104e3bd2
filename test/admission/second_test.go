// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	webhookadmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
)

const (
	// deniedLabel on a Bot has the second webhook deny it.
	deniedLabel = "denied-by-a-second-webhook"
	// secondSays is how it denies.
	secondSays = "the second webhook says no"
	// afterOurs bounds the second webhook's wait for ours. Its own time is 10 s.
	afterOurs = 8 * time.Second
)

func TestCRIT002_ASecondWebhookDeniesAfterOurs(t *testing.T) {
	const limit = 2
	givenAccount(t, "second", limit)
	installSecond(t)
	for round := range 5 {
		var bots []*spawnv1.Bot
		for i := range attempts {
			bots = append(bots, denied("second", fmt.Sprintf("second-r%d-%d", round, i)))
		}
		for _, a := range all(t.Context(), bots) {
			if !apierrors.IsForbidden(a.err) {
				t.Fatalf("creating %s, which a second webhook denies: %v", a.name, a.err)
			}
		}
		reserved := accountNow(t, "second").Status.Slots
		if len(reserved) != limit {
			t.Fatalf("%d slots are reserved for what was denied, want %d", len(reserved), limit)
		}
		for i, bot := range bots {
			err := shared.api.Get(t.Context(), client.ObjectKeyFromObject(bot), &spawnv1.Bot{})
			if !apierrors.IsNotFound(err) {
				t.Errorf("bot %s was denied, and there is %v", bot.Name, err)
			}
			bots[i].Labels, bots[i].ResourceVersion = nil, ""
		}
		allowedNow(t, bots, reserved)
		if err := removeBots(t.Context(), "second"); err != nil {
			t.Fatal(err)
		}
	}
}

// allowedNow is that the Bots with a reservation are accepted with it, and that no other is.
func allowedNow(t *testing.T, bots []*spawnv1.Bot, reserved map[string]spawnv1.Slot) {
	t.Helper()
	for _, bot := range bots {
		err := shared.api.Create(t.Context(), bot)
		if _, has := reserved[slots.KeyOf(bot)]; has && err != nil {
			t.Errorf("creating %s once more: %v", bot.Name, err)
		} else if !has && !apierrors.IsForbidden(err) {
			t.Errorf("creating %s, which has no slot: %v", bot.Name, err)
		}
	}
	slotsAreBots(t, "second", len(reserved))
	is := slices.Sorted(maps.Keys(accountNow(t, "second").Status.Slots))
	if was := slices.Sorted(maps.Keys(reserved)); !slices.Equal(is, was) {
		t.Errorf("the slots are %v, and were %v", is, was)
	}
}

// denied is a Bot that the second webhook denies.
func denied(account, name string) *spawnv1.Bot {
	bot := newBot(account, name)
	bot.Labels = map[string]string{deniedLabel: ""}
	return bot
}

// installSecond installs another's webhook. The API server asks all of them at once; this one answers when ours has
// taken a slot.
func installSecond(t *testing.T) {
	t.Helper()
	hook, err := webhookadmission.StandaloneWebhook(
		&webhookadmission.Webhook{Handler: webhookadmission.HandlerFunc(denyAfterOurs)}, webhookadmission.StandaloneOptions{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(hook)
	t.Cleanup(server.Close)
	configuration := secondConfiguration(server)
	if err := shared.api.Create(t.Context(), configuration); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := shared.api.Delete(context.WithoutCancel(t.Context()), configuration); err != nil {
			t.Error(err)
		}
	})
	err = wait.PollUntilContextTimeout(t.Context(), lookEvery, askedWithin, true, func(ctx context.Context) (bool, error) {
		err := shared.api.Create(ctx, denied("second", "probe"), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), secondSays), nil
	})
	if err != nil {
		t.Fatalf("waiting for the API server to ask the second webhook: %v", err)
	}
}

// denyAfterOurs denies when the Bot has its slot, or can have none.
func denyAfterOurs(ctx context.Context, request webhookadmission.Request) webhookadmission.Response {
	var bot spawnv1.Bot
	if err := json.Unmarshal(request.Object.Raw, &bot); err != nil {
		return webhookadmission.Errored(http.StatusBadRequest, err)
	}
	if ptr.Deref(request.DryRun, false) {
		return webhookadmission.Denied(secondSays)
	}
	err := wait.PollUntilContextTimeout(ctx, lookEvery, afterOurs, true, func(ctx context.Context) (bool, error) {
		var account spawnv1.Account
		if err := shared.api.Get(ctx, client.ObjectKey{Name: bot.Spec.AccountRef.Name}, &account); err != nil {
			return false, err
		}
		_, has := account.Status.Slots[slots.KeyOf(&bot)]
		return has || slots.IsFull(&account), nil
	})
	if err != nil {
		return webhookadmission.Errored(http.StatusInternalServerError, err)
	}
	return webhookadmission.Denied(secondSays)
}

func secondConfiguration(server *httptest.Server) *admissionregistrationv1.ValidatingWebhookConfiguration {
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "second"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    "second.example.com",
			AdmissionReviewVersions: []string{"v1"},
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &server.URL, CABundle: authority},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule: admissionregistrationv1.Rule{
					APIGroups: []string{spawnv1.GroupName}, APIVersions: []string{"*"}, Resources: []string{"bots"},
				},
			}},
			ObjectSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: deniedLabel, Operator: metav1.LabelSelectorOpExists},
			}},
			FailurePolicy: ptr.To(admissionregistrationv1.Fail),
			SideEffects:   ptr.To(admissionregistrationv1.SideEffectClassNone),
		}},
	}
}
