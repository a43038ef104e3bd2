// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/dosim"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/status"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// givenSecret creates a Secret of the test's namespace.
func givenSecret(t *testing.T, e *testenv.Env, name string, edit func(*corev1.Secret)) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: name},
		StringData: map[string]string{"api-key": "planted"},
	}
	if edit != nil {
		edit(secret)
	}
	if err := e.Client.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

func opened(secret *corev1.Secret) { secret.Labels = map[string]string{spawnv1.BotAccessLabel: "true"} }

// liveTrading makes a Bot trade with real money.
func liveTrading(b *spawnv1.Bot) {
	b.Spec.Trading.Mode = spawnv1.TradingLive
	b.Spec.Risk = &spawnv1.Risk{
		MaxPositionSizeBps: ptr.To[int32](100), MaxDailyLossBps: ptr.To[int32](100),
		MaxDrawdownBps: ptr.To[int32](100), MaxTradesPerDay: ptr.To[int32](10),
	}
}

// forbidden is one thing that an Account does not allow.
type forbidden struct {
	edit   func(*spawnv1.Bot)
	reason string
	parts  []string
}

// forbiddenThings are what the Account of TestWhatTheAccountForbids… does not allow, by the name of a Bot.
func forbiddenThings() map[string]forbidden {
	secretOf := func(name string) func(*spawnv1.Bot) {
		return func(b *spawnv1.Bot) { b.Spec.LLM.APIKeySecretRef.Name = name }
	}
	return map[string]forbidden{
		"region": {
			func(b *spawnv1.Bot) { b.Spec.Machine.Region = "ams3" }, spawnv1.MachineNotAllowedReason,
			[]string{"spec.machine.region", `does not allow "ams3"`, "nyc3"},
		},
		"price": {
			func(b *spawnv1.Bot) { b.Spec.Machine.Size = "s-2vcpu-4gb" }, spawnv1.MachineNotAllowedReason,
			[]string{"spec.machine.size", "millionths of a US dollar an hour", "at most 20000"},
		},
		"live": {liveTrading, spawnv1.LiveTradingForbiddenReason, []string{"spec.trading.mode", "use Paper"}},
		"endpoint": {
			func(b *spawnv1.Bot) { b.Spec.LLM.Provider, b.Spec.LLM.BaseURL = "custom", "https://llm.example.com/v1" },
			spawnv1.EndpointNotAllowedReason, []string{"spec.llm.baseURL", `the host "llm.example.com"`},
		},
		"label": {
			secretOf("closed"), spawnv1.SecretNotAllowedReason,
			[]string{"spec.llm.apiKeySecretRef", "kubectl label -n ", "secret closed " + spawnv1.BotAccessLabel + "=true"},
		},
		"type": {secretOf("tls"), spawnv1.SecretNotAllowedReason, []string{"kubernetes.io/tls", "Opaque"}},
	}
}

