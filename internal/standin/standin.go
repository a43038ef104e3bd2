// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

// Package standin does to the delivery namespace what a gateway and the machines that call it do, for tests in which
// neither is what is tested. Secrets are really opened, and credentials are really invented.
package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/protocol"
	"github.com/cedros-io/open-spawn/internal/seal"
	"github.com/cedros-io/open-spawn/internal/token"
)

// gatewayRenews is how often the gateway says that it receives.
const gatewayRenews = delivery.GatewayDuration / 4

// Machines are the machines of Bots, with the gateway that they call. Fields are set before Turn is called, or between.
type Machines struct {
	// Client is an administrator's.
	Client client.Client
	// Namespace is the delivery namespace.
	Namespace string
	// Clock is the time.
	Clock clock.PassiveClock
	// IsOn tells whether an instance exists and has power; nil means that all do.
	IsOn func(instance int64) bool
	// Deaf is set while no gateway receives.
	Deaf bool
	// Silent are the Bots whose machines say nothing, and Refuse why the machine of a Bot does not apply a config.
	Silent map[string]bool
	Refuse map[string]string
	// Ails changes what the machine of a Bot says of itself.
	Ails map[string]func(*protocol.Heartbeat)
	// Conflicts counts, for each Bot, the registrations with its machine's token that were refused.
	Conflicts map[string]int32
	// Configs are the configs that were given to the machine of each Bot, in order.
	Configs map[string][]Given

	keys    map[string]seal.PrivateKey
	renewed time.Time
}

// Given is a config as a machine is given it.
type Given struct {
	Version int64
	Config  protocol.BotConfig
	Secrets map[string]string
	Run     bool
}

// New makes machines that all talk.
func New(c client.Client, namespace string, clock clock.PassiveClock) *Machines {
	return &Machines{
		Client: c, Namespace: namespace, Clock: clock, Silent: map[string]bool{}, Refuse: map[string]string{},
		Ails: map[string]func(*protocol.Heartbeat){}, Conflicts: map[string]int32{}, Configs: map[string][]Given{},
		keys: map[string]seal.PrivateKey{},
	}
}

// Turn lets the gateway say that it receives, and every machine that is on register, or beat and take up its config.
func (m *Machines) Turn(ctx context.Context) error {
	if m.Deaf {
		return nil
	}
	if now := m.Clock.Now(); now.Sub(m.renewed) >= gatewayRenews {
		m.renewed = now
		g := delivery.Gateway{Name: "stand-in", Renewed: now}
		if err := m.put(ctx, metav1.ObjectMeta{Namespace: m.Namespace, Name: g.LeaseName()}, g.WriteTo); err != nil {
			return err
		}
	}
	var letters corev1.SecretList
	if err := m.Client.List(ctx, &letters, client.InNamespace(m.Namespace)); err != nil {
		return fmt.Errorf("listing letters: %w", err)
	}
	for i := range letters.Items {
		if err := m.turn(ctx, &letters.Items[i]); err != nil {
			return err
		}
	}
	return nil
}

// turn is that of the machine of one letter.
func (m *Machines) turn(ctx context.Context, letter *corev1.Secret) error {
	told, err := delivery.ReadMachine(letter)
	if err != nil {
		return nil //nolint:nilerr // a test has spoilt it, and the manager is about to mend it
	}
	if !m.talks(told) {
		return nil
	}
	p, err := m.known(ctx, letter.Name, told)
	if err != nil || p == nil {
		return err
	}
	before := p.News()
	p.Conflicts = m.Conflicts[told.Bot]
	if err := m.takeUp(letter, told, p); err != nil {
		return err
	}
	if ails := m.Ails[told.Bot]; ails != nil {
		ails(&p.Facts)
	}
	interval := time.Duration(told.IntervalSeconds) * time.Second
	if now := m.Clock.Now(); before != p.News() || now.Sub(p.Renewed) >= interval {
		p.Renewed = now
		return m.write(ctx, letter, p)
	}
	return nil
}

// talks tells whether a machine is on, and says something.
func (m *Machines) talks(told *delivery.Machine) bool {
	return !m.Silent[told.Bot] && told.InstanceID != 0 && (m.IsOn == nil || m.IsOn(told.InstanceID))
}

