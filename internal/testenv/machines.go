// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"context"
	"encoding/json"
	"strings"
	"time"

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
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/seal"
	"github.com/cedros-io/open-spawn/internal/token"
)

const (
	// Gateway is what machines call.
	Gateway = "https://gateway.example:8443"
	// gatewayRenews is how often the gateway says that it receives.
	gatewayRenews = delivery.GatewayDuration / 4
)

// FleetKey is the fleet key of every test.
var FleetKey = []byte("the fleet key, of thirty-two byte")[:32]

// Machines are the machines of a test's Bots, with the gateway that they call: they do to the delivery namespace what
// those do, at every Round. Both are proven by their own tests; here the manager is.
type Machines struct {
	// Namespace is the delivery namespace.
	Namespace string
	// Deaf is set while no gateway receives.
	Deaf bool
	// Frozen is set while the manager's cache is told of no Lease of a machine.
	Frozen bool
	// Silent are the Bots whose machines say nothing, and Refuse why the machine of a Bot does not apply a config.
	Silent map[string]bool
	Refuse map[string]string
	// Conflicts counts, for each Bot, the registrations with its machine's token that were refused.
	Conflicts map[string]int32
	// Configs are the configs that were given to the machine of each Bot, in order.
	Configs map[string][]Given

	env     *Env
	keys    map[string]seal.PrivateKey
	known   map[string]*coordinationv1.Lease
	renewed time.Time
}

// Given is a config as a machine is given it.
type Given struct {
	Version int64
	Config  protocol.BotConfig
	Secrets map[string]string
	Run     bool
}

// Talk makes the world one in which machines talk, and starts the manager's life anew. There is Secret llm, which
// NewBot names.
func (e *Env) Talk() *Machines {
	e.t.Helper()
	e.Machines = &Machines{
		Namespace: strings.Replace(e.Namespace, "test-", "delivery-", 1), Silent: map[string]bool{},
		Refuse: map[string]string{}, Conflicts: map[string]int32{}, Configs: map[string][]Given{}, env: e,
		keys:  map[string]seal.PrivateKey{},
		known: map[string]*coordinationv1.Lease{},
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.Machines.Namespace}}
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
	return &bot.Delivery{
		Client: &lagging{Client: kube, machines: e.Machines}, Live: kube, Namespace: e.Machines.Namespace,
		SystemNamespace: e.Namespace, Key: FleetKey,
		Gateways: []string{Gateway}, GatewayCA: func() string { return "" }, Fleet: i.Heard,
	}
}

// lagging stands in for a cache that may be told of no Lease any more.
type lagging struct {
	client.Client
	machines *Machines
}

// Get implements client.Reader.
func (l *lagging) Get(ctx context.Context, key client.ObjectKey, into client.Object, o ...client.GetOption) error {
	lease, ok := into.(*coordinationv1.Lease)
	if before := l.machines.known[key.Name]; ok && l.machines.Frozen && before != nil {
		before.DeepCopyInto(lease)
		return nil
	}
	err := l.Client.Get(ctx, key, into, o...)
	if ok && err == nil {
		l.machines.known[key.Name] = lease.DeepCopy()
	}
	return err
}

// talk lets the gateway and every machine that is on have its turn, and the manager hear of it.
func (m *Machines) talk() {
	m.env.t.Helper()
	if now := m.env.Clock.Now(); !m.Deaf && now.Sub(m.renewed) >= gatewayRenews {
		m.renewed = now
		m.sayReceiving()
	}
	var letters corev1.SecretList
	m.env.must(m.env.Client.List(m.env.t.Context(), &letters, client.InNamespace(m.Namespace)), "listing letters")
	for i := range letters.Items {
		m.turn(&letters.Items[i])
	}
	var leases coordinationv1.LeaseList
	m.env.must(m.env.Client.List(m.env.t.Context(), &leases, client.InNamespace(m.Namespace)), "listing Leases")
	for i := range leases.Items {
		if !m.Frozen || delivery.IsGateway(&leases.Items[i]) {
			bot.Hear(m.env.Manager.Heard, &leases.Items[i])
		}
	}
}

func (m *Machines) sayReceiving() {
	m.env.t.Helper()
	g := delivery.Gateway{Name: "gateway-1", Renewed: m.renewed}
	m.put(g.LeaseName(), metav1.ObjectMeta{Namespace: m.Namespace, Name: g.LeaseName()},
		func(lease *coordinationv1.Lease) { g.WriteTo(lease) })
}