func TestWhatTheAccountForbidsGetsNoMachineAndStandsInNobodysWay(t *testing.T) {
	e := testenv.New(t)
	account := e.GivenAccount(func(a *spawnv1.Account) {
		a.Spec.MaxBots = ptr.To[int32](2)
		a.Spec.MachinePolicy.AllowedRegions = []string{"nyc3"}
		a.Spec.MachinePolicy.MaxHourlyMicroUSD = ptr.To[int64](20_000)
	})
	closed := givenSecret(t, e, "closed", nil)
	givenSecret(t, e, "tls", func(s *corev1.Secret) {
		opened(s)
		s.Type, s.StringData = corev1.SecretTypeTLS, map[string]string{"tls.crt": "c", "tls.key": "k"}
	})
	givenSecret(t, e, "llm", opened)
	things := forbiddenThings()
	for name, thing := range things {
		e.GivenBot(name, thing.edit)
	}
	e.GivenBot("zeta") // the youngest, and the last by name
	untilReady(e, "zeta")
	e.Settle()
	for name, thing := range things {
		bot := e.Bot(name)
		e.WantCondition(bot, spawnv1.AdmittedCondition, metav1.ConditionFalse, thing.reason, thing.parts...)
		e.WantCondition(bot, spawnv1.ReadyCondition, metav1.ConditionFalse, thing.reason)
		e.WantCondition(bot, spawnv1.DropletReadyCondition, metav1.ConditionUnknown, spawnv1.WaitingForAdmissionReason)
		wantOnly(t, bot, spawnv1.StalledCondition)
	}
	wantSlots(t, e, "zeta")
	wantInstances(t, e, "zeta", 1, 1)

	// What is allowed goes on without an edit of the Bot, also where nobody tells us.
	result, err := e.ReconcileBot("label")
	if err != nil || result.RequeueAfter <= 0 || result.RequeueAfter > time.Minute {
		t.Errorf("result %v, error %v, want the Secret looked at again within a minute", result, err)
	}
	opened(closed)
	e.Update(closed, func() { opened(closed) })
	e.Update(account, func() {
		account.Spec.MaxBots = ptr.To[int32](10)
		account.Spec.MachinePolicy.AllowedRegions, account.Spec.MachinePolicy.MaxHourlyMicroUSD = nil, ptr.To[int64](50_000)
		account.Spec.LiveTrading = spawnv1.PermissionAllowed
		account.Spec.LLMPolicy.AllowedHosts = []string{"llm.example.com"}
	})
	for name := range things {
		if name != "type" {
			untilReady(e, name)
		}
	}
	e.Settle()
	wantSlots(t, e, "zeta", "region", "price", "live", "endpoint", "label")
}

func TestABotInANamespaceThatTheAccountDoesNotListGetsNoMachine(t *testing.T) {
	e := testenv.New(t)
	account := e.GivenAccount(func(a *spawnv1.Account) { a.Spec.Namespaces = []string{"elsewhere"} })
	e.GivenBot("scout")
	e.Settle()
	e.WantCondition(e.Bot("scout"), spawnv1.AdmittedCondition, metav1.ConditionFalse,
		spawnv1.NamespaceNotAllowedReason, e.Namespace)
	wantOnly(t, e.Bot("scout"), spawnv1.StalledCondition)
	wantSlots(t, e)
	if calls := otherThanPasses(e); len(calls) != 0 {
		t.Errorf("the cloud was asked %v", calls)
	}
	e.Update(account, func() { account.Spec.Namespaces = []string{e.Namespace} })
	untilReady(e, "scout")
	wantSlots(t, e, "scout")
}

func TestAReservationIsBoundAlsoToABotThatIsRefused(t *testing.T) {
	e := testenv.New(t)
	e.GivenAccount()
	e.GivenReservation("scout")
	e.GivenReservation("hawk")
	reserved := e.Account().Status.Slots
	e.Step(time.Minute)
	e.GivenBot("scout")
	e.GivenBot("hawk", liveTrading)
	untilReady(e, "scout")
	e.Settle()
	e.WantCondition(e.Bot("hawk"), spawnv1.AdmittedCondition, metav1.ConditionFalse, spawnv1.LiveTradingForbiddenReason)
	wantSlots(t, e, "scout", "hawk")
	for key, slot := range e.Account().Status.Slots {
		if !slot.ReservedAt.Equal(ptr.To(reserved[key].ReservedAt)) {
			t.Errorf("slot %s was reserved at %s, and says %s", key, reserved[key].ReservedAt, slot.ReservedAt)
		}
	}
}

func toSecret(r *http.Request) bool { return strings.Contains(r.URL.Path, "/secrets/") }

func toSizes(r *http.Request) bool { return r.URL.Path == "/v2/sizes" }

