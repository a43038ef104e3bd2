// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package delivery_test

import (
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// world is a testenv in which machines talk, and whose delivery namespace is tidied up.
type world struct {
	*testenv.Env
	*testing.T
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{testenv.New(t), t}
	w.Talk()
	return w
}

// tidy looks at all that bears a name, and tells when it is to be looked at again.
func (w *world) tidy(name string) time.Duration {
	w.Helper()
	key := types.NamespacedName{Namespace: w.Machines.Namespace, Name: name}
	result, err := w.Manager.Tidy.Reconcile(w.Context(), reconcile.Request{NamespacedName: key})
	if err != nil {
		w.Fatal(err)
	}
	return result.RequeueAfter
}

// given writes objects.
func (w *world) given(objects ...client.Object) {
	w.Helper()
	for _, object := range objects {
		if err := w.Client.Create(w.Context(), object); err != nil {
			w.Fatal(err)
		}
	}
}

// left are the objects of a machine: its letter, its Lease and its user data.
func (w *world) left(machine, bot string) []client.Object {
	meta := func(namespace string) metav1.ObjectMeta {
		return delivery.ObjectMeta(namespace, machine, w.Namespace, bot)
	}
	return []client.Object{
		&corev1.Secret{ObjectMeta: meta(w.Machines.Namespace)}, &coordinationv1.Lease{ObjectMeta: meta(w.Machines.Namespace)},
		&corev1.Secret{ObjectMeta: meta(w.Namespace)},
	}
}

func (w *world) want(there bool, objects ...client.Object) {
	w.Helper()
	for _, object := range objects {
		if w.Exists(object) != there {
			w.Errorf("%T %s/%s: want it to be there: %v", object, object.GetNamespace(), object.GetName(), there)
		}
	}
}

func TestWhatIsLeftOfAMachineThatNobodyHasGoesAfterAnHour(t *testing.T) {
	w := newWorld(t)
	left := w.left("ghost-0123456789abc", "ghost")
	w.given(left...)
	if again := w.tidy("ghost-0123456789abc"); again != time.Hour {
		t.Errorf("it is looked at again in %s", again)
	}
	w.Step(59 * time.Minute)
	w.tidy("ghost-0123456789abc")
	w.want(true, left...)
	w.Step(time.Minute)
	w.tidy("ghost-0123456789abc")
	w.want(false, left...)
	if again := w.tidy("ghost-0123456789abc"); again != 0 {
		t.Errorf("what is gone is looked at again in %s", again)
	}
}

func TestALeaseWithoutALetterGoesToo(t *testing.T) {
	w := newWorld(t)
	lease := w.left("ghost-0123456789abc", "ghost")[1]
	w.given(lease)
	w.tidy(lease.GetName())
	w.Step(time.Hour)
	w.tidy(lease.GetName())
	w.want(false, lease)
}

func TestWhatIsClaimedOrIsNotOursStays(t *testing.T) {
	w := newWorld(t)
	bot := w.GivenReadyBot("scout")
	unlabelled := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.Machines.Namespace, Name: "somebodys"}}
	w.given(unlabelled)
	late := w.left("late-0123456789abc", "late")
	w.given(late...)
	names := []string{bot.Status.DropletName, "somebodys", "late-0123456789abc"}
	for _, name := range names {
		w.tidy(name)
	}
	w.Step(59 * time.Minute)
	// Somebody restores a Bot that names the machine, and only then its hour is over.
	w.GivenDroplet("late")
	restored := w.Bot("late")
	restored.Status.DropletName = "late-0123456789abc"
	if err := w.Client.Status().Update(t.Context(), restored); err != nil {
		t.Fatal(err)
	}
	w.Step(time.Hour)
	for _, name := range names {
		if again := w.tidy(name); again != 0 {
			t.Errorf("%s is looked at again in %s", name, again)
		}
	}
	w.want(true, unlabelled)
	w.want(true, late...)
	w.want(true, w.left(bot.Status.DropletName, "scout")[:2]...)
}

func TestAGatewayThatIsNoMoreIsForgotten(t *testing.T) {
	w := newWorld(t)
	ended, going := delivery.Gateway{Name: "ended", Renewed: w.Clock.Now()}, delivery.Gateway{Name: "going"}
	lease := func(g delivery.Gateway) *coordinationv1.Lease {
		l := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: w.Machines.Namespace, Name: g.LeaseName()}}
		g.WriteTo(l)
		return l
	}
	dead, alive := lease(ended), lease(going)
	w.given(dead, alive)
	for range 3 {
		w.tidy(dead.Name)
		w.tidy(alive.Name)
		w.Step(40 * time.Minute)
		w.Update(alive, func() {
			going.Renewed = w.Clock.Now()
			going.WriteTo(alive)
		})
	}
	w.want(false, dead)
	w.want(true, alive)
	if !strings.HasPrefix(alive.Name, "gateway.") {
		t.Errorf("a gateway's Lease is called %s", alive.Name)
	}
}
