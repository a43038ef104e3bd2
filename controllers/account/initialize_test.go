// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/controllers/account"
)

func TestAnAccountWithoutBotsIsInitializedAtOnce(t *testing.T) {
	o := newOffice(t, 2)
	o.look()
	o.wantInitialized("no Bots", true)
	if account := o.Account(); account.Status.InitializedFor != string(account.UID) || !o.IsReady(account) {
		t.Errorf("initialized for %q, and not in one write with the rest", account.Status.InitializedFor)
	}
}

func TestBotsThatWereThereBeforeGetTheirSlotsFirst(t *testing.T) {
	o := newOffice(t, 2)
	o.GivenBot("hawk")
	o.bots(spawnv1.AccountNotReadyReason, "scout")
	o.look()
	o.wantInitialized("two Bots without a slot, one of which nobody has looked at", false)
	o.take("scout")
	o.look()
	o.wantInitialized("one without", false)
	o.take("hawk")
	o.look()
	o.wantInitialized("both have one", true)

	o.GivenBot("owl")
	o.look()
	o.wantInitialized("a new one is not from before", true)
}

func TestBotsThatGetNoSlotAreNotWaitedFor(t *testing.T) {
	o := newOffice(t, 2)
	o.bots(spawnv1.MachineNotAllowedReason, "scout")
	o.bots(spawnv1.SecretNotAllowedReason, "hawk")
	o.bots(spawnv1.AccountNotReadyReason, "owl")
	o.look()
	o.wantInitialized("owl may have one", false)
	o.take("owl")
	o.look()
	o.wantInitialized("DigitalOcean has not said whether the others have machines", false)
	o.lookAfterPass()
	o.wantInitialized("the others may not", true)
}

func TestCRIT002_AFullAccountIsInitializedUnlessAMachineHasNoSlot(t *testing.T) {
	o := newOffice(t, 1)
	o.bots(spawnv1.AccountNotReadyReason, "hawk")
	scout := o.GivenBot("scout")
	o.editStatus(scout, func() { scout.Status.DropletName = o.droplet("scout").Name })
	o.take("hawk")
	o.lookAfterPass()
	o.wantInitialized("scout's machine has no slot", false)
	o.editStatus(scout, func() { scout.Status.DropletName = "" })
	o.look()
	o.wantInitialized("scout's machine is not in its status any more", false)
	o.strip(o.DropletOf("scout"))
	o.look()
	o.wantInitialized("scout has no machine, and waits", true)
}

// After a restore of the manifests alone a machine may be known to DigitalOcean only.
func TestCRIT002_AFullAccountIsNotInitializedWhileAnInstanceHasNoSlot(t *testing.T) {
	for name, reason := range map[string]string{
		"it waits": spawnv1.AccountLimitReachedReason, "it is refused": spawnv1.MachineNotAllowedReason,
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, 1)
			o.bots(reason, "scout")
			o.GivenBot("hawk")
			o.take("hawk")
			o.instance("scout")
			o.lookAfterPass()
			o.wantInitialized("scout has an instance", false)
		})
	}
}

func TestCRIT002_ADowngradedAccountWhoseStatusWasWipedGivesNoSlotToNewBots(t *testing.T) {
	o := newOffice(t, 3)
	o.bots(spawnv1.AdmittedReason, "a", "b", "c")
	o.take("a", "b", "c")
	o.look()
	o.wantInitialized("before", true)
	account := o.Account()
	account.Spec.MaxBots = new(int32)
	*account.Spec.MaxBots = 2
	o.must(o.Client.Update(t.Context(), account))
	o.editStatus(account, func() { account.Status = spawnv1.AccountStatus{} })
	for _, name := range []string{"a", "b", "c"} {
		bot := o.Bot(name)
		o.editStatus(bot, func() { bot.Status.DropletName = name + "-1" })
	}
	o.look()
	o.wantInitialized("wiped", false)
	o.wantBots("wiped", 0, 3)
	o.take("a", "b")
	o.lookAfterPass()
	o.wantInitialized("c owns a machine, and there is no slot for it", false)
	c := o.Bot("c")
	o.editStatus(c, func() { c.Status.DropletName = "" })
	o.look()
	o.wantInitialized("c waits like a new one", true)
}

