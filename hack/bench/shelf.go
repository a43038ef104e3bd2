// SPDX-FileCopyrightText: The open-spawn authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	spawnv1 "github.com/cedros-io/open-spawn/api/v1alpha1"
	"github.com/cedros-io/open-spawn/internal/cloud"
	guards "github.com/cedros-io/open-spawn/internal/fleet"
	"github.com/cedros-io/open-spawn/internal/localrun"
	"github.com/cedros-io/open-spawn/internal/manager"
)

const (
	// restFleet and restNamespace are of every fleet at rest.
	restFleet, restNamespace = "bench", "bench"
	// clusterUID is the uid of the cluster that there is not.
	clusterUID = "5d4a6c1e-0000-4000-8000-000000000000"
)

// shelf stands in for the API server and its cache: it hands out the objects of a fleet at rest as a cache does, which
// does not copy what they point to. Everything else it has from a client in memory.
type shelf struct {
	client.Client

	droplets []spawnv1.Droplet
	bots     []spawnv1.Bot
	touched  atomic.Int64 // how often a single object was asked for, with which every reconcile begins
}

// newShelf makes the objects of a fleet at rest from its instances.
func newShelf(instances []cloud.Instance, team string) *shelf {
	s := &shelf{Client: fake.NewClientBuilder().WithScheme(manager.Scheme()).WithObjects(
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: types.UID(clusterUID)}},
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: localrun.SystemNamespace, Name: guards.RecordName},
			Data:       map[string]string{"fleetID": restFleet, "teamUUID": team, "clusterUID": clusterUID},
		},
	).Build()}
	for i := range instances {
		droplet, bot := objectsOf(&instances[i], botName(i))
		s.droplets, s.bots = append(s.droplets, *droplet), append(s.bots, *bot)
	}
	return s
}

// objectsOf are a Bot and its Droplet, which has nothing to learn about its instance.
func objectsOf(instance *cloud.Instance, name string) (*spawnv1.Droplet, *spawnv1.Bot) {
	born := metav1.Time{Time: instance.CreatedAt}
	droplet := &spawnv1.Droplet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: restNamespace, Name: instance.Name, Generation: 1, CreationTimestamp: born,
			Finalizers: []string{spawnv1.DropletFinalizer},
			Labels:     map[string]string{spawnv1.BotLabel: name, spawnv1.AccountLabel: accountName(0)},
		},
		Spec: spawnv1.DropletSpec{
			BotRef: spawnv1.BotReference{Name: name}, Region: instance.Region, Size: instance.Size,
			Image: "ubuntu-24-04-x64", PowerState: spawnv1.PowerOn,
		},
		Status: spawnv1.DropletStatus{
			InstanceID: instance.ID, State: string(instance.State), Size: instance.Size,
			PublicIPv4: instance.PublicIPv4, PrivateIPv4: instance.PrivateIPv4, PublicIPv6: instance.PublicIPv6,
			HourlyPriceMicros: instance.HourlyPriceMicros,
		},
	}
	for _, kind := range []string{spawnv1.ExistsCondition, spawnv1.AsSpecifiedCondition, spawnv1.ReadyCondition} {
		droplet.Status.Conditions = append(droplet.Status.Conditions, metav1.Condition{
			Type: kind, Status: metav1.ConditionTrue, Reason: "Bench", ObservedGeneration: 1, LastTransitionTime: born,
		})
	}
	owner := bot(0, restNamespace)
	owner.Name, owner.Generation, owner.CreationTimestamp = name, 1, born
	owner.Status.DropletName, owner.Status.InstanceID = instance.Name, instance.ID
	return droplet, owner
}

// List hands out what a cache would.
func (s *shelf) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	switch list := list.(type) {
	case *spawnv1.DropletList:
		list.Items = slices.Clone(s.droplets)
	case *spawnv1.BotList:
		list.Items = slices.Clone(s.bots)
	default:
		return s.Client.List(ctx, list, options...)
	}
	return nil
}

// Get counts who asks for an object of ours: nobody, at rest.
func (s *shelf) Get(
	ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption,
) error {
	switch object.(type) {
	case *spawnv1.Droplet, *spawnv1.Bot, *spawnv1.Account:
		s.touched.Add(1)
	}
	return s.Client.Get(ctx, key, object, options...)
}

// settleWindow is the default of the manager's flag; at rest nothing depends on it.
const settleWindow = 15 * time.Minute