// known is what is known of a machine that has registered, or does so now; nil when it may not any more.
func (m *Machines) known(ctx context.Context, machine string, told *delivery.Machine) (*delivery.Presence, error) {
	p, err := m.Presence(ctx, machine)
	if err != nil || p != nil {
		return p, err
	}
	return m.register(machine, told)
}

// register is nil when the token has expired.
func (m *Machines) register(machine string, told *delivery.Machine) (*delivery.Presence, error) {
	if !m.Clock.Now().Before(told.Registration.NotAfter) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	key, err := seal.NewKey()
	if err != nil {
		return nil, err
	}
	m.keys[machine] = key
	return &delivery.Presence{
		Credential: token.NewCredential(machine).Hash(), SealKey: key.Public().String(), ReceivedBy: "stand-in",
		Facts:    protocol.Heartbeat{InstanceID: told.InstanceID, BootID: "boot-1", AgentVersion: "v0.1.0"},
		Duration: time.Duration(told.GraceSeconds+told.IntervalSeconds) * time.Second,
	}, nil
}

// takeUp opens a config that is new, and says how it went. What was sealed to another key, such as that of another life
// of this stand-in, is not for us.
func (m *Machines) takeUp(letter *corev1.Secret, told *delivery.Machine, p *delivery.Presence) error {
	content, err := delivery.ReadContent(letter)
	machine := letter.Name
	key, ours := m.keys[machine]
	if err != nil || !ours || content.SealedTo != p.SealKey {
		return nil //nolint:nilerr // there is none yet
	}
	if r := p.Facts.Result; r != nil && r.Version >= content.Version {
		return nil
	}
	plain, err := key.Open(protocol.SealContext(machine, content.Version, content.Config), content.Sealed)
	if err != nil {
		return fmt.Errorf("opening the secrets of %s: %w", machine, err)
	}
	given := Given{Version: content.Version, Run: told.Run}
	if err := json.Unmarshal(plain, &given.Secrets); err != nil {
		return fmt.Errorf("reading the secrets of %s: %w", machine, err)
	}
	if err := json.Unmarshal(content.Config, &given.Config); err != nil {
		return fmt.Errorf("reading the config of %s: %w", machine, err)
	}
	m.Configs[told.Bot] = append(m.Configs[told.Bot], given)
	why, refused := m.Refuse[told.Bot]
	p.Facts.Result = &protocol.ConfigResult{Version: content.Version, Applied: !refused, Message: why}
	if !refused {
		p.Facts.AppliedConfig = content.Version
		p.Facts.OpenClaw = protocol.OpenClaw{Running: true, Healthy: true, Version: given.Config.OpenClaw.Version}
	}
	return nil
}

// Presence is what the Lease of a machine says; nil when there is none.
func (m *Machines) Presence(ctx context.Context, machine string) (*delivery.Presence, error) {
	var lease coordinationv1.Lease
	err := m.Client.Get(ctx, client.ObjectKey{Namespace: m.Namespace, Name: machine}, &lease)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // none is an answer
	case err != nil:
		return nil, fmt.Errorf("reading Lease %s: %w", machine, err)
	}
	return delivery.ReadPresence(&lease)
}

func (m *Machines) write(ctx context.Context, letter *corev1.Secret, p *delivery.Presence) error {
	var failure error
	meta := metav1.ObjectMeta{Namespace: m.Namespace, Name: letter.Name, Labels: letter.Labels}
	err := m.put(ctx, meta, func(lease *coordinationv1.Lease) { failure = p.WriteTo(lease) })
	return errors.Join(failure, err)
}

// put creates or changes a Lease. One that somebody else changes meanwhile is left for the next turn.
func (m *Machines) put(ctx context.Context, meta metav1.ObjectMeta, fill func(*coordinationv1.Lease)) error {
	lease := &coordinationv1.Lease{}
	err := m.Client.Get(ctx, client.ObjectKey{Namespace: meta.Namespace, Name: meta.Name}, lease)
	switch {
	case apierrors.IsNotFound(err):
		lease = &coordinationv1.Lease{ObjectMeta: meta}
		fill(lease)
		err = m.Client.Create(ctx, lease)
	case err == nil:
		fill(lease)
		err = m.Client.Update(ctx, lease)
	}
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
