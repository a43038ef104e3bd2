// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/slots"
)

func TestANewBotTakesASlotByItsName(t *testing.T) {
	w := newWorld(t)
	w.givenAccount()
	w.create(w.newBot("scout"))
	w.wantSlots("scout")
	w.wantWarnings()
	slot := w.readAccount().Status.Slots[slots.Key(client.ObjectKey{Namespace: w.namespace, Name: "scout"})]
	if slot.UID != "" || slot.ReservedAt.IsZero() {
		t.Errorf("the slot is %+v, want a reservation", slot)
	}
	if err := w.Create(t.Context(), w.newBot("scout")); !apierrors.IsAlreadyExists(err) {
		t.Errorf("the second of the name is answered %v", err)
	}
	w.wantSlots("scout")
	generated := w.newBot("")
	generated.GenerateName = "hawk-"
	w.create(generated)
	w.wantSlots(generated.Name, "scout")
}

func TestABotBeyondTheLimitIsRefusedInASentence(t *testing.T) {
	w := newWorld(t)
	w.givenAccount()
	w.takeSlots("scout", "hawk")
	const sentence = ` (Basic) allows 2 bots and has 2: hawk, scout; delete one`
	w.wantDenied(w.Create(t.Context(), w.newBot("drifter")), `admission webhook "bots.spawn.cedros.io"`,
		`account "`+w.account+`"`+sentence)
	if err := w.Create(t.Context(), w.newBot("drifter"), client.DryRunAll); err != nil {
		t.Errorf("a dry run: %v", err)
	}
	w.wantWarnings(`would be refused as things are: account "` + w.account + `"` + sentence)
	w.wantSlots("hawk", "scout")
}

func TestWhatTheAccountForbidsIsRefusedWithoutASlot(t *testing.T) {
	for name, test := range map[string]struct {
		account func(*spawnv1.Account)
		bot     func(*spawnv1.Bot)
		want    []string
	}{
		"a namespace": {
			account: func(a *spawnv1.Account) { a.Spec.Namespaces = []string{"elsewhere"} },
			want:    []string{"spec.accountRef.name: ", "has no bots in namespace"},
		},
		"a region and a network": {
			account: func(a *spawnv1.Account) { a.Spec.MachinePolicy.AllowedRegions = []string{"fra1"} },
			bot: func(b *spawnv1.Bot) {
				b.Spec.Machine.VPCUUID = "5a4981aa-9653-4bd1-bef5-d6bff52042e4"
			},
			want: []string{`spec.machine.region: `, `"nyc3"; it allows fra1; spec.machine.vpcUUID: `},
		},
		"a price": {
			account: func(a *spawnv1.Account) { a.Spec.MachinePolicy.MaxHourlyMicroUSD = ptr.To[int64](1000) },
			want:    []string{`spec.machine.size: "s-1vcpu-2gb" costs 17860 millionths of a US dollar an hour`},
		},
		"trading with real money": {
			bot: func(b *spawnv1.Bot) {
				b.Spec.Trading.Mode = spawnv1.TradingLive
				b.Spec.Risk = risk(100, 100, 100, 10)
			},
			want: []string{"spec.trading.mode: ", "does not allow Live trading"},
		},
		"a model endpoint": {
			bot:  func(b *spawnv1.Bot) { b.Spec.LLM.Provider, b.Spec.LLM.BaseURL = "custom", "https://llm.example/v1" },
			want: []string{`spec.llm.baseURL: `, `does not allow the host "llm.example"`},
		},
		"a Secret without the label": {
			bot: func(b *spawnv1.Bot) { b.Spec.LLM.APIKeySecretRef.Name = "closed" },
			want: []string{
				`spec.llm.apiKeySecretRef: Secret "closed" is not open to bots`, "kubectl label -n ",
				"secret closed spawn.cedros.io/bot-access=true",
			},
		},
		"a Secret of another type": {
			bot: func(b *spawnv1.Bot) {
				b.Spec.Credentials = []spawnv1.Credential{
					{Name: "KEY", SecretRef: spawnv1.SecretKeyReference{Name: "typed", Key: "llm"}},
				}
			},
			want: []string{`spec.credentials[KEY].secretRef: Secret "typed" is of type example.com/own`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.options.Prices = shop{price: 17860}
			w.serve()
			w.givenSecret("closed", func(s *corev1.Secret) { s.Labels = nil })
			w.givenSecret("typed", func(s *corev1.Secret) { s.Type = "example.com/own" })
			if test.account == nil {
				test.account = func(*spawnv1.Account) {}
			}
			w.givenAccount(test.account)
			bot := w.newBot("scout")
			if test.bot != nil {
				test.bot(bot)
			}
			w.wantDenied(w.Create(t.Context(), bot), test.want...)
			w.wantSlots()
		})
	}
}

