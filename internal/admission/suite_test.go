// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/admission"
	"github.com/cedros-io/open-spawn/internal/catalogue"
	"github.com/cedros-io/open-spawn/internal/controlplane"
	"github.com/cedros-io/open-spawn/internal/manager"
	"github.com/cedros-io/open-spawn/internal/slots"
)

// secretValue is in every Secret of these tests, and must be in no answer.
const secretValue = "sk-do-not-tell"

// shared is the API server of the package, and who answers it now.
var shared struct {
	plane  *controlplane.Plane
	answer atomic.Pointer[http.Handler]
	asked  atomic.Int64
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	shared.plane, err = controlplane.Start(context.Background(), controlplane.Options{
		CRDPaths: []string{"../../config/crd/bases"},
	})
	if err == nil {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			shared.asked.Add(1)
			(*shared.answer.Load()).ServeHTTP(w, r)
		}))
		defer server.Close()
		err = configure(server)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := shared.plane.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// configure installs config/webhook as it is, but for the address.
func configure(server *httptest.Server) error {
	content, err := os.ReadFile("../../config/webhook/webhooks.yaml")
	if err != nil {
		return err
	}
	var configuration admissionregistrationv1.ValidatingWebhookConfiguration
	if err := yaml.UnmarshalStrict(content, &configuration); err != nil {
		return err
	}
	for i := range configuration.Webhooks {
		where := &configuration.Webhooks[i].ClientConfig
		url := server.URL + *where.Service.Path
		where.URL, where.Service = &url, nil
		where.CABundle = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	}
	api, err := client.New(shared.plane.Config(), client.Options{Scheme: manager.Scheme()})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := api.Create(ctx, &configuration); err != nil {
		return err
	}
	// The API server hears of it after a while.
	handler := newMux(admission.Options{Live: api, Clock: clock.RealClock{}, Scheme: manager.Scheme()})
	shared.answer.Store(&handler)
	return wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 20*time.Second, true,
		func(ctx context.Context) (bool, error) {
			bot := newBot("default", "probe", "nobody")
			return shared.asked.Load() > 0, api.Create(ctx, bot, client.DryRunAll)
		})
}

func newMux(o admission.Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(admission.BotPath, admission.NewBots(o))
	mux.Handle(admission.AccountPath, admission.NewAccounts(o))
	return mux
}

// world is a namespace, an Account's name, and webhooks of its own.
type world struct {
	client.Client

	t                  *testing.T
	namespace, account string
	options            admission.Options
	meters             *prometheus.Registry

	mu    sync.Mutex
	heard []string
}

// newWorld makes a world with a Secret "keys" that is open to bots.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, namespace: "team-" + rand.String(6), account: "acme-" + rand.String(6)}
	config := shared.plane.Config()
	config.WarningHandler = w
	var err error
	if w.Client, err = client.New(config, client.Options{Scheme: manager.Scheme()}); err != nil {
		t.Fatal(err)
	}
	meters := admission.NewMeters()
	w.meters = prometheus.NewRegistry()
	w.meters.MustRegister(meters)
	w.options = admission.Options{
		Live: w.Client, Book: slots.Book{Client: w.Client, Clock: clock.RealClock{}}, Meters: meters,
		Clock: clock.RealClock{}, Scheme: manager.Scheme(),
	}
	w.serve()
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})
	w.givenSecret("keys", func(*corev1.Secret) {})
	return w
}

// serve lets the options take effect.
func (w *world) serve() {
	handler := newMux(w.options)
	shared.answer.Store(&handler)
}

// HandleWarningHeader hears what kubectl would print.
func (w *world) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, text)
}

// warnings are those that were heard since the last time.
func (w *world) warnings() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	heard := w.heard
	w.heard = nil
	for _, text := range heard {
		if strings.Contains(text, secretValue) {
			w.t.Errorf("a warning tells a secret: %s", text)
		}
	}
	return heard
}

func (w *world) create(obj client.Object) {
	w.t.Helper()
	if err := w.Create(w.t.Context(), obj); err != nil {
		w.t.Fatalf("creating %T %s: %v", obj, obj.GetName(), err)
	}
}

func (w *world) givenSecret(name string, edit func(*corev1.Secret)) {
	w.t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace, Name: name, Labels: map[string]string{spawnv1.BotAccessLabel: "true"},
		},
		StringData: map[string]string{"llm": secretValue},
	}
	edit(secret)
	w.create(secret)
}