func TestARecreatedAccountIsAnotherAccount(t *testing.T) {
	o := newOffice(t, 2)
	o.bots(spawnv1.AdmittedReason, "scout")
	account := o.Account()
	o.editStatus(account, func() { account.Status.InitializedFor = "the uid in the backup" })
	o.look()
	o.wantInitialized("restored with the status of another", false)
	o.take("scout")
	o.look()
	o.wantInitialized("scout has its slot", true)
}

// stale is a cache that has not seen any Bot yet.
type stale struct{ client.Client }

func (s stale) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if _, bots := list.(*spawnv1.BotList); bots {
		return nil
	}
	return s.Client.List(ctx, list, options...)
}

func TestABotThatTheCacheHasNotSeenIsNotMissed(t *testing.T) {
	o := newOffice(t, 2, func(o *account.Options) { o.Client = stale{o.Client} })
	o.GivenBot("scout")
	o.look()
	o.wantInitialized("the cache lags", false)
	o.take("scout")
	o.look()
	o.wantInitialized("scout has its slot", true)
}

func TestOnlyTheNamespacesThatMayBeReadAreListed(t *testing.T) {
	var mine string
	o := newOffice(t, 2, func(o *account.Options) {
		o.Live = wrong{o.Live, func(_ any, namespace string) error {
			if namespace != mine {
				return errForbidden
			}
			return nil
		}}
	})
	mine = o.Namespace
	if _, err := o.try(); err != nil { // the finalizer
		t.Fatal(err)
	}
	if _, err := o.try(); err == nil {
		t.Error("no error although the Bots of all namespaces may not be listed")
	}
	if account := o.Account(); account.Status.InitializedFor != "" || !o.IsReady(account) {
		t.Errorf("status %+v, want all that is known", account.Status)
	}

	other := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: o.Namespace + "-2"}}
	o.must(o.Client.Create(t.Context(), other))
	o.GivenBot("stray", func(b *spawnv1.Bot) { b.Namespace = other.Name })
	o.GivenBot("scout")
	o.options.Namespaces = []string{mine}
	o.options.Client = within{o.options.Client, mine}
	o.restart()
	o.look()
	o.wantInitialized("scout has no slot", false)
	o.take("scout")
	o.look()
	o.wantInitialized("the other Bot is none of ours", true)
}

// within is a cache of one namespace.
type within struct {
	client.Client
	namespace string
}

func (w within) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	return w.Client.List(ctx, list, append(options, client.InNamespace(w.namespace))...)
}

func TestAnAccountWhoseBotsCannotBeListedLiveIsNotInitialized(t *testing.T) {
	for name, what := range map[string]client.ObjectList{"bots": &spawnv1.BotList{}, "droplets": &spawnv1.DropletList{}} {
		t.Run(name, func(t *testing.T) {
			broken := true
			o := newOffice(t, 1, func(o *account.Options) {
				o.Live = wrong{o.Live, func(obj any, _ string) error {
					_, bots := obj.(*spawnv1.BotList)
					if _, wanted := what.(*spawnv1.BotList); broken && bots == wanted {
						return http.ErrHandlerTimeout
					}
					return nil
				}}
			})
			o.bots(spawnv1.AccountLimitReachedReason, "scout")
			o.GivenBot("hawk")
			o.take("hawk")
			o.Step(time.Second)
			o.Pass()
			o.must(errOf(o.try()))
			if _, err := o.try(); !errors.Is(err, http.ErrHandlerTimeout) {
				t.Errorf("error %v", err)
			}
			o.wantInitialized("not listed", false)
			o.wantBots("the rest is told", 1, 1)
			broken = false
			o.lookAfterPass()
			o.wantInitialized("listed", true)
		})
	}
}