func TestABotOfAnAccountThatIsBeingDeletedIsRefused(t *testing.T) {
	w := newWorld(t)
	account := w.givenAccount(func(a *spawnv1.Account) { a.Finalizers = []string{spawnv1.AccountFinalizer} })
	if err := w.Delete(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	w.wantDenied(w.Create(t.Context(), w.newBot("scout")), "is being deleted and takes no more bots")
	w.wantSlots()
}

// The order in which a set is applied must not matter: the controller judges again.
func TestABotThatMustWaitIsAdmittedWithAWarningAndNoSlot(t *testing.T) {
	t.Run("no account", func(t *testing.T) {
		w := newWorld(t)
		w.create(w.newBot("scout"))
		w.wantWarnings(`there is no account "` + w.account + `"; the bot gets no machine until there is one that allows it`)
	})
	t.Run("no account, and a Secret that is closed", func(t *testing.T) {
		w := newWorld(t)
		w.givenSecret("closed", func(s *corev1.Secret) { s.Labels = nil })
		bot := w.newBot("scout")
		bot.Spec.LLM.APIKeySecretRef.Name = "closed"
		w.wantDenied(w.Create(t.Context(), bot), "is not open to bots")
	})
	t.Run("suspended", func(t *testing.T) {
		w := newWorld(t)
		w.givenAccount(func(a *spawnv1.Account) { a.Spec.DesiredState = spawnv1.AccountSuspended })
		w.create(w.newBot("scout"))
		w.wantWarnings(`is suspended; the bot gets no machine until it is Active`)
		w.wantSlots()
	})
	t.Run("not initialized", func(t *testing.T) {
		w := newWorld(t)
		w.givenAccount()
		w.patchStatus(`{"status":{"initializedFor":"another"}}`)
		w.create(w.newBot("scout"))
		w.wantWarnings(`is new, or its status was lost`)
		w.wantSlots()
	})
	t.Run("a namespace that nobody watches", func(t *testing.T) {
		w := newWorld(t)
		w.options.Namespaces = []string{"elsewhere"}
		w.options.Live = clusterOnly{w.options.Live} // not even the Bot's Secret may be read
		w.serve()
		w.givenAccount()
		w.create(w.newBot("scout"))
		w.wantWarnings("no manager looks after namespace")
		w.wantSlots()
	})
}

func TestADryRunIsJudgedAndWritesNothing(t *testing.T) {
	w := newWorld(t)
	before := w.givenAccount(func(a *spawnv1.Account) { a.Spec.Namespaces = []string{"elsewhere"} })
	if err := w.Create(t.Context(), w.newBot("scout"), client.DryRunAll); err != nil {
		t.Errorf("a namespace that is not listed yet: %v", err)
	}
	w.wantWarnings("would be refused as things are: spec.accountRef.name: account")
	w.wantDenied(w.Create(t.Context(), w.newBot("scout")), "has no bots in namespace")
	w.wantUnwritten(before)

	w = newWorld(t)
	before = w.givenAccount()
	live := w.newBot("scout")
	live.Spec.Trading.Mode, live.Spec.Risk = spawnv1.TradingLive, risk(1, 1, 1, 1)
	if err := w.Create(t.Context(), live, client.DryRunAll); err != nil {
		t.Errorf("Live trading that is not allowed yet: %v", err)
	}
	w.wantWarnings("does not allow Live trading")
	w.wantUnwritten(before)
}

func (w *world) wantUnwritten(before *spawnv1.Account) {
	w.t.Helper()
	if after := w.readAccount(); after.ResourceVersion != before.ResourceVersion {
		w.t.Errorf("the account was written: %+v", after.Status)
	}
}

// Whoever may write Bots somewhere may name any Account there.
func TestAStrangerIsToldNothingElseOfAnAccount(t *testing.T) {
	w := newWorld(t)
	w.options.Prices = shop{price: 17860}
	w.serve()
	w.givenAccount(func(a *spawnv1.Account) {
		a.Spec.Namespaces = []string{"elsewhere"}
		a.Spec.MachinePolicy.AllowedRegions, a.Spec.LLMPolicy.AllowedHosts = []string{"fra1"}, []string{"llm.example"}
		a.Spec.MachinePolicy.MaxHourlyMicroUSD = ptr.To[int64](1000)
		a.Spec.DesiredState, a.Spec.MaxBots = spawnv1.AccountSuspended, ptr.To[int32](0)
	})
	bot := w.newBot("spy")
	bot.Spec.LLM.Provider, bot.Spec.LLM.BaseURL = "custom", "https://elsewhere.example/v1"
	err := w.Create(t.Context(), bot)
	w.wantDenied(err, "has no bots in namespace")
	for _, secret := range []string{"fra1", "llm.example", "1000", "suspended", "elsewhere"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the refusal tells of %s: %v", secret, err)
		}
	}
	if err := w.Create(t.Context(), w.newBot("spy"), client.DryRunAll); err != nil {
		t.Error(err)
	}
	w.wantWarnings("has no bots in namespace")
}