// givenAccount makes the world's Account, whose slots are initialized: Basic, with room for two.
func (w *world) givenAccount(edits ...func(*spawnv1.Account)) *spawnv1.Account {
	w.t.Helper()
	account := &spawnv1.Account{
		ObjectMeta: metav1.ObjectMeta{Name: w.account},
		Spec: spawnv1.AccountSpec{
			ExternalID: "customer-1", Tier: spawnv1.AccountTierBasic, Namespaces: []string{w.namespace},
		},
	}
	for _, edit := range edits {
		edit(account)
	}
	w.create(account)
	w.patchStatus(fmt.Sprintf(`{"status":{"initializedFor":%q}}`, account.UID))
	w.t.Cleanup(func() { // a held one would stay, and so would its name
		strip := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
		ctx := context.WithoutCancel(w.t.Context())
		if err := w.Patch(ctx, &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: w.account}}, strip); err == nil {
			_ = w.Delete(ctx, account)
		}
	})
	return w.readAccount()
}

func (w *world) patchStatus(patch string) {
	w.t.Helper()
	account := &spawnv1.Account{ObjectMeta: metav1.ObjectMeta{Name: w.account}}
	err := w.Status().Patch(w.t.Context(), account, client.RawPatch(types.MergePatchType, []byte(patch)))
	if err != nil {
		w.t.Fatal(err)
	}
}

// takeSlots lets Bots of these names hold slots, each taken a second after the one before.
func (w *world) takeSlots(names ...string) {
	w.t.Helper()
	for i, name := range names {
		at := time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC).Format(time.RFC3339)
		w.patchStatus(fmt.Sprintf(`{"status":{"slots":{"%s/%s":{"uid":"u-%s","reservedAt":%q}}}}`,
			w.namespace, name, name, at))
	}
}

func (w *world) readAccount() *spawnv1.Account {
	w.t.Helper()
	var account spawnv1.Account
	if err := w.Get(w.t.Context(), client.ObjectKey{Name: w.account}, &account); err != nil {
		w.t.Fatal(err)
	}
	return &account
}

func (w *world) newBot(name string) *spawnv1.Bot { return newBot(w.namespace, name, w.account) }

func newBot(namespace, name, account string) *spawnv1.Bot {
	return &spawnv1.Bot{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: spawnv1.BotSpec{
			AccountRef: spawnv1.AccountReference{Name: account}, Persona: spawnv1.PersonaBeginner,
			LLM: spawnv1.LLM{
				Provider: "anthropic", Model: "claude-sonnet-4-5",
				APIKeySecretRef: spawnv1.SecretKeyReference{Name: "keys", Key: "llm"},
			},
		},
	}
}

// wantSlots checks who has a slot.
func (w *world) wantSlots(names ...string) {
	w.t.Helper()
	if got := slots.Holders(w.readAccount(), w.namespace); !slices.Equal(got, names) {
		w.t.Errorf("slots are held by %q, want %q", got, names)
	}
}

// wantDenied checks that an answer is a refusal for people, with these parts in it.
func (w *world) wantDenied(err error, parts ...string) {
	w.t.Helper()
	if !apierrors.IsForbidden(err) {
		w.t.Fatalf("the answer is %v, want a refusal", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			w.t.Errorf("the refusal is\n%v\nwant %q in it", err, part)
		}
	}
	if strings.Contains(err.Error(), secretValue) {
		w.t.Errorf("the refusal tells a secret: %v", err)
	}
}

// wantWarnings checks what was warned of, each by a part of it, in this order.
func (w *world) wantWarnings(parts ...string) {
	w.t.Helper()
	heard := w.warnings()
	if len(heard) != len(parts) {
		w.t.Fatalf("%d warnings, want %d:\n%s", len(heard), len(parts), strings.Join(heard, "\n"))
	}
	for i, part := range parts {
		if !strings.Contains(heard[i], part) {
			w.t.Errorf("warning %q, want %q in it", heard[i], part)
		}
	}
}

// shop is a catalogue with one size in one region.
type shop struct {
	price int64
	err   error
	hangs bool
}

func (s shop) HourlyMicroUSD(ctx context.Context, size string) (int64, error) {
	if s.hangs {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	if size != "s-1vcpu-2gb" {
		return 0, s.err
	}
	return s.price, s.err
}

func (s shop) Check(ctx context.Context, shape catalogue.Shape) error {
	return catalogue.New(catalogue.Options{Cloud: offer{}}).Check(ctx, shape)
}
