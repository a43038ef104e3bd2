// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package account_test

import (
	"context"
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/controllers/account"
	"github.com/cedros-io/open-spawn/internal/identity"
	"github.com/cedros-io/open-spawn/internal/slots"
	"github.com/cedros-io/open-spawn/internal/status"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

// office is the test's Account, its controller, and a book of slots. No Bot is reconciled: what the webhook and the bot
// controller do to an Account, the test does.
type office struct {
	*testenv.Env

	book     slots.Book
	options  account.Options
	accounts *account.Controller
	opened   time.Time
	t        *testing.T
}

// newOffice has an Account with that limit, that the controller has not seen.
func newOffice(t *testing.T, limit int32, edits ...func(*account.Options)) *office {
	t.Helper()
	e := testenv.New(t)
	e.GivenAccount(func(a *spawnv1.Account) { a.Spec.MaxBots = &limit })
	o := &office{Env: e, book: slots.Book{Client: e.Client, Clock: e.Clock}, opened: e.Clock.Now(), t: t}
	o.options = account.Options{
		Client: e.Client, Live: e.Client, Inventory: e.Manager.Inventory, Fleet: testenv.Fleet, Clock: e.Clock,
		Recorder: e.Manager.Events,
	}
	for _, edit := range edits {
		edit(&o.options)
	}
	o.restart()
	return o
}

// restart begins another life of the controller.
func (o *office) restart() { o.accounts = account.NewController(o.options) }

// try reconciles the Account once.
func (o *office) try() (reconcile.Result, error) {
	o.t.Helper()
	request := reconcile.Request{NamespacedName: types.NamespacedName{Name: o.AccountName()}}
	return o.accounts.Reconcile(o.t.Context(), request)
}

// look reconciles the Account, also before it has its finalizer, and returns when it wants to look again.
func (o *office) look() time.Duration {
	o.t.Helper()
	if len(o.Account().Finalizers) == 0 {
		o.must(errOf(o.try()))
	}
	result, err := o.try()
	o.must(err)
	return result.RequeueAfter
}

func errOf(_ reconcile.Result, err error) error { return err }

// at moves the clock to so long after the beginning, and looks.
func (o *office) at(d time.Duration) time.Duration {
	o.t.Helper()
	o.Step(o.opened.Add(d).Sub(o.Clock.Now()))
	return o.look()
}

// lookAfterPass looks when there is a pass over the fleet that began after all that was done.
func (o *office) lookAfterPass() {
	o.t.Helper()
	o.Step(time.Second)
	o.Pass()
	o.look()
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) named(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: o.Namespace, Name: name}
}

// reserve reserves a slot, as the webhook does.
func (o *office) reserve(name string) {
	o.t.Helper()
	_, err := o.book.Reserve(o.t.Context(), o.AccountName(), o.named(name))
	o.must(err)
}

// take gives a slot to Bots, as the bot controller does.
func (o *office) take(names ...string) {
	o.t.Helper()
	for _, name := range names {
		_, err := o.book.Take(o.t.Context(), o.AccountName(), o.Bot(name))
		o.must(err)
	}
}

// bind gives a slot to a Bot that does not exist any more.
func (o *office) bind(name, uid string) {
	o.t.Helper()
	gone := o.NewBot(name, func(b *spawnv1.Bot) { b.UID = types.UID(uid) })
	_, err := o.book.Take(o.t.Context(), o.AccountName(), gone)
	o.must(err)
}

// bots creates Bots that the bot controller has looked at: Admitted has that reason.
func (o *office) bots(reason string, names ...string) {
	o.t.Helper()
	for _, name := range names {
		bot := o.GivenBot(name)
		status.Set(bot, o.Clock.Now(), condition(reason))
		o.must(o.Client.Status().Update(o.t.Context(), bot))
	}
}

func condition(reason string) metav1.Condition {
	if reason == spawnv1.AdmittedReason {
		return status.True(spawnv1.AdmittedCondition, reason, "admitted")
	}
	return status.False(spawnv1.AdmittedCondition, reason, "because")
}

// editStatus writes a status as whoever owns it would.
func (o *office) editStatus(obj client.Object, edit func()) {
	o.t.Helper()
	o.must(o.Client.Get(o.t.Context(), client.ObjectKeyFromObject(obj), obj))
	edit()
	o.must(o.Client.Status().Update(o.t.Context(), obj))
}

// strip takes an object away with its finalizers, by hand.
func (o *office) strip(obj client.Object) {
	o.t.Helper()
	o.Update(obj, func() { obj.SetFinalizers(nil) })
	o.must(client.IgnoreNotFound(o.Client.Delete(o.t.Context(), obj)))
}

// droplet creates the Droplet of a Bot, which need not exist.
func (o *office) droplet(bot string) *spawnv1.Droplet {
	o.t.Helper()
	droplet := &spawnv1.Droplet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.Namespace, Name: identity.NewName(testenv.Fleet, o.Namespace, bot),
			Finalizers: []string{spawnv1.DropletFinalizer},
		},
		Spec: spawnv1.DropletSpec{
			BotRef: spawnv1.BotReference{Name: bot},
			Region: "nyc3", Size: "s-1vcpu-2gb", Image: "ubuntu-24-04-x64",
			Backups: spawnv1.SwitchDisabled, Monitoring: spawnv1.SwitchEnabled, IPv6: spawnv1.SwitchDisabled,
			PowerState: spawnv1.PowerOn, DeletionPolicy: spawnv1.DeletionPolicyDelete,
		},
	}
	o.must(o.Client.Create(o.t.Context(), droplet))
	return droplet
}

func (o *office) wantBots(when string, admitted, waiting int32) {
	o.t.Helper()
	want := spawnv1.AccountBots{Admitted: admitted, Waiting: waiting}
	if got := o.Account().Status.Bots; got != want {
		o.t.Errorf("%s: counted %+v, want %+v", when, got, want)
	}
}

// wantSlot fails the test unless the slot is there, or is not.
func (o *office) wantSlot(when, name string, want bool) {
	o.t.Helper()
	if _, taken := o.Account().Status.Slots[slots.Key(o.named(name))]; taken != want {
		o.t.Errorf("%s: %s has a slot: %v, want %v", when, name, taken, want)
	}
}

func (o *office) wantInitialized(when string, want bool) {
	o.t.Helper()
	if got := slots.IsInitialized(o.Account()); got != want {
		o.t.Errorf("%s: initialized for %q: %v, want %v", when, o.Account().Status.InitializedFor, got, want)
	}
}

// wrong is a reader that cannot read what it is asked about.
type wrong struct {
	client.Reader
	refuses func(obj any, namespace string) error
}

func (w wrong) Get(ctx context.Context, key client.ObjectKey, obj client.Object, o ...client.GetOption) error {
	if err := w.refuses(obj, key.Namespace); err != nil {
		return err
	}
	return w.Reader.Get(ctx, key, obj, o...)
}

func (w wrong) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(options)
	if err := w.refuses(list, o.Namespace); err != nil {
		return err
	}
	return w.Reader.List(ctx, list, options...)
}

var errForbidden = apierrors.NewForbidden(
	spawnv1.GroupVersion.WithResource("bots").GroupResource(), "scout", errors.New("no role"))

// sly is a reader behind whose back something happens.
type sly struct {
	client.Reader
	onDroplets func()
}

func (s *sly) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	err := s.Reader.List(ctx, list, options...)
	if _, droplets := list.(*spawnv1.DropletList); droplets {
		s.onDroplets()
	}
	return err
}