func TestOfASecretThatIsNotOpenNotEvenTheKeysAreTold(t *testing.T) {
	w := newWorld(t)
	w.givenAccount()
	w.givenSecret("closed", func(s *corev1.Secret) { s.Labels = nil })
	spy := w.newBot("spy")
	spy.Spec.LLM.APIKeySecretRef = spawnv1.SecretKeyReference{Name: "closed", Key: "guess"}
	if err := w.Create(t.Context(), spy, client.DryRunAll); err != nil {
		t.Error(err)
	}
	w.wantWarnings(`Secret "closed" is not open to bots`)

	bot := w.newBot("scout")
	w.create(bot) // with a Secret that is closed later
	var secret corev1.Secret
	key := client.ObjectKey{Namespace: w.namespace, Name: bot.Spec.LLM.APIKeySecretRef.Name}
	if err := w.Get(t.Context(), key, &secret); err != nil {
		t.Fatal(err)
	}
	secret.Labels = nil
	if err := w.Update(t.Context(), &secret); err != nil {
		t.Fatal(err)
	}
	w.warnings()
	bot.Spec.LLM.APIKeySecretRef.Key = "guess"
	if err := w.Update(t.Context(), bot); err != nil {
		t.Error(err)
	}
	w.wantWarnings()
}

// The manifests of a fleet are restored while its machines run, and the Account has become stricter: without its Bot a
// machine would be destroyed.
func TestABotWhoseMachineMayBeLeftIsNotRefused(t *testing.T) {
	w := newWorld(t)
	w.givenAccount(func(a *spawnv1.Account) { a.Spec.MachinePolicy.AllowedRegions = []string{"fra1"} })
	w.takeSlots("scout")
	w.create(w.newBot("scout"))
	w.wantWarnings("because the bot had a slot before and its machine may be left: spec.machine.region: account")
	w.wantSlots("scout")
	w.wantDenied(w.Create(t.Context(), w.newBot("hawk")), "spec.machine.region")
}

func TestADryRunOfABotThatHoldsTheLastSlotIsAllowed(t *testing.T) {
	w := newWorld(t)
	w.givenAccount()
	w.takeSlots("scout", "hawk")
	if err := w.Create(t.Context(), w.newBot("hawk"), client.DryRunAll); err != nil {
		t.Error(err)
	}
}

