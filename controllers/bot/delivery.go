// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package bot

import (
	"context"
	"errors"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/delivery"
	"github.com/cedros-io/open-spawn/internal/freshness"
	"github.com/cedros-io/open-spawn/internal/token"
	"github.com/cedros-io/open-spawn/internal/userdata"
)

// uncached is how Secrets outside the delivery namespace are written: to wait until a cache has seen it, the client
// would have to watch all Secrets there are.
const uncached = client.DisableReadYourWritesConsistency

// Delivery is how machines are told what to run, and heard.
type Delivery struct {
	// Client reads the delivery namespace from a cache of its own, and writes there.
	Client client.Client
	// Live reads the delivery namespace from the API server itself.
	Live client.Reader
	// Namespace is the delivery namespace.
	Namespace string
	// SystemNamespace is the manager's own, where user data is kept until it was used.
	SystemNamespace string
	// Key is the fleet key: registration tokens are made with it, and contents told apart.
	Key []byte
	// Gateways are the https URLs that machines call, the best first.
	Gateways []string
	// GatewayCA are the certificates in PEM that prove a gateway; empty when a public authority does. It may change.
	GatewayCA func() string
	// AgentSHA256 are the digests of the agent's builds, by architecture; empty when images have an agent already.
	AgentSHA256 map[string]string
	// OpenClawSHA256 are the digests of OpenClaw's archives, by version and by architecture; empty when images have all
	// that they are to run.
	OpenClawSHA256 map[string]map[string]string
	// OpenClawMirror is the https URL under which archives are found by their names; empty when gateways have them.
	OpenClawMirror string
	// DefaultOpenClaw is the version of Bots that name none; empty means that of package openclaw.
	DefaultOpenClaw string
	// ChecksAddress is set if machines register from their own public addresses, and nowhere else.
	ChecksAddress bool
	// Fleet tells which machines are silent.
	Fleet *freshness.Fleet
}

// letter is what is written down about a machine in the delivery namespace. Steps change machine and content; the last
// of them writes both.
type letter struct {
	machine  *delivery.Machine
	content  *delivery.Content
	presence *delivery.Presence // nil when the machine has no credential
	secret   *corev1.Secret     // as it was read; without resourceVersion when there is none
	lease    *coordinationv1.Lease
}

// deliveries reads and writes letters.
type deliveries struct {
	Delivery

	system client.Client // for what is in the manager's namespace
}

// read is the letter of a Bot's machine. What cannot be understood, because somebody has changed it by hand, counts as
// not being there, and is written anew.
func (d *deliveries) read(ctx context.Context, bot *spawnv1.Bot, machine string) (*letter, error) {
	l := &letter{secret: &corev1.Secret{}, lease: &coordinationv1.Lease{}}
	key := client.ObjectKey{Namespace: d.Namespace, Name: machine}
	if err := d.Client.Get(ctx, key, l.secret); apierrors.IsNotFound(err) {
		l.secret.ObjectMeta = delivery.ObjectMeta(d.Namespace, machine, bot.Namespace, bot.Name)
	} else if err != nil {
		return nil, fmt.Errorf("reading delivery Secret %s: %w", machine, err)
	}
	if err := d.Client.Get(ctx, key, l.lease); client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading Lease %s: %w", machine, err)
	} else if err == nil {
		l.presence = d.presence(ctx, l.lease)
	}
	var err error
	if l.machine, err = delivery.ReadMachine(l.secret); err != nil || l.machine.Registration == nil {
		l.machine = &delivery.Machine{Registration: &delivery.Registration{}}
	}
	if l.content, err = delivery.ReadContent(l.secret); err != nil && !errors.Is(err, delivery.ErrNoContent) {
		log.FromContext(ctx).Error(err, "a config is written anew")
	}
	d.address(l.machine, bot, machine)
	return l, nil
}

// presence is what a Lease says; nil when it says nothing of use, or goes.
func (d *deliveries) presence(ctx context.Context, lease *coordinationv1.Lease) *delivery.Presence {
	if !lease.DeletionTimestamp.IsZero() {
		return nil
	}
	presence, err := delivery.ReadPresence(lease)
	if err != nil {
		log.FromContext(ctx).Error(err, "a machine's Lease cannot be understood")
		return nil
	}
	return presence
}

// address brings up to date what does not depend on how the machine is.
func (d *deliveries) address(m *delivery.Machine, bot *spawnv1.Bot, machine string) {
	m.Namespace, m.Bot = bot.Namespace, bot.Name
	m.IntervalSeconds, m.GraceSeconds = bot.Spec.Heartbeat.IntervalSeconds, bot.Spec.Heartbeat.GraceSeconds
	m.Gateways, m.GatewayCA = d.Gateways, d.GatewayCA()
	m.AgentSHA256, m.OpenClawSHA256 = d.AgentSHA256, d.OpenClawSHA256
	m.Registration.SHA256 = token.NewRegistration(d.Key, machine).Hash().String()
}

