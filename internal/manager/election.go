// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"fmt"
	"os"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cedros-io/open-spawn/internal/leadership"
)

// leaseName is the name of the leader's lease.
const leaseName = "open-spawn-manager"

// renewDeadline bounds one call to renew the lease; it is the default of the leader election that uses the lock.
const renewDeadline = 10 * time.Second

// election is this process's part in choosing a leader. We build the lock ourselves, because the identity in it is also
// what every stored intent names, and what is looked up before a create.
type election struct {
	identity string
	key      client.ObjectKey
	lock     resourcelock.Interface
}

func newElection(o Options) (election, error) {
	host, err := os.Hostname()
	if err != nil {
		return election{}, fmt.Errorf("reading the host name: %w", err)
	}
	e := election{
		identity: host + "_" + string(uuid.NewUUID()),
		key:      client.ObjectKey{Namespace: o.Settings.LeaderElectionNamespace, Name: leaseName},
	}
	if !o.Settings.LeaderElect {
		return e, nil
	}
	e.lock, err = resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, e.key.Namespace, e.key.Name,
		resourcelock.ResourceLockConfig{Identity: e.identity}, rest.CopyConfig(o.Config), renewDeadline)
	if err != nil {
		return election{}, fmt.Errorf("building the leader's lease: %w", err)
	}
	return e, nil
}

// settle makes sure that there are the namespaces to keep things in, so that a manager run by hand, outside its
// installation, works instead of failing over and over. Whether there is one shows without the right to read
// namespaces.
func (e election) settle(ctx context.Context, config *rest.Config, deliveryNamespace string) error {
	api, err := client.New(config, client.Options{Scheme: Scheme()})
	if err != nil {
		return fmt.Errorf("building a client: %w", err)
	}
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: e.key.Namespace, Name: e.key.Name}}
	if err := ensureNamespaceOf(ctx, api, lease); err != nil {
		return fmt.Errorf("--leader-election-namespace: %w", err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: deliveryNamespace, Name: "open-spawn-probe"}}
	if err := ensureNamespaceOf(ctx, api, secret); err != nil {
		return fmt.Errorf("--delivery-namespace: %w", err)
	}
	return nil
}

// ensureNamespaceOf creates the namespace that an object could not be created in for want of it.
func ensureNamespaceOf(ctx context.Context, api client.Client, object client.Object) error {
	name := object.GetNamespace()
	if err := api.Create(ctx, object, client.DryRunAll); !apierrors.IsNotFound(err) {
		return nil // it has one; whatever else is wrong, whoever needs it says
	}
	err := api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("there is no namespace %q, and it could not be created: %w", name, err)
	}
	return nil
}

func (e election) check(reader client.Reader, c clock.PassiveClock) leadership.Check {
	if e.lock == nil {
		return leadership.Alone(e.identity)
	}
	return leadership.Lease{Reader: reader, Clock: c, Key: e.key, Holder: e.identity}
}