// An Account that is replaced, or deleted, between the look and the reservation gives no slot for it.
func TestAnAccountThatChangesMeanwhileKeepsNoSlot(t *testing.T) {
	w := newWorld(t)
	read := w.givenAccount()
	w.options.Live = stale{w.Client, read}
	w.serve()
	w.patchStatus(`{"status":{"initializedFor":"another"}}`)
	w.create(w.newBot("scout"))
	w.wantWarnings("is new, or its status was lost")
	w.wantSlots()

	w.takeSlots("hawk") // of a Bot that exists: what is not ours stays
	w.create(w.newBot("hawk"))
	w.wantSlots("hawk")

	held := w.readAccount()
	held.Finalizers = []string{spawnv1.AccountFinalizer}
	if err := errors.Join(w.Update(t.Context(), held), w.Delete(t.Context(), held)); err != nil {
		t.Fatal(err)
	}
	w.wantDenied(w.Create(t.Context(), w.newBot("drifter")), "is being deleted")
	w.wantSlots("hawk")

	held = w.readAccount()
	held.Finalizers = nil
	if err := w.Update(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	w.warnings()
	w.create(w.newBot("drifter"))
	w.wantWarnings("there is no account")
}

// stale reads one Account as it was.
type stale struct {
	client.Reader

	account *spawnv1.Account
}

func (s stale) Get(ctx context.Context, key client.ObjectKey, obj client.Object, options ...client.GetOption) error {
	if account, ok := obj.(*spawnv1.Account); ok {
		s.account.DeepCopyInto(account)
		return nil
	}
	return s.Reader.Get(ctx, key, obj, options...)
}

// broken is an API server that does not answer, or answers nonsense.
type broken struct{ hangs bool }

func (b broken) Get(ctx context.Context, _ client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	if b.hangs {
		<-ctx.Done()
	}
	return errors.New("etcd is at 10.0.0.7 and down")
}

func (b broken) List(ctx context.Context, _ client.ObjectList, _ ...client.ListOption) error {
	return b.Get(ctx, client.ObjectKey{}, nil)
}

// clusterOnly is an API server that lets nothing be read in a namespace.
type clusterOnly struct{ client.Reader }

func (c clusterOnly) Get(
	ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption,
) error {
	if key.Namespace != "" {
		return errors.New("forbidden")
	}
	return c.Reader.Get(ctx, key, into, options...)
}

func (c clusterOnly) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("forbidden")
}

func TestAFailureOfOursIsNoRefusalAndTellsNothing(t *testing.T) {
	w := newWorld(t)
	w.givenAccount()
	for _, hangs := range []bool{false, true} {
		w.options.Live = broken{hangs}
		w.serve()
		began := time.Now() //nolint:forbidigo // the deadline is real
		err := w.Create(t.Context(), w.newBot("scout"))
		var status apierrors.APIStatus
		if !errors.As(err, &status) || status.Status().Code != http.StatusInternalServerError {
			t.Fatalf("the answer is %v, want a 500", err)
		}
		if strings.Contains(err.Error(), "10.0.0.7") || !strings.Contains(err.Error(), "try again") {
			t.Errorf("the answer is %v", err)
		}
		if took := time.Since(began); took > 4900*time.Millisecond { //nolint:forbidigo // the deadline is real
			t.Errorf("the answer took %s, which is as long as the API server waits", took)
		}
	}
	w.wantSlots()
}

