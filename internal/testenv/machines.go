// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"context"
	"strings"
	"sync"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/controllers/bot"
	tidy "github.com/cedros-io/open-spawn/controllers/delivery"
	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/freshness"
	"github.com/cedros-io/open-spawn/internal/standin"
)

// Gateway is what machines call.
const Gateway = "https://gateway.example:8443"

// FleetKey is the fleet key of every test.
var FleetKey = []byte("the fleet key, of thirty-two byte")[:32]

// Machines are the machines of a test's Bots, which talk at every Round.
type Machines struct {
	*standin.Machines

	// Software changes what the manager tells machines of their software, from its next life on.
	Software func(*bot.Delivery)
	// Frozen is set while the manager's cache is told of no Lease of a machine.
	Frozen bool

	env *Env

	mu    sync.Mutex // guards known: two managers may live side by side
	known map[string]*coordinationv1.Lease
}

// Talk makes the world one in which machines talk, and starts the manager's life anew. There is Secret llm, which
// NewBot names.
func (e *Env) Talk() *Machines {
	e.t.Helper()
	name := strings.Replace(e.Namespace, "test-", "delivery-", 1)
	e.Machines = &Machines{
		Machines: standin.New(e.Client, name, e.Clock), env: e, known: map[string]*coordinationv1.Lease{},
	}
	e.Machines.IsOn = func(instance int64) bool {
		for _, i := range e.Cloud.Instances() {
			if i.ID == instance {
				return i.State == "active"
			}
		}
		return false
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	e.must(e.Client.Create(e.t.Context(), namespace), "creating the delivery namespace")
	e.GivenSecret("llm", "api-key", "sk-first")
	e.Restart()
	return e.Machines
}

// GivenSecret writes a Secret that is open to bots.
func (e *Env) GivenSecret(name, key, value string) {
	e.t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: e.Namespace, Name: name, Labels: map[string]string{spawnv1.BotAccessLabel: "true"},
		},
		Data: map[string][]byte{key: []byte(value)},
	}
	err := e.Client.Create(e.t.Context(), secret)
	if apierrors.IsAlreadyExists(err) {
		err = e.Client.Update(e.t.Context(), secret)
	}
	e.must(err, "writing secret %s", name)
}

// newDelivery is nil unless machines talk.
func (e *Env) newDelivery(i *Incarnation, kube client.Client) *bot.Delivery {
	if e.Machines == nil {
		return nil
	}
	i.Heard = freshness.NewFleet(e.Clock)
	i.Tidy = tidy.NewController(tidy.Options{
		Client: kube, Live: kube, Machines: kube, Namespace: e.Machines.Namespace, SystemNamespace: e.Namespace,
		Clock: e.Clock,
	})
	d := &bot.Delivery{
		Client: &lagging{Client: kube, machines: e.Machines}, Live: kube, Namespace: e.Machines.Namespace,
		SystemNamespace: e.Namespace, Key: FleetKey, Gateways: []string{Gateway},
		GatewayCA: func() string { return "" }, Fleet: i.Heard,
	}
	if software := e.Machines.Software; software != nil {
		software(d)
	}
	return d
}

// lagging stands in for a cache that may be told of no Lease any more.
type lagging struct {
	client.Client

	machines *Machines
}

// Get implements client.Reader.
func (l *lagging) Get(ctx context.Context, key client.ObjectKey, into client.Object, o ...client.GetOption) error {
	lease, ok := into.(*coordinationv1.Lease)
	if !ok {
		return l.Client.Get(ctx, key, into, o...)
	}
	m := l.machines
	m.mu.Lock()
	defer m.mu.Unlock()
	if before := m.known[key.Name]; m.Frozen && before != nil {
		before.DeepCopyInto(lease)
		return nil
	}
	err := l.Client.Get(ctx, key, into, o...)
	if err == nil {
		m.known[key.Name] = lease.DeepCopy()
	}
	return err
}

// talk lets the machines have their turn, and the manager hear of it.
func (m *Machines) talk() {
	m.env.t.Helper()
	m.env.must(m.Turn(m.env.t.Context()), "letting machines talk")
	var leases coordinationv1.LeaseList
	m.env.must(m.env.Client.List(m.env.t.Context(), &leases, client.InNamespace(m.Namespace)), "listing Leases")
	for i := range leases.Items {
		if !m.Frozen || delivery.IsGateway(&leases.Items[i]) {
			bot.Hear(m.env.Manager.Heard, &leases.Items[i])
		}
	}
}

// Presence is what the Lease of a machine says; nil when there is none.
func (m *Machines) Presence(machine string) *delivery.Presence {
	m.env.t.Helper()
	p, err := m.Machines.Presence(m.env.t.Context(), machine)
	m.env.must(err, "reading the Lease of %s", machine)
	return p
}