func TestSecretsAndPricesAreAskedForOnceForEachSpec(t *testing.T) {
	e := testenv.New(t)
	givenSecret(t, e, "llm", opened)
	e.GivenAccount()
	secrets, sizes := 0, 0
	e.Manager.Before = func(r *http.Request) error {
		if toSecret(r) {
			secrets++
		}
		if toSizes(r) {
			sizes++
		}
		return nil
	}
	bot := e.GivenBot("scout", func(b *spawnv1.Bot) { // three keys of one Secret, and one that is not there yet
		b.Spec.Credentials = []spawnv1.Credential{
			{Name: "KEY", SecretRef: spawnv1.SecretKeyReference{Name: "llm", Key: "a"}},
			{Name: "SECRET", SecretRef: spawnv1.SecretKeyReference{Name: "llm", Key: "b"}},
			{Name: "OTHER", SecretRef: spawnv1.SecretKeyReference{Name: "later", Key: "b"}},
		}
	})
	untilReady(e, "scout")
	e.Settle()
	if secrets > 4 || sizes != 1 { // the wait for the first pass over the fleet is too short to be written down
		t.Errorf("%d reads of 2 secrets, and the prices were asked for %d times, want at most 4 and 1", secrets, sizes)
	}
	secrets, sizes = 0, 0
	e.Step(time.Hour)
	e.Settle()
	if secrets != 0 || sizes != 0 {
		t.Errorf("at rest: %d reads of secrets and %d of prices", secrets, sizes)
	}
	e.Update(bot, func() { bot.Spec.DisplayName = "Scout" })
	e.Settle()
	if secrets != 2 || sizes != 0 {
		t.Errorf("after an edit: %d reads of secrets, want 2, and %d of prices, want none", secrets, sizes)
	}
}

func TestABotWaitsWhileNobodyTellsWhatItsMachineCosts(t *testing.T) {
	e := testenv.New(t)
	e.GivenAccount()
	e.Cloud.AddFault(dosim.Fault{Kind: dosim.FaultStatus, Status: 503, Route: "/v2/sizes"})
	e.GivenBot("scout")
	var wait time.Duration
	for range 2 { // it gets its finalizer first
		result, err := e.ReconcileBot("scout")
		if err != nil {
			t.Fatal(err)
		}
		wait = result.RequeueAfter
	}
	bot := e.Bot("scout")
	e.WantCondition(bot, spawnv1.AdmittedCondition, metav1.ConditionUnknown, spawnv1.CloudUnavailableReason,
		`what "s-1vcpu-2gb" costs cannot be asked`)
	wantOnly(t, bot, spawnv1.ReconcilingCondition)
	wantSlots(t, e)
	if wait <= 0 || wait > time.Minute {
		t.Errorf("it is asked again in %s", wait)
	}
	untilReady(e, "scout")
	wantSlots(t, e, "scout")
}

// A Role that forgets Secrets in one of an Account's namespaces.
func TestABotWhoseSecretsMayNotBeReadStandsInNobodysWay(t *testing.T) {
	e := testenv.New(t)
	e.GivenAccount(limited(1))
	refused := true
	e.Manager.Before = func(r *http.Request) error {
		if refused && strings.HasSuffix(r.URL.Path, "/secrets/closed") {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "closed", nil)
		}
		return nil
	}
	e.GivenBot("older", func(b *spawnv1.Bot) { b.Spec.LLM.APIKeySecretRef.Name = "closed" })
	e.GivenBot("younger")
	untilReady(e, "younger")
	e.WantCondition(e.Bot("older"), spawnv1.AdmittedCondition, metav1.ConditionFalse, spawnv1.AccountLimitReachedReason)
	e.Delete(e.Bot("younger"))
	e.Until("older has its turn", func() bool {
		c := status.Get(e.Bot("older"), spawnv1.AdmittedCondition)
		return c.Reason == spawnv1.SecretNotAllowedReason
	})
	e.WantCondition(e.Bot("older"), spawnv1.AdmittedCondition, metav1.ConditionFalse, spawnv1.SecretNotAllowedReason,
		`no right to read Secrets in namespace "`+e.Namespace+`"`)
	refused = false
	untilReady(e, "older")
}

// What it costs is not known, so it could be more than the Account allows.
func TestABotOfASizeThatIsNotListedWaitsUntilItIs(t *testing.T) {
	e := testenv.New(t)
	e.GivenAccount(limited(1))
	e.GivenBot("dreamer", func(b *spawnv1.Bot) { b.Spec.Machine.Size = "s-3vcpu-5gb" })
	e.GivenBot("scout")
	untilReady(e, "scout")
	dreamer := e.Bot("dreamer")
	if c := status.Get(dreamer, spawnv1.AdmittedCondition); c.Reason == spawnv1.AdmittedReason {
		t.Errorf("it is admitted: %+v", c)
	}
	e.Delete(e.Bot("scout"))
	e.Until("dreamer has its turn", func() bool {
		c := status.Get(e.Bot("dreamer"), spawnv1.AdmittedCondition)
		return c.Reason == spawnv1.MachineNotAllowedReason
	})
	e.WantCondition(e.Bot("dreamer"), spawnv1.AdmittedCondition, metav1.ConditionFalse, spawnv1.MachineNotAllowedReason,
		`DigitalOcean lists no size "s-3vcpu-5gb"`)
	wantSlots(t, e)
	dreamer = e.Bot("dreamer")
	e.Update(dreamer, func() { dreamer.Spec.Machine.Size = "s-1vcpu-2gb" })
	untilReady(e, "dreamer")
}