func TestOnlyWhatPolicyJudgesIsAskedAbout(t *testing.T) {
	w := newWorld(t)
	w.givenAccount()
	bot := w.newBot("scout")
	bot.Finalizers = []string{spawnv1.BotFinalizer}
	w.create(bot)
	w.options.Live = broken{}
	w.serve()
	asked := shared.asked.Load()
	for what, edit := range map[string]func(*spawnv1.Bot){
		"pausing":      func(b *spawnv1.Bot) { b.Spec.DesiredState = spawnv1.BotPaused },
		"annotating":   func(b *spawnv1.Bot) { b.Annotations = map[string]string{"note": "x"} },
		"labelling":    func(b *spawnv1.Bot) { b.Labels = map[string]string{"team": "x"} },
		"risk":         func(b *spawnv1.Bot) { b.Spec.Risk = risk(1, 1, 1, 1) },
		"redeploying":  func(b *spawnv1.Bot) { b.Spec.RedeployAt = &metav1.Time{Time: time.Unix(1e9, 0)} },
		"a display":    func(b *spawnv1.Bot) { b.Spec.DisplayName = "Scout" },
		"no finalizer": func(b *spawnv1.Bot) { b.Finalizers = nil },
		"a finalizer":  func(b *spawnv1.Bot) { b.Finalizers = []string{spawnv1.BotFinalizer} },
	} {
		if err := w.edit(bot, edit); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	bot.Status.Incarnation = 1
	if err := w.Status().Update(t.Context(), bot); err != nil {
		t.Error(err)
	}
	if err := w.edit(bot, func(b *spawnv1.Bot) { b.Finalizers = []string{spawnv1.BotFinalizer} }); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), bot); err != nil {
		t.Error(err)
	}
	if err := w.edit(bot, func(b *spawnv1.Bot) { b.Spec.Machine.Size, b.Finalizers = "c-2", nil }); err != nil {
		t.Errorf("what is being deleted is let go: %v", err)
	}
	if now := shared.asked.Load(); now != asked {
		t.Errorf("we were asked %d times", now-asked)
	}
}

func TestAChangeAnswersForWhatItAddsOnly(t *testing.T) {
	w := newWorld(t)
	account := w.givenAccount()
	bot := w.newBot("scout")
	w.create(bot)
	account.Spec.MachinePolicy.AllowedRegions = []string{"fra1"}
	account.ResourceVersion = ""
	if err := w.Update(t.Context(), w.withVersion(account)); err != nil {
		t.Fatal(err)
	}
	w.warnings()
	if err := w.edit(bot, func(b *spawnv1.Bot) { b.Spec.LLM.Model = "other" }); err != nil {
		t.Errorf("the region was not allowed before: %v", err)
	}
	w.wantDenied(w.edit(bot, func(b *spawnv1.Bot) { b.Spec.Machine.Region = "ams3" }),
		`does not allow "ams3"; it allows fra1`)
	w.wantDenied(w.edit(bot, func(b *spawnv1.Bot) {
		b.Spec.Trading.Mode, b.Spec.Risk = spawnv1.TradingLive, risk(1, 1, 1, 1)
	}), "does not allow Live trading")
	w.givenSecret("closed", func(s *corev1.Secret) { s.Labels = nil })
	w.wantDenied(w.edit(bot, func(b *spawnv1.Bot) { b.Spec.LLM.APIKeySecretRef.Name = "closed" }), "is not open to bots")
	if err := w.edit(bot, func(b *spawnv1.Bot) { b.Spec.Machine.Region = "fra1" }); err != nil {
		t.Error(err)
	}
	w.wantWarnings()
	if err := w.edit(bot, func(b *spawnv1.Bot) { b.Spec.LLM.APIKeySecretRef.Key = "other" }); err != nil {
		t.Error(err)
	}
	w.wantWarnings(`Secret "keys" has no key "other"; the bot waits for it`)
	w.wantSlots("scout")
}

func (w *world) withVersion(account *spawnv1.Account) *spawnv1.Account {
	account.ResourceVersion = w.readAccount().ResourceVersion
	return account
}

// edit reads the Bot anew, and writes it with a change.
func (w *world) edit(bot *spawnv1.Bot, edit func(*spawnv1.Bot)) error {
	w.t.Helper()
	if err := w.Get(w.t.Context(), client.ObjectKeyFromObject(bot), bot); err != nil {
		w.t.Fatal(err)
	}
	edit(bot)
	return w.Update(w.t.Context(), bot)
}

func risk(position, loss, drawdown, trades int32) *spawnv1.Risk {
	return &spawnv1.Risk{
		MaxPositionSizeBps: &position, MaxDailyLossBps: &loss, MaxDrawdownBps: &drawdown, MaxTradesPerDay: &trades,
	}
}