// turn registers the machine of a letter, or lets it beat and take up its config.
func (m *Machines) turn(letter *corev1.Secret) {
	m.env.t.Helper()
	told, err := delivery.ReadMachine(letter)
	m.env.must(err, "reading a letter")
	if m.Deaf || m.Silent[told.Bot] || !m.isOn(told.InstanceID) {
		return
	}
	p, now := m.Presence(letter.Name), m.env.Clock.Now()
	if p == nil {
		if !now.Before(told.Registration.NotAfter) {
			return
		}
		p = m.register(letter.Name, told)
	}
	before := p.News()
	p.Conflicts = m.Conflicts[told.Bot]
	if content, err := delivery.ReadContent(letter); err == nil && content.SealedTo == p.SealKey {
		m.apply(letter.Name, told, content, p)
	}
	interval := time.Duration(told.IntervalSeconds) * time.Second
	if before != p.News() || now.Sub(p.Renewed) >= interval {
		p.Renewed = now
		m.write(letter, p)
	}
}

// isOn tells whether the instance exists and has power.
func (m *Machines) isOn(instance int64) bool {
	for _, i := range m.env.Cloud.Instances() {
		if i.ID == instance {
			return i.State == "active"
		}
	}
	return false
}

func (m *Machines) register(machine string, told *delivery.Machine) *delivery.Presence {
	m.env.t.Helper()
	want := token.NewRegistration(FleetKey, machine).Hash()
	if !told.Registration.Hash().Equal(want) {
		m.env.t.Errorf("the letter of %s has the hash of another token", machine)
	}
	key, err := seal.NewKey()
	m.env.must(err, "making a key")
	m.keys[machine] = key
	return &delivery.Presence{
		Credential: token.NewCredential(machine).Hash(), SealKey: key.Public().String(), ReceivedBy: "gateway-1",
		Facts:    protocol.Heartbeat{InstanceID: told.InstanceID, BootID: "boot-1", AgentVersion: "v0.1.0"},
		Duration: time.Duration(told.GraceSeconds+told.IntervalSeconds) * time.Second,
	}
}

// apply opens a config that is new, and says how it went.
func (m *Machines) apply(machine string, told *delivery.Machine, content *delivery.Content, p *delivery.Presence) {
	m.env.t.Helper()
	if r := p.Facts.Result; r != nil && r.Version >= content.Version {
		return
	}
	plain, err := m.keys[machine].Open(protocol.SealContext(machine, content.Version, content.Config), content.Sealed)
	m.env.must(err, "opening the secrets of %s", machine)
	given := Given{Version: content.Version, Run: told.Run}
	m.env.must(json.Unmarshal(plain, &given.Secrets), "reading the secrets of %s", machine)
	m.env.must(json.Unmarshal(content.Config, &given.Config), "reading the config of %s", machine)
	m.Configs[told.Bot] = append(m.Configs[told.Bot], given)
	why, refused := m.Refuse[told.Bot]
	p.Facts.Result = &protocol.ConfigResult{Version: content.Version, Applied: !refused, Message: why}
	if !refused {
		p.Facts.AppliedConfig = content.Version
	}
}

func (m *Machines) write(letter *corev1.Secret, p *delivery.Presence) {
	m.env.t.Helper()
	meta := metav1.ObjectMeta{Namespace: m.Namespace, Name: letter.Name, Labels: letter.Labels}
	m.put(letter.Name, meta, func(lease *coordinationv1.Lease) {
		m.env.must(p.WriteTo(lease), "writing the Lease of %s", letter.Name)
	})
}

// put creates or changes a Lease.
func (m *Machines) put(name string, meta metav1.ObjectMeta, fill func(*coordinationv1.Lease)) {
	m.env.t.Helper()
	ctx, lease := m.env.t.Context(), &coordinationv1.Lease{}
	err := m.env.Client.Get(ctx, client.ObjectKey{Namespace: m.Namespace, Name: name}, lease)
	if apierrors.IsNotFound(err) {
		lease = &coordinationv1.Lease{ObjectMeta: meta}
		fill(lease)
		m.env.must(m.env.Client.Create(ctx, lease), "creating Lease %s", name)
		return
	}
	m.env.must(err, "reading Lease %s", name)
	fill(lease)
	m.env.must(m.env.Client.Update(ctx, lease), "changing Lease %s", name)
}