// write stores a letter, as a whole and under the resourceVersion that was read, if anything in it has changed.
func (d *deliveries) write(ctx context.Context, l *letter) error {
	secret := l.secret.DeepCopy()
	if err := delivery.Write(secret, l.machine, l.content); err != nil {
		return err
	}
	if equality.Semantic.DeepEqual(secret.Data, l.secret.Data) {
		return nil
	}
	if secret.ResourceVersion != "" {
		if err := d.Client.Update(ctx, secret); err != nil {
			return fmt.Errorf("writing delivery Secret %s: %w", secret.Name, err)
		}
	} else if err := d.Client.Create(ctx, secret); err != nil {
		if apierrors.IsAlreadyExists(err) { // the cache lags, or another manager was first: we look again
			err = apierrors.NewConflict(corev1.Resource("secrets"), secret.Name, err)
		}
		return fmt.Errorf("writing delivery Secret %s: %w", secret.Name, err)
	}
	l.secret = secret
	return nil
}

// prepare writes what a machine is told when it is first booted, before it is asked for. The letter comes first: by
// that all of it is found again.
func (d *deliveries) prepare(ctx context.Context, bot *spawnv1.Bot, machine string) error {
	l, err := d.read(ctx, bot, machine)
	if err != nil {
		return err
	}
	if err := d.write(ctx, l); err != nil {
		return err
	}
	d.choose(bot, deliveredOpenClaw(l.content))
	openclaw := namedOpenClaw(bot)
	data, err := userdata.Render(userdata.Machine{
		Name: machine, Gateways: d.Gateways, GatewayCA: d.GatewayCA(),
		Registration: token.NewRegistration(d.Key, machine), AgentSHA256: d.AgentSHA256, Runtime: userdata.OpenClaw(),
		Archive: userdata.Archive{Version: openclaw, SHA256: d.OpenClawSHA256[openclaw]}, Mirror: d.OpenClawMirror,
		Packages: bot.Spec.Machine.Packages,
	})
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: delivery.ObjectMeta(d.SystemNamespace, machine, bot.Namespace, bot.Name),
		Data:       map[string][]byte{userdata.SecretKey: data},
	}
	if err := d.system.Create(ctx, secret, uncached); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("writing the user data of %s: %w", machine, err)
	}
	return nil
}

// dropUserData deletes what a machine was told when it was first booted: it has read it.
func (d *deliveries) dropUserData(ctx context.Context, machine string) error {
	return remove(ctx, d.system, &corev1.Secret{ObjectMeta: objectMeta(d.SystemNamespace, machine)}, uncached)
}

// revoke deletes a machine's credential.
func (d *deliveries) revoke(ctx context.Context, machine string) error {
	return remove(ctx, d.Client, &coordinationv1.Lease{ObjectMeta: objectMeta(d.Namespace, machine)})
}

// retire ends all talk with a machine: its credential dies, and nothing is left of what it was told. It costs nothing
// once that is so.
func (d *deliveries) retire(ctx context.Context, machine string) error {
	if d == nil || machine == "" {
		return nil
	}
	d.Fleet.Forget(machine)
	secret := &corev1.Secret{ObjectMeta: objectMeta(d.Namespace, machine)}
	lease := &coordinationv1.Lease{ObjectMeta: objectMeta(d.Namespace, machine)}
	noSecret := apierrors.IsNotFound(d.Client.Get(ctx, client.ObjectKeyFromObject(secret), secret))
	if noSecret && apierrors.IsNotFound(d.Client.Get(ctx, client.ObjectKeyFromObject(lease), lease)) {
		return nil
	}
	// The Lease goes last: no registration makes another without a letter, and while either is there it is known that
	// the rest may be.
	if err := d.dropUserData(ctx, machine); err != nil {
		return err
	}
	if err := remove(ctx, d.Client, &corev1.Secret{ObjectMeta: objectMeta(d.Namespace, machine)}); err != nil {
		return err
	}
	return d.revoke(ctx, machine)
}

func objectMeta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func remove(ctx context.Context, c client.Client, object client.Object, options ...client.DeleteOption) error {
	if err := client.IgnoreNotFound(c.Delete(ctx, object, options...)); err != nil {
		return fmt.Errorf("deleting %T %s: %w", object, object.GetName(), err)
	}
	return nil
}
