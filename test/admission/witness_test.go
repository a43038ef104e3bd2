// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
)

// witness is a webhook that allows everything, and remembers what it was asked about the new Bots of one Account.
type witness struct {
	mu       sync.Mutex
	requests []*admissionv1.AdmissionRequest
	// dryRuns counts those that are not among the requests.
	dryRuns int
	// hears is what the witness does before it answers.
	hears func(*admissionv1.AdmissionRequest)
}

// givenWitness has the API server ask a witness until the end of the test: as a webhook that may change objects, before
// they are validated, or as one like ours.
func givenWitness(
	t *testing.T, account string, mutating bool, hears func(*admissionv1.AdmissionRequest),
) *witness {
	t.Helper()
	w := &witness{hears: hears}
	server := httptest.NewTLSServer(w)
	t.Cleanup(server.Close)
	configuration := witnessConfiguration(server, account, mutating)
	if err := shared.api.Create(t.Context(), configuration); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := shared.api.Delete(context.WithoutCancel(t.Context()), configuration); err != nil {
			t.Error(err)
		}
	})
	ctx := t.Context()
	err := wait.PollUntilContextTimeout(ctx, lookEvery, askedWithin, true, func(ctx context.Context) (bool, error) {
		err := shared.api.Create(ctx, newBot(account, "probe"), client.DryRunAll)
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.dryRuns > 0, err
	})
	if err != nil {
		t.Fatalf("waiting for the API server to ask a witness: %v", err)
	}
	return w
}

func (w *witness) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(request.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(response, "this is no review", http.StatusBadRequest)
		return
	}
	if ptr.Deref(review.Request.DryRun, false) {
		w.mu.Lock()
		w.dryRuns++
		w.mu.Unlock()
	} else {
		w.mu.Lock()
		w.requests = append(w.requests, review.Request)
		w.mu.Unlock()
		w.hears(review.Request)
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	response.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(response).Encode(review) // the API server has gone
}

// heard are the requests about Bots that were to be written.
func (w *witness) heard() []*admissionv1.AdmissionRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*admissionv1.AdmissionRequest(nil), w.requests...)
}

// botIn is the Bot that a request is about.
func botIn(t *testing.T, request *admissionv1.AdmissionRequest) *spawnv1.Bot {
	t.Helper()
	var bot spawnv1.Bot
	if err := json.Unmarshal(request.Object.Raw, &bot); err != nil {
		t.Error(err)
	}
	return &bot
}

func witnessConfiguration(server *httptest.Server, account string, mutating bool) client.Object {
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	like := admissionregistrationv1.ValidatingWebhook{
		Name:                    "witness.example.com",
		AdmissionReviewVersions: []string{"v1"},
		ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &server.URL, CABundle: authority},
		Rules: []admissionregistrationv1.RuleWithOperations{{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
			Rule: admissionregistrationv1.Rule{
				APIGroups: []string{spawnv1.GroupName}, APIVersions: []string{"*"}, Resources: []string{"bots"},
			},
		}},
		MatchConditions: []admissionregistrationv1.MatchCondition{
			{Name: "account", Expression: fmt.Sprintf("object.spec.accountRef.name == %q", account)},
		},
		SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNoneOnDryRun),
	}
	meta := metav1.ObjectMeta{Name: "witness-of-" + account}
	if !mutating {
		return &admissionregistrationv1.ValidatingWebhookConfiguration{
			ObjectMeta: meta, Webhooks: []admissionregistrationv1.ValidatingWebhook{like},
		}
	}
	return &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: meta, Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: like.Name, AdmissionReviewVersions: like.AdmissionReviewVersions, ClientConfig: like.ClientConfig,
			Rules: like.Rules, MatchConditions: like.MatchConditions, SideEffects: like.SideEffects,
		}},
	}
}