func TestASizeThatIsForbiddenLeavesTheMachineAsItIs(t *testing.T) {
	h := newHands(t)
	h.GivenAccount(func(a *spawnv1.Account) { a.Spec.MachinePolicy.MaxHourlyMicroUSD = ptr.To[int64](20_000) })
	bot := h.GivenReadyBot("scout")
	h.Step(time.Minute)
	h.Update(bot, func() {
		bot.Spec.Machine.Size = "s-2vcpu-4gb"
		bot.Spec.RedeployAt = ptr.To(metav1.NewTime(h.Clock.Now().Truncate(time.Second)))
		bot.Spec.DeletionPolicy = spawnv1.DeletionPolicySnapshot
	})
	h.settle()
	h.WantCondition(h.Bot("scout"), spawnv1.AdmittedCondition, metav1.ConditionFalse, spawnv1.MachineNotAllowedReason)
	h.WantCondition(h.Bot("scout"), spawnv1.AsSpecifiedCondition, metav1.ConditionFalse, spawnv1.RedeployBlockedReason,
		"not admitted", "millionths")
	if spec := h.DropletOf("scout").Spec; spec.Size != "s-1vcpu-2gb" || spec.PowerState != spawnv1.PowerOn ||
		spec.DeletionPolicy != spawnv1.DeletionPolicySnapshot {
		t.Errorf("the machine is told %+v, want it on and of its old size", spec)
	}
	wantInstances(t, h.Env, "scout", 1, 1)

	bot = h.Bot("scout")
	h.Update(bot, func() { bot.Spec.DesiredState = spawnv1.BotPaused })
	h.settle()
	if spec := h.DropletOf("scout").Spec; spec.PowerState != spawnv1.PowerOff || spec.Size != "s-1vcpu-2gb" {
		t.Errorf("a pause: the machine is told %+v, want it off and of its old size", spec)
	}
	h.Update(bot, func() { bot.Spec.Machine.Size, bot.Spec.RedeployAt = "s-1vcpu-2gb", nil })
	h.untilReady("scout")
	wantInstances(t, h.Env, "scout", 1, 1)
	wantSlots(t, h.Env, "scout")
}

func TestAPriceThatIsLoweredKeepsTheMachineAndIsNotAskedFor(t *testing.T) {
	e := testenv.New(t)
	e.GivenReadyBot("scout")
	e.Settle()
	e.Cloud.ResetJournal()
	account := e.Account()
	e.Update(account, func() { account.Spec.MachinePolicy.MaxHourlyMicroUSD = ptr.To[int64](1000) })
	e.Settle()
	e.WantCondition(e.Bot("scout"), spawnv1.ReadyCondition, metav1.ConditionFalse, spawnv1.MachineNotAllowedReason)
	wantInstances(t, e, "scout", 1, 1)
	if calls := otherThanPasses(e); len(calls) != 0 {
		t.Errorf("calls %v, want none", calls)
	}
	wantSlots(t, e, "scout")
}

// wantSlots fails the test unless the Account's slots are bound to exactly these Bots.
func wantSlots(t *testing.T, e *testenv.Env, bots ...string) {
	t.Helper()
	account := e.Account()
	for _, name := range bots {
		if !slots.Holds(account, e.Bot(name)) {
			t.Errorf("%s holds no slot: %+v", name, account.Status.Slots)
		}
	}
	if len(account.Status.Slots) != len(bots) {
		t.Errorf("slots %+v, want %d: %v", account.Status.Slots, len(bots), bots)
	}
}
